//! The one place that writes errors as JSON.

use std::collections::BTreeMap;

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use kit::error::{Code, Violation};
use serde::Serialize;
use serde_json::Value;

use super::Error;
use crate::reply;

const ERROR_SOURCE: HeaderName = HeaderName::from_static("portal-error-source");
/// The facts of an RPC's error that callers of HTTP read; the others are the RPC's own.
const PUBLIC_FACTS: [&str; 4] = ["scope", "limit", "current", "reset"];
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

    /// Writes the error as the body of `response`, whose headers stay (the router's `Allow`).
    pub(crate) fn render(&self, request_id: &str, response: &mut Response) {
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, reply::JSON);
        headers.insert(ERROR_SOURCE, HeaderValue::from_static(self.source_name()));
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Refused(_, figures) => headers.extend(figures.clone()),
            Self::Unauthenticated(challenge) => {
                headers.insert(header::WWW_AUTHENTICATE, challenge.header());
            }
            _ => {}
        }
        let body = Body {
            message: self.to_string(),
            code: self.code(),
            request_id,
            facts: self.facts(),
            errors: self.violations().iter().map(Entry::of).collect(),
        };
        *response.body_mut() = reply::body(&body);
    }
}

#[derive(Serialize)]
struct Body<'a> {
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
