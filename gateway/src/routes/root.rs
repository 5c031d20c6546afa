//! `GET /`: a sign of life.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use tonic::metadata::MetadataMap;

use crate::{arrival::Arrival, gateway::Gateway, reply};

#[derive(Serialize)]
struct Greeting {
    message: &'static str,
    timestamp: i64,
}

/// Answers who is here and what time it is.
pub(crate) async fn greet(State(gateway): State<Gateway>, _: Arrival) -> Response {
    let greeting = Greeting { message: "Portals", timestamp: gateway.ambient().now().timestamp() };
    reply::json(StatusCode::OK, &MetadataMap::new(), &greeting)
}
