//! What the router answers by itself.

use crate::{arrival::Arrival, error::Error};

/// No such route.
pub(crate) async fn not_found(_: Arrival) -> Error {
    Error::NotFound
}

/// No such method; the router adds `Allow`. Comes before the check for credentials, as spec §2 orders.
pub(crate) async fn method_not_allowed() -> Error {
    Error::MethodNotAllowed
}
