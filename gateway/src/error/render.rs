//! The one place that writes errors.

use std::{collections::HashMap, time::Duration};

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kit::{
    error::{Code, Violation},
    grpc::Refusal,
};
use serde::Serialize;
use tonic::Status;
use utoipa::ToSchema;

use super::{Dialect, Error};
use crate::{console, reply};

const ERROR_SOURCE: HeaderName = HeaderName::from_static("portal-error-source");
/// Codes that are errors of RFC 6749 §5.2 and RFC 8628 §3.5.
const OAUTH_ERRORS: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unsupported_grant_type",
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
];
/// What [`Refusal`](kit::grpc::Refusal) calls the failures of a peer that no part of ours reported.
const UNREPORTED: [&str; 4] = ["service_unavailable", "timeout", "service_broken", "message_too_large"];

impl Error {
    /// Who failed: the gateway, the portal service behind it, or the GraphQL API behind that.
    fn source_name(&self) -> &'static str {
        match self {
            Self::Refused(refusal, _) if UNREPORTED.contains(&refusal.reason.as_str()) => "gateway",
            Self::Refused(refusal, _) => match refusal.class {
                Code::BadUpstream | Code::Timeout if refusal.reason.starts_with("upstream_") => "upstream",
                _ => "portal",
            },
            _ => "gateway",
        }
    }

    fn violations(&self) -> &[Violation] {
        match self {
            Self::Invalid(violations, _) => violations,
            Self::Refused(refusal, _) => &refusal.violations,
            _ => &[],
        }
    }

    /// Whole seconds after which a new try makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Overloaded => Some(1),
            Self::NoScannerKeys => Some(60),
            Self::Refused(refusal, _) => {
                refusal.retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0))
            }
            _ => None,
        }
    }

    /// The facts of an RPC's error that callers of HTTP read; the others are the RPC's own.
    fn facts(&self) -> Facts<'_> {
        let Self::Refused(refusal, _) = self else { return Facts::default() };
        if refusal.class != Code::Exhausted {
            return Facts::default();
        }
        let number = |name: &str| refusal.facts.get(name).and_then(|text| text.parse().ok());
        Facts {
            scope: refusal.facts.get("scope").map(String::as_str),
            limit: number("limit"),
            current: number("current"),
            reset: number("reset"),
        }
    }

    /// The error as RFC 6749 §5.2 and RFC 8628 §3.5 name it, or as we do where it isn't the request's fault (spec §5: the same
    /// as `code`). `None` for what is no answer of a token endpoint (404, 405, 408, 413, 415).
    fn oauth_name(&self) -> Option<&str> {
        let code = self.code();
        match self.status().as_u16() {
            400 | 401 if OAUTH_ERRORS.contains(&code) => Some(code),
            400 => Some("invalid_request"),
            429 | 500.. => Some(code),
            _ => None,
        }
    }

    /// What a token must have that lacks a scope (RFC 6750 §3.1).
    fn scope_challenge(&self) -> Option<HeaderValue> {
        let Self::Refused(refusal, _) = self else { return None };
        if refusal.reason != "missing_scope" {
            return None;
        }
        let scope = refusal.facts.get("scope").map(|scope| format!(", scope=\"{scope}\"")).unwrap_or_default();
        format!("Bearer realm=\"api\", error=\"insufficient_scope\"{scope}").parse().ok()
    }

    /// Writes the error as the body of `response`, whose headers stay (the router's `Allow`).
    pub(crate) fn render(&self, dialect: Dialect, request_id: &str, response: &mut Response) {
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, reply::JSON);
        headers.insert(ERROR_SOURCE, HeaderValue::from_static(self.source_name()));
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Refused(_, figures) => {
                headers.extend(figures.clone());
                headers.extend(self.scope_challenge().map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
            }
            // Who disagrees with us on whom this was for may disagree on where the next one begins.
            Self::AmbiguousHost => drop(headers.insert(header::CONNECTION, HeaderValue::from_static("close"))),
            Self::Unauthenticated(challenge) => {
                headers.extend(challenge.header().map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
            }
            _ => {}
        }
        let message = self.to_string();
        if dialect == Dialect::GrpcWeb && !self.is_before_grpc() {
            self.render_status(response);
            return;
        }
        if dialect == Dialect::Page {
            headers.insert(header::CONTENT_TYPE, console::HTML);
            *response.body_mut() = console::error(self.status(), &message, request_id).into_string().into();
            return;
        }
        let name = self.oauth_name().filter(|_| dialect == Dialect::OAuth);
        let body = ErrorJson {
            error: name,
            error_description: name.map(|_| description(&message)),
            message,
            code: self.code(),
            request_id,
            facts: self.facts(),
            errors: self.violations().iter().map(Entry::of).collect(),
        };
        *response.body_mut() = reply::body(&body);
    }
}

