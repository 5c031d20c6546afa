//! `GET /`: a sign of life; for people, the way to the console.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;

use crate::{arrival::Arrival, description::About, gateway::Gateway, reply};

#[derive(Serialize, ToSchema)]
struct Greeting {
    #[schema(example = "Portals")]
    message: &'static str,
    #[schema(example = 1_767_268_800)]
    timestamp: i64,
}

/// [`greet`], described.
pub(crate) fn about_greet() -> About {
    About::of("greet", "Say who is here", "People whose `Accept` prefers HTML are led to the console.")
        .answers::<Greeting>("The greeting.")
        .answers_raw(303, "To the console.", json!({}))
        .with_header("Location", "Where the console is.")
}

/// Answers who is here and what time it is, or leads to the console.
pub(crate) async fn greet(State(gateway): State<Gateway>, _: Arrival, request: Request) -> Response {
    let mut response = if prefers_html(request.headers()) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/console/"));
        response
    } else {
        let greeting = Greeting { message: "Portals", timestamp: gateway.ambient().now().timestamp() };
        reply::json(StatusCode::OK, &MetadataMap::new(), &greeting)
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

/// Whether `Accept` likes HTML better than JSON (RFC 9110 §12.5.1).
fn prefers_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<_> = values.flat_map(|value| value.split(',')).map(range).collect();
    let quality = |names: [&str; 3]| {
        // The most specific range that fits counts.
        let named = |name: &str| ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(name));
        names.into_iter().find_map(named).map_or(0.0, |(_, quality)| *quality)
    };
    quality(["text/html", "text/*", "*/*"]) > quality(["application/json", "application/*", "*/*"])
}

/// A media range and its quality.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (name, quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_prefers_html_gets_it() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html", true),
            ("Text/HTML; q=0.5, application/json;q=0.4", true),
            ("*/*", false),
            ("application/json", false),
            ("text/html;q=0.5, */*", false),
            ("text/html, application/json", false),
            ("text/html;q=x", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(prefers_html(&headers), expected, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
