//! What can go wrong with an RPC.

use std::{collections::BTreeMap, time::Duration};

use kit::{
    db::Uncommitted,
    error::{Code, Fault, Violation},
    window::Figures,
};
use sea_orm::DbErr;

use crate::{
    domain::{
        secret::MOST_SECRETS,
        token::{MOST_SERVICE_TOKENS, NoToken},
    },
    limiter::{Rates, figures_facts},
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
    MissingScope(&'static str),
    /// Only administrators may do this.
    #[error("Forbidden")]
    Forbidden,
    /// No such thing, or none that the caller may see: a sentence.
    #[error("{0}")]
    NotFound(&'static str),
    /// A value isn't valid.
    #[error("Validation failed: {}", sentences(.0))]
    Validation(Vec<Violation>),
    /// The client's address isn't in the token's list.
    #[error("Request IP is not allowed for this access token")]
    IpNotAllowed,
    /// The client's address isn't in the organization's list.
    #[error("Request IP is not allowed for this organization")]
    IpNotAllowedThere,
    /// Over a rate of one kind of requests; the figures and what they are about.
    #[error("You have exceeded a rate limit. Please wait {} seconds before trying again.", .0.reset)]
    TooFast(Figures, &'static str),
    /// As many as may be wait for the slow hash.
    #[error("Too many secrets are being checked right now. Please try again")]
    SlowHashBusy,
    /// The client, its secret, or both don't count (RFC 6749 §5.2).
    #[error("Client authentication failed")]
    InvalidClient,
    /// A code that isn't one, or of another portal, or used (RFC 6749 §5.2).
    #[error("The code and its secret aren't valid for this portal")]
    InvalidGrant,
    /// Nobody has decided yet (RFC 8628 §3.5).
    #[error("The user hasn't decided yet")]
    AuthorizationPending,
    /// Asked again too soon (RFC 8628 §3.5).
    #[error("Please wait {0} seconds between tries")]
    SlowDown(u32),
    /// The user said no (RFC 8628 §3.5).
    #[error("The user denied the request")]
    AccessDenied,
    /// The code's time is over (RFC 8628 §3.5).
    #[error("The code has expired")]
    ExpiredToken,
    /// As many codes as may be wait for a decision.
    #[error("Too many codes are waiting for a decision")]
    TooManyCodes,
    /// The code was decided already.
    #[error("The request was decided already")]
    CodeDecided,
    /// The portal has as many secrets as it may have.
    #[error("Validation failed: A portal has at most {} secrets", MOST_SECRETS)]
    TooManySecrets,
    /// An organization would be left without an administrator.
    #[error("Validation failed: An organization needs an administrator")]
    LastAdministrator,
    /// Wrong e-mail address or password.
    #[error("The e-mail address or the password is wrong")]
    InvalidCredentials,
    /// No session, or one that doesn't count.
    #[error("Authentication required. Please sign in")]
    NoSession,
    /// A form of another session, or of none.
    #[error("The form is no longer valid. Please load the page again")]
    InvalidCsrfToken,
    /// The commit broke off: the change may have been made.
    #[error("The database broke off while it committed. Please look whether the change was made")]
    OutcomeUnknown(#[source] DbErr),
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
    /// What was to be written was made under a root key that is retired: this process reads its key file soon.
    #[error("The keys of this service are being changed. Nothing was changed; please try again")]
    KeyRetired,
    /// The database can't be used.
    #[error("The database can't be used right now. Nothing was changed")]
    Database(#[from] DbErr),
    /// A thread of ours died.
    #[error("a task broke off")]
    Task(#[from] tokio::task::JoinError),
}

fn sentences(violations: &[Violation]) -> String {
    let sentence = |violation: &Violation| format!("{} {}", violation.field, violation.message);
    violations.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

impl From<NoToken> for Error {
    fn from(refused: NoToken) -> Self {
        match refused {
            NoToken::PortalRevoked => Self::PortalRevoked,
            NoToken::TooMany => Self::TooManyTokens,
        }
    }
}

impl From<Uncommitted> for Error {
    fn from(failed: Uncommitted) -> Self {
        match failed {
            Uncommitted::Refused(error) => Self::Database(error),
            Uncommitted::Unknown(error) => Self::OutcomeUnknown(error),
        }
    }
}

impl Fault for Error {
    fn class(&self) -> Code {
        match self {
            Self::Invalid(_)
            | Self::InvalidGrant
            | Self::AuthorizationPending
            | Self::SlowDown(_)
            | Self::AccessDenied
            | Self::ExpiredToken => Code::Invalid,
            Self::ServiceKeyRequired
            | Self::MissingScope(_)
            | Self::Forbidden
            | Self::IpNotAllowed
            | Self::IpNotAllowedThere
            | Self::InvalidCsrfToken => Code::Forbidden,
            Self::NoPortalToken
            | Self::NoApiToken
            | Self::NoSession
            | Self::InvalidClient
            | Self::InvalidCredentials => Code::Unauthenticated,
            Self::NotFound(_) => Code::NotFound,
            Self::CodeDecided => Code::Conflict,
            Self::RateLimited(_) | Self::TooFast(..) | Self::TooManyCodes => Code::Exhausted,
            Self::Validation(_)
            | Self::TooManyTokens
            | Self::TooManySecrets
            | Self::LastAdministrator
            | Self::PortalRevoked => Code::Unprocessable,
            Self::VerificationUnavailable | Self::Database(_) | Self::KeyRetired | Self::SlowHashBusy => {
                Code::Unavailable
            }
            Self::OutcomeUnknown(_) => Code::Timeout,
            Self::Task(_) => Code::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::ServiceKeyRequired => "service_key_required",
            Self::NoPortalToken | Self::NoApiToken | Self::NoSession => "authentication_required",
            Self::MissingScope(_) => "missing_scope",
            Self::Forbidden => "forbidden",
            Self::NotFound(_) => "not_found",
            Self::Validation(_) => "validation_failed",
            Self::IpNotAllowed | Self::IpNotAllowedThere => "ip_not_allowed",
            Self::RateLimited(_) | Self::TooFast(..) => "rate_limited",
            Self::SlowHashBusy => "slow_hash_busy",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown(_) => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::TooManyCodes => "too_many_codes",
            Self::CodeDecided => "code_decided",
            Self::TooManyTokens => "too_many_tokens",
            Self::TooManySecrets => "too_many_secrets",
            Self::LastAdministrator => "last_administrator",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidCsrfToken => "invalid_csrf_token",
            Self::PortalRevoked => "portal_revoked",
            Self::VerificationUnavailable => "verification_unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::KeyRetired => "key_retired",
            Self::Database(_) => "database_unavailable",
            Self::Task(_) => "internal",
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violation) => std::slice::from_ref(violation),
            Self::Validation(violations) => violations,
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(rates) => rates.over().map(|figures| Duration::from_secs(figures.reset.into())),
            Self::TooFast(figures, _) => Some(Duration::from_secs(figures.reset.into())),
            Self::TooManyCodes => Some(Duration::from_mins(1)),
            Self::VerificationUnavailable | Self::Database(_) | Self::KeyRetired | Self::SlowHashBusy => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    fn facts(&self) -> BTreeMap<String, String> {
        match self {
            Self::RateLimited(rates) => rates.facts(),
            Self::TooFast(figures, scope) => figures_facts(*figures, scope),
            Self::MissingScope(scope) => BTreeMap::from([("scope".to_owned(), (*scope).to_owned())]),
            _ => BTreeMap::new(),
        }
    }
}
