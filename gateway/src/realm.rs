//! Which kind of credential a route takes, and what it answers when there is none that counts.

use http::HeaderValue;

/// What a credential opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Realm {
    /// One portal: a portal token.
    Portal,
    /// REST and GraphQL: an API access token.
    Api,
    /// The exchange for a token: a client's id and secret.
    Client,
    /// The console: a session.
    Session,
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
            Realm::Client => "Client authentication failed",
            Realm::Session => "Authentication required. Please sign in",
        }
    }

    /// The stable `code`.
    pub(crate) fn code(self) -> &'static str {
        match self.realm {
            Realm::Portal | Realm::Api | Realm::Session => "authentication_required",
            Realm::Client => "invalid_client",
        }
    }

    /// `WWW-Authenticate` (RFC 6750 §3). A client that tried a header is told which scheme is the right one (RFC 6749 §5.2);
    /// one that didn't authenticates in the body, for which HTTP knows no challenge.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        Some(HeaderValue::from_static(match self {
            Self { realm: Realm::Portal, presented: false } => r#"Bearer realm="portal""#,
            Self { realm: Realm::Portal, presented: true } => r#"Bearer realm="portal", error="invalid_token""#,
            Self { realm: Realm::Api, presented: false } => r#"Bearer realm="api""#,
            Self { realm: Realm::Api, presented: true } => r#"Bearer realm="api", error="invalid_token""#,
            Self { realm: Realm::Client, presented: true } => r#"Basic realm="portal""#,
            Self { realm: Realm::Client, presented: false } | Self { realm: Realm::Session, .. } => return None,
        }))
    }
}
