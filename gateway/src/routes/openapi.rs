//! `GET /v2/openapi.json` and `GET /docs`: what the API says of itself.

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use tonic::metadata::MetadataMap;

use crate::{arrival::Arrival, console::HTML, description::About, gateway::Gateway, reply};

const STYLE: &str = include_str!("openapi/style.css");
/// It changes with the program only.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// [`show`], described.
pub(crate) fn about_show() -> About {
    let content = json!({ "application/json": { "schema": { "type": "object", "required": ["openapi", "paths"] } } });
    About::of("get_description", "This description", "`/docs` shows it to people.").answers_raw(
        200,
        "An OpenAPI 3.1 document.",
        content,
    )
}

/// Answers the description.
pub(crate) async fn show(State(gateway): State<Gateway>, _: Arrival) -> Response {
    let mut response = reply::raw(&MetadataMap::new(), gateway.description().json());
    response.headers_mut().insert(header::CACHE_CONTROL, KEPT);
    response
}

/// Answers the description as a page.
pub(crate) async fn page(State(gateway): State<Gateway>, _: Arrival) -> Response {
    kept(gateway.description().page().into(), HTML)
}

/// Answers the stylesheet of that page.
pub(crate) async fn style(_: Arrival) -> Response {
    kept(Body::from(STYLE), HeaderValue::from_static("text/css; charset=utf-8"))
}

fn kept(body: Body, media: HeaderValue) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response.headers_mut().insert(header::CACHE_CONTROL, KEPT);
    response
}
