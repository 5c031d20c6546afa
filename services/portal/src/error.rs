//! Everything that can go wrong in an RPC of this service.

use std::{collections::BTreeMap, time::Duration};

use kit::{
    error::{Code, Fault, Violation},
    grpc::Refusal,
    json::NotAnObject,
    window::Figures,
};
use sea_orm::DbErr;

use crate::{
    graphql::{Finding, Unselected},
    store::Unwritten,
    upstream::outbound::Failure,
};

/// An RPC's failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("Variables can't be read: {0}")]
    InvalidVariables(#[from] NotAnObject),
    #[error("Authentication required. Please supply a valid portal token")]
    PortalTokenRequired,
    #[error("Request IP is not allowed for this portal")]
    IpNotAllowed,
    #[error("You have exceeded your API rate limit. Please wait {} seconds before making more requests.", .0.reset)]
    RateLimited(Figures),
    #[error("You have exceeded your GraphQL complexity limit. Please wait {} seconds before making more requests.", .0.reset)]
    ComplexitySpent(Figures),
    #[error("Validation failed: {}", describe(.0))]
    Invalid(Vec<Violation>),
    #[error("This operation can't run any more, because the schema of its GraphQL API changed: {}", describe(.0))]
    OperationBroken(Vec<Violation>),
    #[error("{0}")]
    SchemaUnavailable(String),
    #[error("{0}")]
    Upstream(#[from] Failure),
    #[error("Portals are on this upstream ({0}). Move or remove them first")]
    UpstreamInUse(u64),
    #[error("No upstream found")]
    NoUpstream,
    #[error("No audit event found")]
    NoAuditEvent,
    #[error("No version found")]
    NoVersion,
    #[error("No notification service found")]
    NoNotificationService,
    #[error("No delivery found")]
    NoDelivery,
    #[error("This portal has too many requests under way. Please try again")]
    PortalBusy,
    #[error("The GraphQL API gave no answer in time. The operation may have run")]
    UpstreamTimeout,
    #[error("The token can't be verified right now. Nothing was run")]
    VerificationUnavailable,
    #[error("Your access token doesn't have the {0} scope")]
    MissingScope(&'static str),
    #[error("Forbidden")]
    Forbidden,
    #[error("Only services may call this")]
    ServiceKeyRequired,
    #[error("No organization found")]
    NoOrganization,
    #[error("No portal found")]
    NoPortal,
    #[error("The database can't be used right now. Nothing was changed")]
    Database(#[from] DbErr),
    #[error("The database broke off while it committed. The change may have been made")]
    OutcomeUnknown(#[source] DbErr),
    #[error("It was changed by someone else at the same time. Please try again")]
    Outdated,
    #[error("The key that this process encrypts under was retired. Nothing was changed. Please try again")]
    KeyRetired,
    #[error("a part of this installation sent something unreadable: {0}")]
    Garbled(&'static str),
    /// Another part's refusal, passed on as it is.
    #[error("{}", .0.message())]
    Relayed(Box<tonic::Status>),
}

impl Error {
    /// One fault of one field.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, message)])
    }

    /// What is wrong with a document, after `others`.
    pub(crate) fn document(others: Vec<Violation>, findings: &[Finding]) -> Self {
        Self::Invalid(others.into_iter().chain(findings.iter().map(violation)).collect())
    }

    /// What became wrong with an operation.
    pub(crate) fn broken(findings: &[Finding]) -> Self {
        Self::OperationBroken(findings.iter().map(violation).collect())
    }
}

fn violation(Finding { message, position }: &Finding) -> Violation {
    Violation { field: "query".to_owned(), message: message.clone(), position: *position }
}

impl From<Unselected> for Error {
    fn from(unselected: Unselected) -> Self {
        let message = match unselected {
            Unselected::Unknown(..) => format!("is unknown: {unselected}"),
            Unselected::Ambiguous(_) => format!("is missing: {unselected}"),
        };
        Self::invalid("operation_name", message)
    }
}

impl Fault for Error {
    fn class(&self) -> Code {
        match self {
            Self::InvalidVariables(_) => Code::Invalid,
            Self::PortalTokenRequired => Code::Unauthenticated,
            Self::IpNotAllowed | Self::MissingScope(_) | Self::Forbidden | Self::ServiceKeyRequired => Code::Forbidden,
            Self::RateLimited(_) | Self::ComplexitySpent(_) => Code::Exhausted,
            Self::Invalid(_) | Self::OperationBroken(_) => Code::Unprocessable,
            Self::PortalBusy
            | Self::SchemaUnavailable(_)
            | Self::VerificationUnavailable
            | Self::KeyRetired
            | Self::Database(_) => Code::Unavailable,
            Self::UpstreamTimeout | Self::Upstream(Failure::Timeout) | Self::OutcomeUnknown(_) => Code::Timeout,
            Self::Upstream(_) => Code::BadUpstream,
            Self::NoOrganization
            | Self::NoPortal
            | Self::NoUpstream
            | Self::NoVersion
            | Self::NoAuditEvent
            | Self::NoNotificationService
            | Self::NoDelivery => Code::NotFound,
            Self::Outdated | Self::UpstreamInUse(_) => Code::Conflict,
            Self::Garbled(_) => Code::Internal,
            Self::Relayed(status) => Refusal::of(status).class,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::InvalidVariables(_) => "invalid_variables",
            Self::PortalTokenRequired => "authentication_required",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::RateLimited(_) | Self::ComplexitySpent(_) => "rate_limited",
            Self::Invalid(_) => "validation_failed",
            Self::OperationBroken(_) => "operation_broken",
            Self::SchemaUnavailable(_) => "schema_unavailable",
            Self::Upstream(Failure::Unavailable(_)) => "upstream_unavailable",
            Self::Upstream(Failure::AuthFailed) => "upstream_auth_failed",
            Self::Upstream(Failure::InvalidResponse(_)) => "upstream_invalid_response",
            Self::UpstreamInUse(_) => "upstream_in_use",
            Self::PortalBusy => "portal_busy",
            Self::UpstreamTimeout | Self::Upstream(Failure::Timeout) => "upstream_timeout",
            Self::VerificationUnavailable => "verification_unavailable",
            Self::MissingScope(_) => "missing_scope",
            Self::Forbidden => "forbidden",
            Self::ServiceKeyRequired => "service_key_required",
            Self::NoOrganization
            | Self::NoPortal
            | Self::NoUpstream
            | Self::NoVersion
            | Self::NoAuditEvent
            | Self::NoNotificationService
            | Self::NoDelivery => "not_found",
            Self::Outdated => "conflict",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::KeyRetired => "key_retired",
            Self::Database(_) => "database_unavailable",
            Self::Garbled(_) | Self::Relayed(_) => "internal",
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations) | Self::OperationBroken(violations) => violations,
            _ => &[],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited(figures) | Self::ComplexitySpent(figures) => {
                Some(Duration::from_secs(figures.reset.into()))
            }
            Self::PortalBusy
            | Self::VerificationUnavailable
            | Self::SchemaUnavailable(_)
            | Self::KeyRetired
            | Self::Database(_) => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    fn facts(&self) -> BTreeMap<String, String> {
        if let Self::MissingScope(scope) = self {
            return BTreeMap::from([("scope".to_owned(), (*scope).to_owned())]);
        }
        let (scope, Figures { limit, current, reset }) = match self {
            Self::RateLimited(figures) => ("portal", figures),
            Self::ComplexitySpent(figures) => ("graphql_complexity", figures),
            _ => return BTreeMap::new(),
        };
        let facts = [
            ("scope", scope.to_owned()),
            ("limit", limit.to_string()),
            ("current", current.to_string()),
            ("reset", reset.to_string()),
        ];
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl From<Unwritten> for Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::SlugTaken => Self::invalid("slug", "is taken by another portal of this organization"),
            Unwritten::TooMany(most) => {
                Self::invalid("organization", format!("has {most} portals, which is as many as it may"))
            }
            Unwritten::Outdated => Self::Outdated,
            Unwritten::KeyRetired => Self::KeyRetired,
            Unwritten::UpstreamSlugTaken => Self::invalid("slug", "is taken by another upstream of this organization"),
            Unwritten::TooManyUpstreams(most) => {
                Self::invalid("organization", format!("has {most} upstreams, which is as many as it may"))
            }
            Unwritten::TooManyNotificationServices(most) => {
                Self::invalid("organization", format!("has {most} notification services, which is as many as it may"))
            }
            Unwritten::InUse(portals) => Self::UpstreamInUse(portals),
            Unwritten::UpstreamGone => Self::invalid("upstream", "was removed"),
            Unwritten::Database(error) => Self::Database(error),
            Unwritten::Unknown(error) => Self::OutcomeUnknown(error),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Relayed(status) => *status,
            error => kit::grpc::to_status(&error),
        }
    }
}

fn describe(violations: &[Violation]) -> String {
    const SHOWN: usize = 5;
    let sentence = |violation: &Violation| match (violation.field.as_str(), violation.position) {
        ("query", Some((line, column))) => format!("{} (line {line}, column {column})", violation.message),
        (field, Some((line, column))) => format!("{field}: {} (line {line}, column {column})", violation.message),
        ("query", None) => violation.message.clone(),
        (field, None) if violation.message.starts_with(char::is_uppercase) => format!("{field}: {}", violation.message),
        (field, None) => format!("{field} {}", violation.message),
    };
    let mut sentences: Vec<String> = violations.iter().take(SHOWN).map(sentence).collect();
    if violations.len() > SHOWN {
        sentences.push(format!("and {} more", violations.len() - SHOWN));
    }
    sentences.join("; ")
}
