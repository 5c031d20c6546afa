//! From messages to domain types, naming the bad field.

use contracts::token::v1 as wire;
use kit::{error::Violation, grpc::to_instant};
use uuid::Uuid;

use crate::{
    Error,
    domain::{token::PortalKind, user::User},
};

/// The UUID in the field of that name.
pub(super) fn uuid(field: &str, text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_bad| invalid(field, "must be a UUID"))
}

/// The user in the field of that name; `None` when absent.
pub(super) fn user(field: &str, message: Option<wire::User>) -> Result<Option<User>, Error> {
    let Some(wire::User { uuid: id, name, email, created_at }) = message else { return Ok(None) };
    let created_at = created_at.as_ref().and_then(to_instant);
    Ok(Some(User {
        uuid: uuid(&format!("{field}.uuid"), &id)?,
        name,
        email,
        created_at: created_at.ok_or_else(|| invalid(&format!("{field}.created_at"), "must be a time"))?,
    }))
}

/// The kinds of tokens in the field of that name.
pub(super) fn kinds(field: &str, numbers: &[i32]) -> Result<Vec<PortalKind>, Error> {
    let kind = |number: &i32| match wire::PortalTokenKind::try_from(*number) {
        Ok(wire::PortalTokenKind::Service) => Ok(PortalKind::Service),
        Ok(wire::PortalTokenKind::Ephemeral) => Ok(PortalKind::Ephemeral),
        Ok(wire::PortalTokenKind::User) => Ok(PortalKind::User),
        Ok(wire::PortalTokenKind::Unspecified) | Err(_) => Err(invalid(field, "must be kinds of portal tokens")),
    };
    numbers.iter().map(kind).collect()
}

/// That the field of that name doesn't serve.
pub(super) fn invalid(field: &str, why: &str) -> Error {
    Error::Invalid(Violation::new(field, why))
}
