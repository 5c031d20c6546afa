//! The one place that writes errors.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use kit::{
    error::{Code, Violation},
    grpc::Refusal,
};
use serde::Serialize;
use serde_json::Value;
use tonic::Status;

use super::{Dialect, Error};
use crate::{console, reply};

const ERROR_SOURCE: HeaderName = HeaderName::from_static("portal-error-source");
/// The facts of an RPC's error that callers of HTTP read; the others are the RPC's own.
const PUBLIC_FACTS: [&str; 4] = ["scope", "limit", "current", "reset"];
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
            Self::Invalid(violations) => violations,
            Self::Refused(refusal, _) => &refusal.violations,
            _ => &[],
        }
    }

    /// Whole seconds after which a new try makes sense.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Overloaded => Some(1),
            Self::Refused(refusal, _) => {
                refusal.retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0))
            }
            _ => None,
        }
    }

    fn facts(&self) -> BTreeMap<&'static str, Value> {
        let Self::Refused(refusal, _) = self else { return BTreeMap::new() };
        if refusal.class != Code::Exhausted {
            return BTreeMap::new();
        }
        let fact = |name: &'static str| {
            let text = refusal.facts.get(name)?;
            Some((name, text.parse::<u64>().map_or_else(|_| Value::from(text.as_str()), Value::from)))
        };
        PUBLIC_FACTS.into_iter().filter_map(fact).collect()
    }

    /// The error as RFC 6749 §5.2 and RFC 8628 §3.5 name it. `None` for what they know nothing of (404, 405, 408, 413, 415).
    fn oauth_name(&self) -> Option<&str> {
        let code = self.code();
        match self.status().as_u16() {
            400 | 401 if OAUTH_ERRORS.contains(&code) => Some(code),
            400 => Some("invalid_request"),
            429 | 503 => Some("temporarily_unavailable"),
            500.. => Some("server_error"),
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
        let body = Text {
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
        matches!(self, Self::MethodNotAllowed | Self::UnsupportedMediaType(_) | Self::ForeignPreflight)
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

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
    message: String,
    code: &'a str,
    request_id: &'a str,
    #[serde(flatten)]
    facts: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    field: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

impl<'a> Entry<'a> {
    fn of(violation: &'a Violation) -> Self {
        let Violation { field, message, position } = violation;
        Self { field, message, line: position.map(|at| at.0), column: position.map(|at| at.1) }
    }
}
