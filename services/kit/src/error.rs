//! One closed set of error classes with two total projections, HTTP and gRPC.
//!
//! Each part has one error enum in its `error.rs` that implements [`Fault`]: the class decides the status on both wires,
//! the reason is the stable `code` of the JSON body and, in `UPPER_SNAKE`, the `reason` of `google.rpc.ErrorInfo`.

use std::{collections::BTreeMap, error::Error, time::Duration};

/// What kind of failure an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request can't be read.
    Invalid,
    /// No credential, or one that doesn't count.
    Unauthenticated,
    /// A good credential that may not do this.
    Forbidden,
    /// No such thing, or none that the caller may see.
    NotFound,
    /// The thing is in a state that excludes the change.
    Conflict,
    /// Readable, but not valid.
    Unprocessable,
    /// Over a limit that time restores.
    Exhausted,
    /// The upstream failed or answered nonsense. It may have run.
    BadUpstream,
    /// Not now; nothing ran.
    Unavailable,
    /// No answer in time. It may have run.
    Timeout,
    /// A fault of ours.
    Internal,
}

const TABLE: [(Code, &str, u16, tonic::Code); 11] = [
    (Code::Invalid, "invalid", 400, tonic::Code::InvalidArgument),
    (Code::Unauthenticated, "unauthenticated", 401, tonic::Code::Unauthenticated),
    (Code::Forbidden, "forbidden", 403, tonic::Code::PermissionDenied),
    (Code::NotFound, "not_found", 404, tonic::Code::NotFound),
    (Code::Conflict, "conflict", 409, tonic::Code::Aborted),
    (Code::Unprocessable, "unprocessable", 422, tonic::Code::FailedPrecondition),
    (Code::Exhausted, "exhausted", 429, tonic::Code::ResourceExhausted),
    // Not UNAVAILABLE: gRPC clients would send a mutation again.
    (Code::BadUpstream, "bad_upstream", 502, tonic::Code::Unknown),
    (Code::Unavailable, "unavailable", 503, tonic::Code::Unavailable),
    (Code::Timeout, "timeout", 504, tonic::Code::DeadlineExceeded),
    (Code::Internal, "internal", 500, tonic::Code::Internal),
];

impl Code {
    fn row(self) -> &'static (Self, &'static str, u16, tonic::Code) {
        const INTERNAL: &(Code, &str, u16, tonic::Code) = &(Code::Internal, "internal", 500, tonic::Code::Internal);
        TABLE.iter().find(|row| row.0 == self).unwrap_or(INTERNAL)
    }

    /// The name that travels in `ErrorInfo.metadata["class"]`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    #[must_use]
    pub fn http(self) -> u16 {
        self.row().2
    }

    /// The gRPC status.
    #[must_use]
    pub fn grpc(self) -> tonic::Code {
        self.row().3
    }

    /// The class of that [`Code::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// One fault of several in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A field of the body, `query`, or a variable's path (`input.tags[2]`).
    pub field: String,
    /// A sentence that says what is wrong.
    pub message: String,
    /// Line and column in a document, from 1.
    pub position: Option<(u32, u32)>,
}

impl Violation {
    /// A fault without a position.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), position: None }
    }
}

/// What a part's error enum says about each of its errors.
pub trait Fault: Error + Send + Sync + 'static {
    /// The class, which decides the status.
    fn class(&self) -> Code;

    /// The stable, `snake_case` code, listed in `docs/errors.md`.
    fn reason(&self) -> &'static str;

    /// The single faults, where there are several.
    fn violations(&self) -> &[Violation] {
        &[]
    }

    /// After how long a new try makes sense.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Facts for machines that the body of this error carries beside the message.
    fn facts(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// An error and the errors that caused it, on one line. For logs; never for callers.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_one_row_and_its_name_leads_back() {
        for (code, name, http, grpc) in TABLE {
            assert_eq!(Code::parse(name), Some(code));
            assert_eq!((code.http(), code.grpc()), (http, grpc));
        }
    }
}
