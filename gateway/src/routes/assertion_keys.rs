//! `GET /.well-known/jwks.json`: the keys by which upstreams check user assertions.

use axum::{extract::State, response::Response};
use contracts::registry::v1::{GetAssertionKeysRequest, GetAssertionKeysResponse};
use http::{HeaderValue, header};

use crate::{arrival::Arrival, error::Error, gateway::Gateway, realm::Realm, reply};

/// RFC 7517 §8.5.2.
const KEY_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
/// How long a set may be kept: a new key is published well before it signs, and an old one stays after it did
/// (docs/user-identity.md).
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// Shows the keys to everybody.
pub(crate) async fn show(State(gateway): State<Gateway>, arrival: Arrival) -> Result<Response, Error> {
    let request = gateway.plain_request(&arrival, GetAssertionKeysRequest {});
    let reply = gateway.call(Realm::Api, &arrival, gateway.registry().get_assertion_keys(request)).await?;
    let (metadata, GetAssertionKeysResponse { jwks_json }, _) = reply.into_parts();
    let mut response = reply::raw(&metadata, jwks_json.into());
    response.headers_mut().insert(header::CONTENT_TYPE, KEY_SET);
    response.headers_mut().insert(header::CACHE_CONTROL, KEPT);
    Ok(response)
}
