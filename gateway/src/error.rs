//! Every error of the public API.
//!
//! A handler answers `Err(Error)`; the [`shell`](crate::shell) around it, which knows the request id, has it written as
//! JSON in [`render`].

mod dialect;
mod render;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use kit::{error::Violation, grpc::Refusal, json::NotAnObject};

pub(crate) use self::{dialect::Dialect, render::ErrorJson};
use crate::realm::Challenge;

/// Why a request isn't answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such route.
    #[error("Not found")]
    NotFound,
    /// The route has no such method; `Allow` names those that it has.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// HTTP/1.1 without a `Host`, with several, or with one that is no host (RFC 9112 §3.2).
    #[error("The request must have one Host header, with a host in it")]
    AmbiguousHost,
    /// A credential stands in the URL, where it ends up in logs and histories.
    #[error("Credentials don't belong in a URL. Please send them in the Authorization header, and replace this one")]
    CredentialInUrl,
    /// A body that isn't announced as what the route takes.
    #[error("The content type must be {0}")]
    UnsupportedMediaType(&'static str),
    /// A body over this many bytes.
    #[error("The body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The body didn't arrive in time.
    #[error("The body didn't arrive in time")]
    BodyTimeout,
    /// The body ended before its end.
    #[error("The body broke off")]
    BodyBroken(#[source] axum::Error),
    /// A body that is no JSON object.
    #[error("{}", not_an_object(.0))]
    NotAnObject(#[source] NotAnObject),
    /// A body that is a JSON object, but no GraphQL request.
    #[error("The body isn't a GraphQL request: {0}")]
    NotAQuery(String),
    /// A query parameter that can't be read, and what it must be.
    #[error("The parameter {0} must be {1}")]
    InvalidParameter(&'static str, &'static str),
    /// Members of the body that can't be accepted, and how many more than those.
    #[error("Validation failed: {}", sentences(.0, *.1))]
    Invalid(Vec<Violation>, usize),
    /// No such thing: a sentence.
    #[error("{0}")]
    Missing(&'static str),
    /// A report of leaked credentials that nobody signed whose key is known here.
    #[error("The report isn't signed with a key that is known here")]
    UnsignedReport,
    /// The keys of those who report leaked credentials can't be had.
    #[error("The keys of reports can't be read right now. Please try again")]
    NoScannerKeys,
    /// A signed report that isn't one.
    #[error("The body must be a list of findings, each an object with a token")]
    NotAReport,
    /// A request for a token or a code that can't be read (RFC 6749 §5.2): a sentence.
    #[error("{0}")]
    InvalidRequest(String),
    /// A request for a token by a way that isn't offered (RFC 6749 §5.2).
    #[error("The grant type must be client_credentials, device_code or urn:ietf:params:oauth:grant-type:device_code")]
    UnsupportedGrantType,
    /// A form that wasn't sent by a page of ours.
    #[error("This form wasn't sent by a page of this site. Please open {0}/console/ and try again")]
    ForeignForm(String),
    /// A session that a page of another site, or no page, would act with.
    #[error("Only pages of {0} may act with a session. Others send an API access token in the Authorization header")]
    ForeignOrigin(String),
    /// A browser asks whether a page of another origin may call.
    #[error("Pages of this origin may not call")]
    ForeignPreflight,
    /// A sign-in where the session would travel in the clear.
    #[error(
        "Signing in is off: {0} is plain HTTP, over which anybody on the way could take the session. Whoever runs this \
         installation can put TLS in front of it and set GATEWAY_PUBLIC__URL (--public-url) to the https address"
    )]
    InsecureSite(String),
    /// No credential, or one that doesn't count.
    #[error("{}", .0.message())]
    Unauthenticated(Challenge),
    /// The RPC was refused or failed.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>, HeaderMap),
    /// Something was changed in one service, and then the other's part failed: what was changed, and what may not have been.
    #[error(
        "{0} was changed, and then a part of this service failed: {1} may not have been. Please send the same request again"
    )]
    PartlyChanged(String, &'static str, #[source] Box<Error>),
    /// As many requests as may be are being answered.
    #[error("Too many requests are being answered right now. Please try again")]
    Overloaded,
    /// A part of ours answered what it can't answer, or a handler panicked.
    #[error("Something went wrong on our side. Please report the request id")]
    Internal,
}

pub(crate) fn not_an_object(why: &NotAnObject) -> String {
    match why {
        NotAnObject::Syntax(error) => format!("The body isn't valid JSON: {error}"),
        NotAnObject::Kind => "The body must be a JSON object".to_owned(),
        NotAnObject::Depth(most) => format!("The body is nested deeper than {most} levels"),
    }
}

fn sentences(violations: &[Violation], omitted: usize) -> String {
    let sentence = |Violation { field, message, .. }: &Violation| format!("{field} {message}");
    let sentences = violations.iter().map(sentence).collect::<Vec<_>>().join("; ");
    if omitted == 0 { sentences } else { format!("{sentences} ({omitted} more faults aren't listed)") }
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AmbiguousHost
            | Self::CredentialInUrl
            | Self::BodyBroken(_)
            | Self::NotAnObject(_)
            | Self::NotAQuery(_)
            | Self::NotAReport
            | Self::InvalidParameter(..)
            | Self::InvalidRequest(_)
            | Self::UnsupportedGrantType => StatusCode::BAD_REQUEST,
            Self::ForeignForm(_)
            | Self::ForeignOrigin(_)
            | Self::ForeignPreflight
            | Self::InsecureSite(_)
            | Self::UnsignedReport => StatusCode::FORBIDDEN,
            Self::Invalid(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Refused(refusal, _) => {
                StatusCode::from_u16(refusal.class.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::PartlyChanged(..) => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::NoScannerKeys => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable `code`, listed in `docs/errors.md`.
    fn code(&self) -> &str {
        match self {
            Self::NotFound | Self::Missing(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::AmbiguousHost => "ambiguous_host",
            Self::CredentialInUrl => "credential_in_url",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken(_) | Self::NotAnObject(_) | Self::NotAQuery(_) | Self::NotAReport => "invalid_body",
            Self::InvalidParameter(..) => "invalid_parameter",
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnsignedReport => "unsigned_report",
            Self::NoScannerKeys => "scanner_keys_unavailable",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::ForeignForm(_) => "foreign_form",
            Self::ForeignOrigin(_) | Self::ForeignPreflight => "foreign_origin",
            Self::InsecureSite(_) => "insecure_site",
            Self::Invalid(..) => "validation_failed",
            Self::Unauthenticated(challenge) => challenge.code(),
            Self::Refused(refusal, _) => &refusal.reason,
            Self::PartlyChanged(..) => "partly_changed",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal",
        }
    }
}

/// Carries the error to the shell, which renders it.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
