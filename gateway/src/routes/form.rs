//! Times and ids, as the public API reads and writes them.

use axum::extract::{Path, rejection::PathRejection};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat};
use kit::grpc::{to_instant, to_timestamp};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{error::Error, query};

/// RFC 3339 in UTC with milliseconds and `Z`.
pub(crate) fn rfc3339(at: Option<Timestamp>) -> Result<String, Error> {
    let at = at.as_ref().and_then(to_instant).ok_or_else(|| missing("a time"))?;
    Ok(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// The same where there may be none.
pub(crate) fn rfc3339_or_null(at: Option<Timestamp>) -> Result<Option<String>, Error> {
    at.map(|at| rfc3339(Some(at))).transpose()
}

/// An instant in the query. One that can't be read is refused: to go by another would hide the mistake.
pub(crate) fn instant(query: Option<&str>, name: &'static str) -> Result<Option<Timestamp>, Error> {
    const FORM: &str = "a time with its offset, as RFC 3339 has it (a + in a URL is %2B)";
    let Some(text) = query::parameter(query, name) else { return Ok(None) };
    match DateTime::parse_from_rfc3339(&text) {
        Ok(at) => Ok(Some(to_timestamp(at.to_utc()))),
        Err(_unreadable) => Err(Error::InvalidParameter(name, FORM)),
    }
}

/// The names in a path, unless they can't be decoded.
pub(crate) type Names<T> = Result<Path<T>, PathRejection>;

/// The names, or 404: nothing can have a name that can't be decoded.
pub(crate) fn names<T>(path: Names<T>) -> Result<T, Error> {
    path.map(|Path(names)| names).map_err(|_undecodable| Error::NotFound)
}

/// A UUID as a service takes it. What is none becomes the nil UUID, which nothing has: so the service says that there is no
/// such thing, after it has verified and counted the caller as for any other.
pub(crate) fn uuid_or_nil(text: &str) -> String {
    const HYPHENATED: usize = 36;
    let uuid = if text.len() == HYPHENATED { Uuid::parse_str(text).unwrap_or_default() } else { Uuid::nil() };
    uuid.to_string()
}

/// A number as a service takes it. What is none becomes 0, which nothing has: the service answers as for any other that
/// isn't there.
pub(crate) fn number_or_none(text: &str) -> u32 {
    whole(text).unwrap_or_default()
}

/// A whole number in decimal digits.
pub(crate) fn whole(text: &str) -> Option<u32> {
    // `parse` alone would take a leading plus.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The GraphQL id of a thing of `kind`: base64 of `Kind---uuid`.
pub(crate) fn graphql_id(kind: &str, uuid: &str) -> String {
    BASE64_STANDARD.encode(format!("{kind}---{uuid}"))
}

/// A service left out what it must say: a fault of ours.
pub(crate) fn missing(what: &'static str) -> Error {
    tracing::error!(what, "a service's reply lacks something");
    Error::Internal
}
