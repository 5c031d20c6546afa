//! The audit trail on the wire.

use contracts::audit::v1::{AuditActor, AuditEvent, AuditFilter, AuditSubject, list_audit_events_request};
use kit::{
    ambient::Instant,
    audit::{Actor, Filter, Place, Recorded, RecordedSubject},
    grpc::{to_instant, to_timestamp},
};
use uuid::Uuid;

use crate::error::Error;

/// Events of a page unless it is said how many, and the most.
const USUAL: u32 = 30;
const MOST: u32 = 500;

pub(super) fn limit(asked: u32) -> Result<u32, Error> {
    match asked {
        0 => Ok(USUAL),
        1..=MOST => Ok(asked),
        _ => Err(Error::invalid("limit", "must be 500 or less")),
    }
}

pub(super) fn place(place: Option<&list_audit_events_request::Place>) -> Result<Place, Error> {
    use list_audit_events_request::Place as Asked;
    Ok(match place {
        None => Place::Newest,
        Some(Asked::AfterUuid(text)) => Place::After(uuid("after_uuid", text)?),
        Some(Asked::BeforeUuid(text)) => Place::Before(uuid("before_uuid", text)?),
    })
}

pub(super) fn filter(organization: Uuid, filter: Option<AuditFilter>) -> Result<Filter, Error> {
    let AuditFilter { types, actor_uuid, subject_type, subject_uuid, occurred_at_from, occurred_at_to } =
        filter.unwrap_or_default();
    let instant = |field, at: Option<Instant>| at.ok_or_else(|| Error::invalid(field, "must be a time"));
    Ok(Filter {
        organization,
        kinds: types,
        actor: actor_uuid.map(|text| uuid("filter.actor_uuid", &text)).transpose()?,
        subject_kind: subject_type,
        subject: subject_uuid.map(|text| uuid("filter.subject_uuid", &text)).transpose()?,
        from: occurred_at_from.map(|at| instant("filter.occurred_at_from", to_instant(&at))).transpose()?,
        to: occurred_at_to.map(|at| instant("filter.occurred_at_to", to_instant(&at))).transpose()?,
    })
}

pub(super) fn uuid(field: &str, text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_bad: uuid::Error| Error::invalid(field, "must be a UUID"))
}

pub(super) fn event(event: Recorded) -> AuditEvent {
    let Recorded { uuid, organization, kind, occurred_at, actor, subject, context, data } = event;
    let RecordedSubject { kind: subject_kind, uuid: subject_uuid, name } = subject;
    AuditEvent {
        uuid: uuid.to_string(),
        organization_uuid: organization.to_string(),
        r#type: kind,
        occurred_at: Some(to_timestamp(occurred_at)),
        actor: actor.map(|Actor { uuid, name }| AuditActor { uuid: uuid.to_string(), name }),
        subject: Some(AuditSubject { r#type: subject_kind, uuid: subject_uuid.to_string(), name }),
        context_json: context.to_string(),
        data_json: data.to_string(),
    }
}
