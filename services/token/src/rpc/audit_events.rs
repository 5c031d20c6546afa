//! The audit trail on the wire.

use contracts::audit::v1::{AuditActor, AuditEvent, AuditFilter, AuditSubject, list_audit_events_request};
use kit::{
    ambient::Instant,
    audit::{Actor, Filter, Place, Recorded, RecordedSubject},
    grpc::{to_instant, to_timestamp},
};
use uuid::Uuid;

use super::{authority::Need, parse};
use crate::{Error, domain::scope::Scope};

/// To read the trail.
pub(super) const READ_TRAIL: Need =
    Need { scope: Scope::ReadAuditEvents, administrator: true, missing: "No audit event found" };

/// Events of a page unless it is said how many, and the most.
const USUAL: u32 = 30;
const MOST: u32 = 500;

pub(super) fn limit(asked: u32) -> Result<u32, Error> {
    match asked {
        0 => Ok(USUAL),
        1..=MOST => Ok(asked),
        _ => Err(parse::invalid("limit", "must be 500 or less")),
    }
}

pub(super) fn place(place: Option<list_audit_events_request::Place>) -> Result<Place, Error> {
    use list_audit_events_request::Place as Asked;
    Ok(match place {
        None => Place::Newest,
        Some(Asked::AfterUuid(uuid)) => Place::After(parse::uuid("after_uuid", &uuid)?),
        Some(Asked::BeforeUuid(uuid)) => Place::Before(parse::uuid("before_uuid", &uuid)?),
    })
}

pub(super) fn filter(organization: Uuid, filter: Option<AuditFilter>) -> Result<Filter, Error> {
    let AuditFilter { types, actor_uuid, subject_type, subject_uuid, occurred_at_from, occurred_at_to } =
        filter.unwrap_or_default();
    let instant = |field, at: Option<Instant>| at.ok_or_else(|| parse::invalid(field, "must be a time"));
    let uuid = |field, text: Option<String>| text.map(|text| parse::uuid(field, &text)).transpose();
    Ok(Filter {
        organization,
        kinds: types,
        actor: uuid("filter.actor_uuid", actor_uuid)?,
        subject_kind: subject_type,
        subject: uuid("filter.subject_uuid", subject_uuid)?,
        from: occurred_at_from.map(|at| instant("filter.occurred_at_from", to_instant(&at))).transpose()?,
        to: occurred_at_to.map(|at| instant("filter.occurred_at_to", to_instant(&at))).transpose()?,
    })
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
