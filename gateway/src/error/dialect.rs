//! In which form a route writes its errors.

use http::{HeaderMap, HeaderValue, header};

use crate::console;

/// A form of errors, and what goes with it on every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Our own JSON.
    Json,
    /// The same with the members of RFC 6749 §5.2; nothing is to be stored.
    OAuth,
    /// A gRPC status; nothing is to be stored.
    GrpcWeb,
    /// A page for people; nothing is to be stored, framed or run.
    Page,
}

impl Dialect {
    /// The form of `route`. Whatever is asked for below `/console` and `/docs`, even what isn't there, is for people.
    pub(crate) fn of(route: &str, path: &str) -> Self {
        let is_grant = || ["/tokens", "/codes"].iter().any(|end| route.ends_with(end));
        if ["/console", "/docs"].iter().any(|root| is_at_or_below(root, path)) {
            Self::Page
        } else if route.starts_with("/portals.") {
            Self::GrpcWeb
        } else if route.starts_with("/organizations/") && is_grant() {
            Self::OAuth
        } else {
            Self::Json
        }
    }

    /// Adds what every answer has, good or bad.
    pub(crate) fn dress(self, headers: &mut HeaderMap) {
        match self {
            Self::Json => {}
            Self::OAuth => {
                // RFC 6749 §5.1 asks for both.
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
            }
            // Some replies hold a credential, and none is worth keeping.
            Self::GrpcWeb => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
            Self::Page => console::dress(headers),
        }
    }
}

fn is_at_or_below(root: &str, path: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_named_like_a_route_is_no_grant() {
        let call = "/organizations/{org}/portals/{portal}";
        assert_eq!(Dialect::of(call, "/organizations/o/portals/tokens"), Dialect::Json);
        assert_eq!(Dialect::of(&format!("{call}/tokens"), "/organizations/o/portals/p/tokens/"), Dialect::OAuth);
        assert_eq!(Dialect::of("(unknown)", "/console/x"), Dialect::Page);
        assert_eq!(Dialect::of("(unknown)", "/consoles"), Dialect::Json);
        assert_eq!(Dialect::of("/docs", "/docs"), Dialect::Page);
        assert_eq!(Dialect::of("(unknown)", "/docs.json"), Dialect::Json);
        assert_eq!(Dialect::of("(unknown)", "/portals.x.v1.Y/Z"), Dialect::Json);
    }
}
