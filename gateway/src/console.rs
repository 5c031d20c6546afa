//! What all pages of the console have in common: the frame, the headers, and how an error looks.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

/// The content type of pages.
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// No script at all, nothing from elsewhere, and nobody's frame (S24 of the threats). Codes stand in addresses, which
/// therefore are told to ourselves alone: `no-referrer` would also take the `Origin` from our own forms (Fetch, "append a
/// request `Origin` header"). A page of another site that opens one of ours loses hold of its window.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Adds what every answer below `/console` has.
pub(crate) fn dress(headers: &mut HeaderMap) {
    headers.extend(HEADERS);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A whole page.
pub(crate) fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Portals" }
                link rel="stylesheet" href="/console/style.css";
            }
            body {
                header { a href="/console/" { "Portals" } }
                main {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

/// What somebody else named: a text whose direction doesn't reach the words around it.
pub(crate) fn named(name: &str) -> Markup {
    html! { strong dir="auto" { (name) } }
}

/// A page that says what went wrong.
pub(crate) fn error(status: StatusCode, message: &str, request_id: &str) -> Markup {
    let content = html! {
        p.error role="alert" { (message.trim_end_matches('.')) "." }
        p.small { "Request id " code { (request_id) } }
    };
    page(fault(status), &content)
}

/// A status for people.
fn fault(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Nothing here",
        StatusCode::CONFLICT => "Too late",
        StatusCode::TOO_MANY_REQUESTS => "Too many tries",
        status if status.is_client_error() => "That can't be done",
        _ => "Something went wrong",
    }
}
