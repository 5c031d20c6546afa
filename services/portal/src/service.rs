//! The service: its parts, its start, and what several RPCs need.

use std::{net::IpAddr, sync::Arc, time::Duration};

use contracts::{
    audit::v1::audit_service_server::{AuditServiceServer, SERVICE_NAME as AUDIT},
    execution::v1::execution_service_server::{ExecutionServiceServer, SERVICE_NAME as EXECUTION},
    registry::v1::registry_service_server::SERVICE_NAME as REGISTRY,
    webhook::v1::webhook_service_server::{SERVICE_NAME as WEBHOOK, WebhookServiceServer},
};
use kit::{
    ambient::Ambient,
    audit::{Event, Subject},
    boot::{Readiness, Tasks},
    canary::{self, WrongKeys},
    db::{Database, OpenError},
    grpc::{Caller, MOST_REQUEST_BYTES, MOST_RESULT_BYTES, Peer},
    keys::{BadKeyFile, RootKeys},
    window::{Counter, Key, Sharing},
};
use moka::sync::Cache;
use sea_orm::DbErr;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tonic::service::Routes;
use uuid::Uuid;

use crate::{
    catalog::{self, Catalog},
    compiler::Compiler,
    config::Config,
    domain::{
        id::{OrganizationId, PortalId, UpstreamId},
        organization::Organization,
    },
    error::Error,
    graphql::{BadSchema, Embedded},
    keys::Keyring,
    rpc::Registry,
    store::{Migrator, Store, Unwritten},
    upstream::{
        outbound::Outbound,
        target::{Target, Targets},
    },
    verifier::Verifier,
    webhooks::Desk,
};

/// A portal's refusals of one address are audited once in this time.
const DENIAL: Duration = Duration::from_mins(1);
const MOST_DENIALS: u64 = 10_000;

/// How long a budget of complexity lasts.
const COMPLEXITY_WINDOW_SECONDS: u32 = 300;

/// Who spends complexity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Spender {
    Organization(OrganizationId),
    User(Uuid),
}

impl Key for Spender {
    fn name(&self) -> String {
        match self {
            Self::Organization(OrganizationId(uuid)) => format!("organization {uuid}"),
            Self::User(uuid) => format!("user {uuid}"),
        }
    }
}

impl Key for OrganizationId {
    fn name(&self) -> String {
        self.0.to_string()
    }
}

