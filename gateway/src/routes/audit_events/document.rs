//! Events as JSON.

use contracts::audit::v1::{AuditActor, AuditEvent, AuditSubject};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{ToSchema, openapi::Object};

use super::kinds::{KINDS, camel, event_name};
use crate::{
    description::words,
    error::Error,
    routes::form::{graphql_id, missing, rfc3339},
};

/// An event.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub(super) struct EventJson {
    pub(super) uuid: String,
    #[schema(example = "QXVkaXRFdmVudC0tLTAxOGYyYjVl")]
    graphql_id: String,
    /// Such as `PortalCreatedEvent`.
    #[schema(schema_with = names)]
    pub(super) r#type: String,
    pub(super) occurred_at: String,
    /// Null: the system, the operator, or somebody unknown.
    pub(super) actor: Option<Party>,
    pub(super) subject: Party,
    /// Null: no request caused it.
    pub(super) context: Option<ContextJson>,
    /// What changed; its members depend on the type.
    #[schema(value_type = Object, example = json!({"slug": "main-builds"}))]
    pub(super) data: Map<String, Value>,
    #[schema(
        example = "https://portals.example/v2/organizations/my-organization/audit_events/018f2b5e-0000-7000-8000-000000000000"
    )]
    url: String,
}

fn names() -> Object {
    let names = KINDS.map(event_name);
    words(names.iter().map(String::as_str))
}

/// Who did it, or to what it was done, as it was then.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditParty)]
pub(super) struct Party {
    /// Such as `User`.
    #[schema(example = "User")]
    pub(super) r#type: String,
    pub(super) uuid: String,
    #[schema(example = "Ada")]
    pub(super) name: String,
}

/// The request that caused it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditContext)]
pub(super) struct ContextJson {
    /// Such as `APIContext`.
    #[schema(example = "APIContext")]
    pub(super) r#type: String,
    #[schema(example = "192.0.2.7")]
    pub(super) request_ip: Option<String>,
    pub(super) request_user_agent: Option<String>,
    pub(super) request_id: Option<String>,
    /// The credential that was presented.
    pub(super) credential_uuid: Option<String>,
}

/// A context as services write it.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Written {
    r#type: String,
    request_ip: Option<String>,
    request_user_agent: Option<String>,
    request_id: Option<String>,
    credential_uuid: Option<String>,
}

impl EventJson {
    /// An event of the list at `url`.
    pub(super) fn of(event: AuditEvent, url: &str) -> Result<Self, Error> {
        let AuditEvent { uuid, r#type, occurred_at, actor, subject, context_json, data_json, .. } = event;
        let actor = actor.map(|AuditActor { uuid, name }| Party { r#type: "User".to_owned(), uuid, name });
        let AuditSubject { r#type: subject_kind, uuid: subject_uuid, name } =
            subject.ok_or_else(|| missing("the subject of an event"))?;
        let context: Option<Written> = read(&context_json)?;
        Ok(Self {
            graphql_id: graphql_id("AuditEvent", &uuid),
            url: format!("{url}/{uuid}"),
            uuid,
            r#type: event_name(&r#type),
            occurred_at: rfc3339(occurred_at)?,
            actor,
            subject: Party { r#type: camel(&subject_kind), uuid: subject_uuid, name },
            context: context.map(ContextJson::of),
            data: read::<Option<_>>(&data_json)?.unwrap_or_default(),
        })
    }
}

impl ContextJson {
    fn of(written: Written) -> Self {
        let Written { r#type: kind, request_ip, request_user_agent, request_id, credential_uuid } = written;
        let name = if kind == "API" { kind } else { camel(&kind) };
        let request_id = request_id.filter(|id| !id.is_empty());
        Self { r#type: format!("{name}Context"), request_ip, request_user_agent, request_id, credential_uuid }
    }
}

fn read<T: for<'a> Deserialize<'a>>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| {
        tracing::error!(%error, "an event's JSON can't be read");
        Error::Internal
    })
}
