//! An API of one test's own over a fresh database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bed::each_engine;
use chrono::TimeDelta;
use kit::audit::Origin;
use kit::{
    ambient::{Ambient, Clock, Entropy, Instant},
    db::Database,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::People;
use crate::{
    Api, Migrator, Organization, Role, Settings, User, Viewer,
    domain::relay::{Kind, encode},
};

/// A fresh database with an organization that has one pipeline.
pub(super) struct World {
    pub(super) api: Api,
    pub(super) organization: Organization,
    pub(super) pipeline: Uuid,
    pub(super) people: People,
    pub(super) database: Database,
}

/// Runs `test` in a new world on each engine.
pub(super) async fn everywhere(test: impl AsyncFn(World)) {
    each_engine(async |bed| test(World::new(&bed.url).await).await).await;
}

/// A clock that moves a millisecond each time it is read: ids sort by it, and two of one millisecond have no order.
struct Ticking {
    system: Ambient,
    ticks: AtomicI64,
}

impl Clock for Ticking {
    fn now(&self) -> Instant {
        self.system.now() + TimeDelta::milliseconds(self.ticks.fetch_add(1, Ordering::Relaxed))
    }

    fn since_boot(&self) -> Duration {
        self.system.since_boot()
    }
}

impl Entropy for Ticking {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.system.bytes::<1>()[0]);
    }
}

pub(super) fn organization(slug: &str) -> Organization {
    Organization { uuid: Ambient::system().uuid(), slug: slug.to_owned(), name: slug.to_uppercase() }
}

/// An administrator.
pub(super) fn ada() -> User {
    user(0xada, "Ada")
}

/// A member.
pub(super) fn bob() -> User {
    user(0xb0b, "Bob")
}

/// Another one.
pub(super) fn cyd() -> User {
    user(0xc7d, "Cyd")
}

/// Somebody with a `UUIDv7`.
pub(super) fn user(number: u128, name: &str) -> User {
    let uuid = Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_0000 | number);
    User { uuid, name: name.to_owned(), email: format!("{}@acme.test", name.to_lowercase()) }
}

impl World {
    async fn new(url: &str) -> Self {
        let database = Database::open(url).await.unwrap();
        database.migrate::<Migrator>().await.unwrap();
        database.require_schema::<Migrator>().await.unwrap();
        let settings = Settings { public_url: "https://portals.test/".to_owned(), ..Settings::default() };
        let ticking = Arc::new(Ticking { system: Ambient::system(), ticks: AtomicI64::new(0) });
        let ambient = Ambient::new(Arc::<Ticking>::clone(&ticking), ticking);
        let people = People::default();
        let api = Api::new(database.clone(), Arc::new(people.clone()), ambient, settings);
        let organization = organization("acme-inc");
        people.join(organization.uuid, ada(), Role::Admin);
        people.join(organization.uuid, bob(), Role::Member);
        people.join(organization.uuid, cyd(), Role::Member);
        let pipeline = api.ensure_pipeline(&organization, "my-pipeline", "My Pipeline").await.unwrap();
        Self { api, organization, pipeline, people, database }
    }

    /// The organization's own authority.
    pub(super) fn authority(&self) -> Viewer {
        Viewer { user: None, organizations: vec![self.organization.clone()] }
    }

    /// An administrator of the organization.
    pub(super) fn ada(&self) -> Viewer {
        self.as_user(ada())
    }

    /// The organization as a user sees it.
    pub(super) fn as_user(&self, user: User) -> Viewer {
        Viewer { user: Some(user), ..self.authority() }
    }

    /// The global id of the organization.
    pub(super) fn organization_id(&self) -> String {
        encode(Kind::Organization, self.organization.uuid)
    }

    /// The global id of the pipeline.
    pub(super) fn pipeline_id(&self) -> String {
        encode(Kind::Pipeline, self.pipeline)
    }

    /// Runs a document as a stored one, with the organization's authority.
    pub(super) async fn run(&self, document: &str, variables: Value) -> Value {
        self.run_as(self.authority(), document, variables).await
    }

    pub(super) async fn run_as(&self, viewer: Viewer, document: &str, variables: Value) -> Value {
        let prepared = self.api.prepare(document).unwrap();
        parse(&self.api.execute(&prepared, object(&variables), (viewer, Origin::default())).await)
    }

    /// Runs a document as a caller's own.
    pub(super) async fn query(&self, document: &str, variables: Value) -> Value {
        parse(&self.api.query(document, None, object(&variables), (self.authority(), Origin::default())).await.json)
    }

    /// Makes a build and gives its `fields`.
    pub(super) async fn build(&self, input: Value, fields: &str) -> Value {
        self.build_as(self.authority(), input, fields).await
    }

    pub(super) async fn build_as(&self, viewer: Viewer, mut input: Value, fields: &str) -> Value {
        input["pipelineID"] = json!(self.pipeline_id());
        let document =
            format!("mutation($i: BuildCreateInput!) {{ buildCreate(input: $i) {{ build {{ {fields} }} }} }}");
        let answer = self.run_as(viewer, &document, json!({ "i": input })).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"]["buildCreate"]["build"].clone()
    }
}

pub(super) fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn object(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The message of the only error, which must name the field that it belongs to.
pub(super) fn refusal<'a>(answer: &'a Value, path: &Value) -> &'a str {
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["path"]), (1, path), "{answer}");
    assert_eq!(answer["data"][path[0].as_str().unwrap()], Value::Null, "{answer}");
    assert!(answer["data"].as_object().unwrap().contains_key(path[0].as_str().unwrap()), "{answer}");
    errors[0]["message"].as_str().unwrap()
}
