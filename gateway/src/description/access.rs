//! Whom a route lets in.

use serde_json::{Value, json};

/// The name of the security scheme of API access tokens.
pub(super) const API_TOKEN: &str = "apiAccessToken";
/// The name of the security scheme of portal tokens.
pub(super) const PORTAL_TOKEN: &str = "portalToken";
const CLIENT: &str = "portalClient";

/// Whom a route lets in. The services decide; a test of the suite holds them against this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody.
    Open,
    /// Who has an API access token, whatever its scopes.
    ApiToken,
    /// Who has one with that scope.
    Scope(&'static str),
    /// Who has one with that scope and is an administrator of the organization.
    Administrator(&'static str),
    /// Who has a token of the portal.
    PortalToken,
    /// Who has a secret of the portal or of a code; it may stand in the body.
    Client,
}

impl Access {
    /// What the token must have.
    pub(super) fn scope(self) -> Option<&'static str> {
        match self {
            Self::Scope(scope) | Self::Administrator(scope) => Some(scope),
            Self::Open | Self::ApiToken | Self::PortalToken | Self::Client => None,
        }
    }

    /// Whether it takes an API access token.
    pub(super) fn is_api(self) -> bool {
        matches!(self, Self::ApiToken | Self::Scope(_) | Self::Administrator(_))
    }

    /// The `security` of an operation.
    pub(super) fn security(self) -> Value {
        match self {
            Self::Open => json!([]),
            Self::ApiToken => json!([{ API_TOKEN: [] }]),
            Self::Scope(scope) | Self::Administrator(scope) => json!([{ API_TOKEN: [scope] }]),
            Self::PortalToken => json!([{ PORTAL_TOKEN: [] }]),
            Self::Client => json!([{}, { CLIENT: [] }]),
        }
    }

    /// A sentence for people.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Open => "Needs no credential.".to_owned(),
            Self::ApiToken => "Needs an API access token, whatever its scopes.".to_owned(),
            Self::Scope(scope) => format!("Needs an API access token with the scope `{scope}`."),
            Self::Administrator(scope) => {
                format!("Needs an API access token with the scope `{scope}`, of an administrator of the organization.")
            }
            Self::PortalToken => "Needs a token of the portal.".to_owned(),
            Self::Client => "The client authenticates in the body or by HTTP Basic.".to_owned(),
        }
    }
}

/// The security schemes of all routes.
pub(super) fn schemes() -> Value {
    json!({
        API_TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "bkua_…",
            "description": "An API access token. What follows the name in an operation is the scope that it must have.",
        },
        PORTAL_TOKEN: portal_scheme(),
        CLIENT: {
            "type": "http",
            "scheme": "basic",
            "description": "The portal's UUID and a secret of it (RFC 6749 §2.3.1). They may stand in the body instead.",
        },
    })
}

/// The security scheme of portal tokens.
pub(super) fn portal_scheme() -> Value {
    json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "bkpat_…",
        "description": "A token of the portal: its service token, or one that was exchanged for a secret or a code.",
    })
}
