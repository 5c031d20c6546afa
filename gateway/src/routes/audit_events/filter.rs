//! Which events are meant, as the query of the URL says.

use contracts::audit::v1::AuditFilter;
use serde_json::json;
use uuid::Uuid;

use super::kinds::{SUBJECTS, camel, kind_of, subject_of};
use crate::{description::About, error::Error, query::parameter, routes::form::instant};

/// The parameters that narrow a list.
pub(super) const NAMES: [&str; 6] =
    ["type", "actor", "subject_type", "subject_uuid", "occurred_at_from", "occurred_at_to"];

/// Says that they are taken.
pub(super) fn describe(about: About) -> About {
    let types = json!({ "type": "string", "example": "PortalCreatedEvent,PortalUpdatedEvent" });
    let (uuid, instant) =
        (json!({ "type": "string", "format": "uuid" }), json!({ "type": "string", "format": "date-time" }));
    about
        .parameter("type", &types, "Events of these types, separated by commas.")
        .parameter("actor", &uuid, "What this user did.")
        .parameter(
            "subject_type",
            &json!({ "type": "string", "enum": SUBJECTS.map(camel) }),
            "What was done to such things.",
        )
        .parameter("subject_uuid", &uuid, "What was done to this one.")
        .parameter("occurred_at_from", &instant, "From then on.")
        .parameter("occurred_at_to", &instant, "Until then.")
}

/// Reads them. What is no type, UUID or time is refused: an empty list would hide the mistake.
pub(super) fn read(query: Option<&str>) -> Result<AuditFilter, Error> {
    let types = parameter(query, "type").unwrap_or_default();
    let types = types.split(',').filter(|_| !types.is_empty());
    let types = types.map(|name| kind_of(name).map(str::to_owned).ok_or(UNKNOWN_TYPE)).collect::<Result<_, _>>()?;
    let subject_type = parameter(query, "subject_type").map(|name| subject_of(&name).ok_or(UNKNOWN_SUBJECT));
    Ok(AuditFilter {
        types,
        actor_uuid: uuid(query, "actor")?,
        subject_type: subject_type.transpose()?.map(str::to_owned),
        subject_uuid: uuid(query, "subject_uuid")?,
        occurred_at_from: instant(query, "occurred_at_from")?,
        occurred_at_to: instant(query, "occurred_at_to")?,
    })
}

const UNKNOWN_TYPE: Error =
    Error::InvalidParameter("type", "types of events such as PortalCreatedEvent, separated by commas");
const UNKNOWN_SUBJECT: Error = Error::InvalidParameter("subject_type", "what events are about, such as Portal");

fn uuid(query: Option<&str>, name: &'static str) -> Result<Option<String>, Error> {
    let Some(text) = parameter(query, name) else { return Ok(None) };
    let uuid = Uuid::try_parse(&text).map_err(|_bad: uuid::Error| Error::InvalidParameter(name, "a UUID"))?;
    Ok(Some(uuid.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_narrows_and_what_is_wrong_is_named() {
        let nil = Uuid::nil();
        let all = format!(
            "type=PortalCreatedEvent,PORTAL_DELETED&actor={nil}&subject_type=Portal&subject_uuid={nil}\
             &occurred_at_from=2026-01-01T00:00:00Z&occurred_at_to=2026-01-01T01:00:00%2B01:00&x=y"
        );
        let filter = read(Some(&all)).unwrap();
        assert_eq!(filter.types, ["PORTAL_CREATED", "PORTAL_DELETED"]);
        assert_eq!((filter.actor_uuid, filter.subject_uuid), (Some(nil.to_string()), Some(nil.to_string())));
        assert_eq!(filter.subject_type.as_deref(), Some("portal"));
        assert!(filter.occurred_at_from.is_some() && filter.occurred_at_from == filter.occurred_at_to);
        assert_eq!(read(None).unwrap(), AuditFilter::default());
        for name in NAMES {
            let wrong = read(Some(&format!("{name}=wrong"))).unwrap_err();
            assert!(matches!(wrong, Error::InvalidParameter(said, _) if said == name), "{name} {wrong}");
        }
    }
}