/// gRPC-Web: what is said before it is known to be that is said in HTTP; everything else is a status in the headers.
impl Error {
    fn is_before_grpc(&self) -> bool {
        matches!(
            self,
            Self::AmbiguousHost | Self::MethodNotAllowed | Self::UnsupportedMediaType(_) | Self::ForeignPreflight
        )
    }

    /// The class of the error where there is no HTTP status.
    fn class(&self) -> Code {
        match self.status().as_u16() {
            401 => Code::Unauthenticated,
            403 => Code::Forbidden,
            404 => Code::NotFound,
            413 => Code::Exhausted,
            422 => Code::Unprocessable,
            503 => Code::Unavailable,
            400..500 => Code::Invalid,
            _ => Code::Internal,
        }
    }

    /// The error as gRPC has it.
    pub(crate) fn to_status(&self) -> Status {
        if let Self::Refused(refusal, _) = self {
            return refusal.to_status();
        }
        let own = Refusal {
            class: self.class(),
            reason: self.code().to_owned(),
            message: self.to_string(),
            violations: self.violations().to_vec(),
            facts: HashMap::new(),
            retry_after: self.retry_after().map(Duration::from_secs),
        };
        own.to_status()
    }

    fn render_status(&self, response: &mut Response) {
        *response.status_mut() = StatusCode::OK;
        *response.body_mut() = Body::empty();
        let headers = response.headers_mut();
        headers.extend(self.to_status().into_http::<()>().into_parts().0.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc-web+proto"));
    }
}

/// A sentence in the characters that RFC 6749 §5.2 allows.
fn description(message: &str) -> String {
    let allowed = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\');
    message.chars().map(|character| if allowed(character) { character } else { '\'' }).collect()
}

/// An error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorJson<'a> {
    /// Of requests for a token or a code: as OAuth names it (RFC 6749 §5.2, RFC 8628 §3.5), or the `code` where it has no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_request")]
    error: Option<&'a str>,
    /// The message in the characters that OAuth allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_description: Option<String>,
    /// For people.
    message: String,
    /// Stable, for programs: docs/errors.md lists every one.
    code: &'a str,
    /// The id of this request, which `X-Request-Id` says too.
    #[schema(format = "uuid")]
    request_id: &'a str,
    #[serde(flatten)]
    facts: Facts<'a>,
    /// What is wrong with the body, a document or a variable: at most 50 are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Entry<'a>>,
}

/// Of what there was too much. Only with 429.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ErrorFacts)]
struct Facts<'a> {
    /// What is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "rest")]
    scope: Option<&'a str>,
    /// How much there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 200)]
    limit: Option<u64>,
    /// How much there was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 201)]
    current: Option<u64>,
    /// Seconds until there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 42)]
    reset: Option<u64>,
}

/// One of several faults.
#[derive(Serialize, ToSchema)]
#[schema(as = ErrorEntry)]
struct Entry<'a> {
    /// A member of the body, `query`, or the path of a variable (`input.tags[2]`).
    #[schema(example = "query")]
    field: &'a str,
    /// A sentence.
    message: &'a str,
    /// From 1, in documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    line: Option<u32>,
    /// From 1, in documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 3)]
    column: Option<u32>,
}

impl<'a> Entry<'a> {
    fn of(violation: &'a Violation) -> Self {
        let Violation { field, message, position } = violation;
        Self { field, message, line: position.map(|at| at.0), column: position.map(|at| at.1) }
    }
}