/// Why the service can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("portal database")]
    Database(#[from] OpenError),
    /// The key file.
    #[error("portal keys")]
    Keys(#[from] BadKeyFile),
    /// The key file is another's.
    #[error("portal keys")]
    WrongKeys(#[from] WrongKeys),
    /// The built-in API's schema.
    #[error("built-in API")]
    Schema(#[from] BadSchema),
    /// No upstream can be called.
    #[error("the certificates that upstreams are known by")]
    Upstreams(#[from] rustls::Error),
    /// The verifier can't be made.
    #[error("the verifier can't be made")]
    Verifier,
    /// The registry can't be written.
    #[error("portal database")]
    Registry(#[from] DbErr),
}

/// The portal service. Clones share it.
#[derive(Clone, Debug)]
pub struct Service(pub(crate) Arc<Parts>);

/// What the service is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) ambient: Ambient,
    pub(crate) store: Store,
    pub(crate) verifier: Verifier,
    pub(crate) keyring: Keyring,
    pub(crate) targets: Targets,
    pub(crate) outbound: Outbound,
    pub(crate) compiler: Compiler,
    pub(crate) catalog: Catalog,
    /// What is being delivered to notification services.
    pub(crate) desk: Desk,
    /// Something was left to the sweep.
    pub(crate) unfinished: Notify,
    pub(crate) calls: Counter<OrganizationId>,
    /// What callers' own documents cost.
    pub(crate) complexity: Counter<Spender>,
    /// Refusals that were audited: the portal, the address, and the token if it was refused by the token's own list.
    pub(crate) denials: Cache<(PortalId, Option<IpAddr>, Option<Uuid>), ()>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

impl Service {
    /// The gRPC services that it answers.
    pub const NAMES: [&'static str; 4] = [REGISTRY, EXECUTION, AUDIT, WEBHOOK];

    /// Brings the database's schema up to this version.
    pub async fn migrate(config: &Config) -> Result<(), StartError> {
        Ok(Database::open(&config.database_url).await?.migrate::<Migrator>().await?)
    }

    /// Opens the service on a migrated database. `token` is the token service, `upstream` the built-in API.
    pub async fn open(
        config: Config,
        ambient: Ambient,
        token: Peer,
        upstream: Arc<dyn Embedded>,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let database = Database::open_with(&config.database_url, config.database_connections).await?;
        database.require_schema::<Migrator>().await?;
        let keys = RootKeys::read(&config.keys_file)?;
        canary::check(&database, &keys).await?;
        database.show("portal");
        let verifier = Verifier::new(token, config.service_key.clone(), ambient.clone());
        let sharing = Sharing::among(&database, tasks, &ambient);
        let service = Self(Arc::new(Parts {
            store: Store::new(database, ambient.clone()),
            verifier: verifier.map_err(|_short_key: Error| StartError::Verifier)?,
            targets: Targets::new(upstream, &keys)?,
            keyring: Keyring::new(keys),
            outbound: Outbound::new(&config.upstream, ambient.clone())?,
            compiler: Compiler::new(),
            catalog: Catalog::new(config.limits.in_flight_per_portal, ambient.clone()),
            desk: Desk::default(),
            unfinished: Notify::new(),
            calls: sharing.counter("calls"),
            complexity: sharing.lasting("complexity", COMPLEXITY_WINDOW_SECONDS),
            denials: Cache::builder().max_capacity(MOST_DENIALS).time_to_live(DENIAL).build(),
            ambient,
            config,
        }));
        service.0.verifier.watch(tasks);
        service.0.verifier.report_uses(tasks);
        service.keep_usage(tasks);
        service.look_for_changes(tasks);
        service.hear_of_changes(tasks);
        service.sweep(tasks);
        service.follow_schemas(tasks);
        service.follow_keys(tasks);
        service.deliver_webhooks(tasks);
        service.show_figures(tasks);
        Ok(service)
    }

    /// The RPCs.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let registry = Registry::of(self);
        let execution = ExecutionServiceServer::new(self.clone())
            .max_decoding_message_size(MOST_REQUEST_BYTES)
            .max_encoding_message_size(MOST_RESULT_BYTES);
        let audit = AuditServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES);
        let webhook = WebhookServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES);
        Routes::new(registry).add_service(execution).add_service(audit).add_service(webhook)
    }

    /// Makes an organization unless one of that slug is there. The UUID of the one that is there.
    pub async fn ensure_organization(&self, slug: &str, name: &str) -> Result<Uuid, StartError> {
        let Self(parts) = self;
        if let Some(there) = parts.store.find_organization(slug).await? {
            return Ok(there.id.0);
        }
        let made = parts.create_organization(slug.to_owned(), name.to_owned(), Value::Null).await;
        made.map(|organization| organization.id.0).map_err(|unwritten| match unwritten {
            Unwritten::Database(error) | Unwritten::Unknown(error) => error.into(),
            other => DbErr::Custom(format!("{other:?}")).into(),
        })
    }

    /// Looks from time to time whether another node changed something: the truth, whatever became of hints.
    pub(crate) fn look_for_changes(&self, tasks: &Tasks) {
        let service = self.clone();
        tasks.every(catalog::FOLLOW, move || service.clone().follow());
    }

    /// Looks when another node hints at something.
    pub(crate) fn hear_of_changes(&self, tasks: &Tasks) {
        let service = self.clone();
        self.0.store.listen(tasks, move || service.clone().follow());
    }

    async fn follow(self) {
        let Self(parts) = self;
        if let Err(error) = parts.catalog.follow(&parts.store).await {
            tracing::warn!(%error, "the change counter can't be read");
        }
    }
}

impl Parts {
    /// Who calls, as far as this service believes it.
    pub(crate) fn caller<T>(&self, request: &tonic::Request<T>) -> Caller {
        Caller::of(request, &self.config.service_key)
    }

    /// Who calls an RPC that is for services only.
    pub(crate) fn service<T>(&self, request: &tonic::Request<T>) -> Result<Caller, Error> {
        let caller = self.caller(request);
        if caller.is_service { Ok(caller) } else { Err(Error::ServiceKeyRequired) }
    }

    /// Where a portal on `upstream` runs. `None`: that upstream isn't there.
    pub(crate) async fn target(&self, upstream: Option<UpstreamId>) -> Result<Option<Arc<Target>>, DbErr> {
        self.targets.find(upstream, self.catalog.generation(), &self.store).await
    }

    /// Where a portal on the upstream of that slug runs; `None`: the built-in API.
    pub(crate) async fn target_of_slug(
        &self,
        organization: OrganizationId,
        slug: Option<&str>,
    ) -> Result<Arc<Target>, Error> {
        let Some(slug) = slug else { return Ok(Arc::clone(self.targets.built_in())) };
        let unknown = || Error::invalid("upstream", format!("{slug:?} doesn't exist"));
        let upstream = self.store.find_upstream(organization, slug).await?.ok_or_else(unknown)?;
        self.target(Some(upstream.id)).await?.ok_or_else(unknown)
    }

    /// Writes a new organization. `context`: how it came about.
    pub(crate) async fn create_organization(
        &self,
        slug: String,
        name: String,
        context: Value,
    ) -> Result<Organization, Unwritten> {
        let id = OrganizationId(self.ambient.uuid());
        let event = Event {
            kind: "ORGANIZATION_CREATED",
            organization: id.0,
            actor: None,
            subject: Subject { kind: "organization", uuid: id.0, name: name.clone() },
            context,
            data: json!({ "slug": slug }),
        };
        let created_at = self.ambient.now();
        let organization = Organization { id, slug, name, portal_requests_per_minute: None, created_at };
        self.store.create_organization(&organization, event).await?;
        self.catalog.changed();
        Ok(organization)
    }
}

#[async_trait::async_trait]
impl Readiness for Service {
    async fn ready(&self) -> Result<(), String> {
        self.0.store.ping().await.map_err(|error| format!("portal database: {error}"))
    }
}
