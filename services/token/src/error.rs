//! What can go wrong with an RPC.

use std::{collections::BTreeMap, time::Duration};

use kit::error::{Code, Fault, Violation};
use sea_orm::DbErr;

use crate::{
    domain::token::{MOST_SERVICE_TOKENS, NoToken},
    limiter::Rates,
};

/// Why an RPC is refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request can't be read.
    #[error("The request isn't valid: {} {}", .0.field, .0.message)]
    Invalid(Violation),
    /// An RPC for parts of this installation was called without the service key.
    #[error("Only services may call this")]
    ServiceKeyRequired,
    /// No portal token, or one that doesn't count.
    #[error("Authentication required. Please supply a valid portal token")]
    NoPortalToken,
    /// No API access token, or one that doesn't count.
    #[error("Authentication required. Please supply a valid API access token")]
    NoApiToken,
    /// A good API access token that lacks a scope.
    #[error("Your access token doesn't have the {0} scope")]
    MissingScope(&'static str, Rates),
    /// Over the rate of the user or the organization.
    #[error(
        "You have exceeded your API rate limit. Please wait {} seconds before making more requests.",
        .0.over().map_or(0, |figures| figures.reset)
    )]
    RateLimited(Rates),
    /// The portal has as many service tokens as it may have.
    #[error("Validation failed: A portal has at most {} service tokens", MOST_SERVICE_TOKENS)]
    TooManyTokens,
    /// The portal's credentials were revoked for good.
    #[error("Validation failed: The portal was revoked")]
    PortalRevoked,
    /// A credential couldn't be looked up in time.
    #[error("The credential can't be verified right now")]
    VerificationUnavailable,
    /// The database can't be used.
    #[error("The database can't be used right now. Nothing was changed")]
    Database(#[from] DbErr),
    /// A thread of ours died.
    #[error("a task broke off")]
    Task(#[from] tokio::task::JoinError),
}

impl From<NoToken> for Error {
    fn from(refused: NoToken) -> Self {
        match refused {
            NoToken::PortalRevoked => Self::PortalRevoked,
            NoToken::TooMany => Self::TooManyTokens,
        }
    }
}

impl Fault for Error {
    fn class(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::Invalid,
            Self::ServiceKeyRequired | Self::MissingScope(..) => Code::Forbidden,
            Self::NoPortalToken | Self::NoApiToken => Code::Unauthenticated,
            Self::RateLimited(_) => Code::Exhausted,
            Self::TooManyTokens | Self::PortalRevoked => Code::Unprocessable,
            Self::VerificationUnavailable | Self::Database(_) => Code::Unavailable,
            Self::Task(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::ServiceKeyRequired => "service_key_required",
            Self::NoPortalToken | Self::NoApiToken => "authentication_required",
            Self::MissingScope(..) => "missing_scope",
            Self::RateLimited(_) => "rate_limited",
            Self::TooManyTokens => "too_many_tokens",
            Self::PortalRevoked => "portal_revoked",
            Self::VerificationUnavailable => "verification_unavailable",
            Self::Database(_) => "database_unavailable",
            Self::Task(_) => "internal",
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violation) => std::slice::from_ref(violation),
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(rates) => rates.over().map(|figures| Duration::from_secs(figures.reset.into())),
            Self::VerificationUnavailable | Self::Database(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn facts(&self) -> BTreeMap<String, String> {
        match self {
            Self::RateLimited(rates) => rates.facts(),
            _ => BTreeMap::new(),
        }
    }
}
