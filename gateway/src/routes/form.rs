//! Times and ids, as the public API writes them.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::SecondsFormat;
use kit::grpc::to_instant;
use prost_types::Timestamp;

use crate::error::Error;

/// RFC 3339 in UTC with milliseconds and `Z`.
pub(crate) fn rfc3339(at: Option<Timestamp>) -> Result<String, Error> {
    let at = at.as_ref().and_then(to_instant).ok_or_else(|| missing("a time"))?;
    Ok(at.to_rfc3339_opts(SecondsFormat::Millis, true))
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
