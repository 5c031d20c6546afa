//! Which kind of credential a route takes, and what it answers when there is none that counts.

use http::HeaderValue;

/// What a credential opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Realm {
    /// One portal: a portal token.
    Portal,
    /// REST and GraphQL: an API access token.
    Api,
}

/// A 401. One for every reason, so that none can be told from another (spec §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// What was asked for.
    pub(crate) realm: Realm,
    /// Whether the request had an `Authorization` header.
    pub(crate) presented: bool,
}

impl Challenge {
    /// The sentence for people; the services' own, so that it doesn't matter who noticed.
    pub(crate) fn message(self) -> &'static str {
        match self.realm {
            Realm::Portal => "Authentication required. Please supply a valid portal token",
            Realm::Api => "Authentication required. Please supply a valid API access token",
        }
    }

    /// `WWW-Authenticate` (RFC 6750 §3).
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self { realm: Realm::Portal, presented: false } => r#"Bearer realm="portal""#,
            Self { realm: Realm::Portal, presented: true } => r#"Bearer realm="portal", error="invalid_token""#,
            Self { realm: Realm::Api, .. } => r#"Bearer realm="api""#,
        })
    }
}
