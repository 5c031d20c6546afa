//! Whom a request is for: readers of one connection must agree on it (RFC 9112 §3.2).

use axum::extract::Request;
use http::{HeaderValue, Version, header, uri::Authority};

/// Whether HTTP/1.1 allows what the request says of its host: one `Host`, and nothing in it that is no host. Nothing here goes by
/// it, but a proxy in front may. HTTP/2 has `:authority`, which its own rules keep; HTTP/1.0 needn't say anything.
pub(crate) fn is_named_once(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// An empty one is for targets that have none (RFC 9110 §7.2).
fn is_host(value: &HeaderValue) -> bool {
    value.is_empty() || Authority::try_from(value.as_bytes()).is_ok_and(|authority| has_host_and_port(&authority))
}

/// Whether there is nothing but a host, and perhaps a port in digits.
fn has_host_and_port(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host()).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(version: Version, hosts: &[&str]) -> Request {
        let request = Request::builder().version(version).uri("/");
        let request = hosts.iter().fold(request, |request, host| request.header(header::HOST, *host));
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn one_host_is_named_and_it_is_one() {
        for (hosts, expected) in [
            (vec!["portals.example"], true),
            (vec!["portals.example:8080"], true),
            (vec!["[::1]:8080"], true),
            (vec![""], true),
            (vec![], false),
            (vec!["a", "b"], false),
            (vec!["a", "a"], false),
            (vec!["a, b"], false),
            (vec!["a b"], false),
            (vec!["a/b"], false),
            (vec!["user@a"], false),
            (vec!["a:x"], false),
        ] {
            assert_eq!(is_named_once(&request(Version::HTTP_11, &hosts)), expected, "{hosts:?}");
        }
        assert!(is_named_once(&request(Version::HTTP_10, &[])) && is_named_once(&request(Version::HTTP_2, &[])));
        assert!(!is_named_once(&request(Version::HTTP_10, &["a", "b"])));
    }
}
