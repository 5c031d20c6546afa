//! Replies that aren't errors.

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use tonic::metadata::MetadataMap;

/// The content type of every body.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A value as a JSON body.
pub(crate) fn body(value: &impl Serialize) -> Body {
    match serde_json::to_vec(value) {
        Ok(text) => Body::from(text),
        // Our types have string keys and no floats, so this can't happen; an empty body beats a panic.
        Err(error) => {
            tracing::error!(%error, "a reply can't be written");
            Body::empty()
        }
    }
}

/// A JSON reply with the rate figures of the RPC that it comes from.
pub(crate) fn json(status: StatusCode, metadata: &MetadataMap, value: &impl Serialize) -> Response {
    finish(status, metadata, body(value))
}

/// JSON that is passed on as it came.
pub(crate) fn raw(metadata: &MetadataMap, text: Bytes) -> Response {
    finish(StatusCode::OK, metadata, Body::from(text))
}

/// The same reply, with a credential in it that is to be kept by nobody on the way.
pub(crate) fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A reply without a body.
pub(crate) fn empty(metadata: &MetadataMap) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    put_figures(metadata, response.headers_mut());
    response
}

fn finish(status: StatusCode, metadata: &MetadataMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    put_figures(metadata, response.headers_mut());
    response
}

/// Copies the rate figures of an RPC, which are named alike on both sides.
pub(crate) fn put_figures(metadata: &MetadataMap, headers: &mut HeaderMap) {
    for (name, value) in metadata.as_ref() {
        if name.as_str().starts_with("ratelimit-") {
            headers.insert(name, value.clone());
        }
    }
}
