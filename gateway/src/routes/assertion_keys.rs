//! `GET /.well-known/jwks.json`: the keys by which upstreams check user assertions.

use axum::{extract::State, response::Response};
use contracts::registry::v1::{GetAssertionKeysRequest, GetAssertionKeysResponse};
use http::{HeaderValue, header};
use serde_json::json;

use crate::{arrival::Arrival, description::About, error::Error, gateway::Gateway, realm::Realm, reply};

/// RFC 7517 §8.5.2.
const KEY_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
/// How long a set may be kept: a new key is published well before it signs, and an old one stays after it did
/// (docs/user-identity.md).
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// [`show`], described.
pub(crate) fn about_show() -> About {
    let key = json!({ "type": "object", "properties": { "kty": { "type": "string" }, "kid": { "type": "string" } } });
    let schema =
        json!({ "type": "object", "properties": { "keys": { "type": "array", "items": key } }, "required": ["keys"] });
    let content = json!({ "application/jwk-set+json": { "schema": schema } });
    About::of(
        "get_assertion_keys",
        "The keys of user assertions",
        "By them, upstreams check who a portal is run as (RFC 7517).",
    )
    .answers_raw(200, "The key set.", content)
}

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
