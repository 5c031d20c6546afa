//! What all pages of the console have in common: the frame, the headers, and how an error looks.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

/// The content type of pages.
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// No script at all, nothing from elsewhere, and nobody's frame (S24 of the threats). Codes stand in addresses, which
/// therefore are told to ourselves alone: `no-referrer` would also take the `Origin` from our own forms (Fetch, "append a
/// request `Origin` header").
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
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

/// A page that says what went wrong.
pub(crate) fn error(status: StatusCode, message: &str, request_id: &str) -> Markup {
    let title = status.canonical_reason().unwrap_or("Error");
    let content = html! {
        p.error role="alert" { (message) }
        p.small { "Request " code { (request_id) } }
    };
    page(title, &content)
}
