//! A GraphQL API that portals run on.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use kit::{ambient::Instant, error::Violation};
use url::Url;

use super::{
    id::{OrganizationId, UpstreamId},
    portal::Author,
    slug::Slug,
};

/// Headers of an upstream.
const MOST_HEADERS: usize = 32;
/// Bytes of their names and values.
const MOST_HEADER_BYTES: usize = 8 << 10;
/// The shortest time that an operation may be given.
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
/// Headers that are the connection's or the request's own.
const OWN_HEADERS: [&str; 16] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// What begins the names of headers that this system itself makes.
const OWN_PREFIX: &str = "portal-";

/// An upstream. The values of its headers aren't here: only [`crate::store`] and the one who dials see them.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) id: UpstreamId,
    pub(crate) organization: OrganizationId,
    pub(crate) slug: Slug,
    pub(crate) url: Url,
    /// The names of the headers that it is sent, in order.
    pub(crate) header_names: Vec<String>,
    pub(crate) source: Source,
    /// How long an operation may take; `None`: as long as the installation allows.
    pub(crate) timeout: Option<Duration>,
    pub(crate) schema: SchemaState,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    pub(crate) created_by: Author,
}

/// Where an upstream's schema comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An administrator gave it.
    Sdl,
    /// The upstream is asked for it.
    Introspection,
}

/// What is known of an upstream's schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaState {
    /// SHA-256 of its text, hexadecimal; `None`: it was never had.
    pub(crate) digest: Option<String>,
    /// When that text came first.
    pub(crate) changed_at: Option<Instant>,
    /// When the upstream was last asked, or the text given.
    pub(crate) checked_at: Option<Instant>,
    /// Why it couldn't be had when last asked: a sentence.
    pub(crate) fault: Option<String>,
}

/// The slug of an upstream, or what is wrong with it.
pub(crate) fn check_slug(slug: &str) -> Result<Slug, Violation> {
    Slug::parse(slug).ok_or_else(|| Violation::new("slug", "must be 1 to 100 of a-z, 0-9 and -, and not begin with -"))
}

/// The headers to send, values marked as sensitive, or everything that is wrong. No value is in a message.
pub(crate) fn check_headers<'a>(given: impl Iterator<Item = (&'a str, &'a str)>) -> Result<HeaderMap, Vec<Violation>> {
    let given: Vec<_> = given.collect();
    if given.len() > MOST_HEADERS {
        return Err(vec![Violation::new("headers", format!("must not be more than {MOST_HEADERS}"))]);
    }
    if given.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MOST_HEADER_BYTES {
        let message = format!("must not be longer than {MOST_HEADER_BYTES} bytes in all");
        return Err(vec![Violation::new("headers", message)]);
    }
    let (mut headers, mut faults) = (HeaderMap::new(), Vec::new());
    for (name, value) in given {
        match check_header(name, value) {
            Ok((name, value)) if !headers.contains_key(&name) => drop(headers.insert(name, value)),
            Ok(_) => faults.push(Violation::new(format!("headers.{name}"), "is given twice")),
            Err(fault) => faults.push(Violation::new(format!("headers.{name}"), fault)),
        }
    }
    if faults.is_empty() { Ok(headers) } else { Err(faults) }
}

/// Whether a header of that name is the connection's, the request's or ours, so that an upstream can't be given one.
pub(crate) fn is_own_header(name: &HeaderName) -> bool {
    OWN_HEADERS.contains(&name.as_str()) || name.as_str().starts_with(OWN_PREFIX)
}

fn check_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let name = parsed.map_err(|_not_a_token: http::header::InvalidHeaderName| "is no header name")?;
    if is_own_header(&name) {
        return Err("can't be set: it belongs to the request itself");
    }
    let parsed = HeaderValue::from_str(value.trim());
    let mut value = parsed.map_err(|_shows_it: http::header::InvalidHeaderValue| {
        "has a value that no header can have: visible ASCII characters and spaces only"
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// How long an operation may take, from milliseconds; 0: as long as the installation allows, which is `most`.
pub(crate) fn check_timeout(ms: u32, most: Duration) -> Result<Option<Duration>, Violation> {
    let timeout = Duration::from_millis(ms.into());
    let range = LEAST_TIMEOUT..=most;
    match ms {
        0 => Ok(None),
        _ if range.contains(&timeout) => Ok(Some(timeout)),
        _ => {
            let message = format!("must be {} to {}", LEAST_TIMEOUT.as_millis(), most.as_millis());
            Err(Violation::new("timeout_ms", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(given: &[(&str, &str)]) -> Vec<(String, String)> {
        let faults = check_headers(given.iter().copied()).unwrap_err();
        faults.into_iter().map(|fault| (fault.field, fault.message)).collect()
    }

    #[test]
    fn every_header_that_can_not_be_sent_is_named_without_its_value() {
        let found = faults(&[
            ("Host", "a"),
            ("content-length", "1"),
            ("Portal-User-Assertion", "x"),
            ("a b", "x"),
            ("x-line", "hush\r\nx: y"),
            ("x-twice", "1"),
            ("X-Twice", "2"),
        ]);
        let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        let expected = ["Host", "content-length", "Portal-User-Assertion", "a b", "x-line", "X-Twice"];
        assert_eq!(fields, expected.map(|name| format!("headers.{name}")));
        assert!(found.iter().all(|(_, message)| !message.contains("hush")), "{found:?}");
    }

    #[test]
    fn headers_are_few_short_and_sensitive() {
        let many: Vec<_> = (0..33).map(|n| format!("x-{n}")).collect();
        assert_eq!(faults(&many.iter().map(|name| (name.as_str(), "1")).collect::<Vec<_>>())[0].0, "headers");
        assert_eq!(faults(&[("x-long", &"a".repeat(9_000))])[0].0, "headers");
        let good = check_headers([("Authorization", "Bearer hush ")].into_iter()).unwrap();
        assert_eq!(good["authorization"], "Bearer hush");
        assert!(!format!("{good:?}").contains("hush"));
    }

    #[test]
    fn a_timeout_stays_within_the_installation_s() {
        let most = Duration::from_secs(30);
        assert_eq!(check_timeout(0, most), Ok(None));
        assert_eq!(check_timeout(100, most), Ok(Some(Duration::from_millis(100))));
        for wrong in [99, 30_001] {
            assert_eq!(check_timeout(wrong, most).unwrap_err().field, "timeout_ms");
        }
    }
}
