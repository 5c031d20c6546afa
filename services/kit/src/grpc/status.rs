//! Errors on the wire: [`Fault`] to `tonic::Status` and back, with `google.rpc.ErrorInfo` as the only truth.

use std::{borrow::Cow, collections::HashMap, time::Duration};

use tonic::{Code as Grpc, Status, metadata::MetadataMap};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::{
    error::{Code, Fault, Violation, chain},
    window::Figures,
};

const DOMAIN: &str = "portals";
const CLASS: &str = "class";
/// Errors travel in headers, whose whole list may have 16 KiB: the message percent-encoded, and all of it in base64 again.
/// So these many single faults travel, of these many bytes in all, each of its texts cut.
const MOST_VIOLATIONS: usize = 50;
const MOST_VIOLATION_BYTES: usize = 5_000;
const MOST_TEXT_BYTES: usize = 300;
const MOST_MESSAGE_BYTES: usize = 1_000;
/// What is said of a call whose deadline passed.
const TIMEOUT: &str = "timeout";
const NO_ANSWER: &str = "There was no answer in time. The request may have run";
/// What callers read of an error that is ours.
const INTERNAL: &str = "Something went wrong on our side. Please report the request id";

/// The status of an error. An internal one shows nothing of itself and is logged here, once, with its causes.
pub fn to_status(fault: &dyn Fault) -> Status {
    let class = fault.class();
    let mut facts: HashMap<String, String> = fault.facts().into_iter().collect();
    facts.insert(CLASS.to_owned(), class.name().to_owned());
    let mut details = ErrorDetails::new();
    let (fields, omitted) = fields(fault.violations(), &mut facts);
    details.set_error_info(fault.reason().to_uppercase(), DOMAIN, facts);
    if !fields.is_empty() {
        details.set_bad_request(fields);
    }
    if let Some(after) = fault.retry_after() {
        details.set_retry_info(Some(after));
    }
    if class == Code::Unavailable && fault.source().is_some() {
        tracing::warn!(reason = fault.reason(), error = fault_chain(fault), "unavailable");
    }
    let message = if class == Code::Internal {
        tracing::error!(reason = fault.reason(), error = fault_chain(fault), "internal error");
        INTERNAL.to_owned()
    } else {
        let message = fault.to_string();
        let message = cut(&message, MOST_MESSAGE_BYTES);
        if omitted == 0 { message.into_owned() } else { format!("{message} ({omitted} more faults aren't listed)") }
    };
    Status::with_error_details(class.grpc(), message, details)
}

/// A call that was given up because the caller's deadline passed.
#[derive(Debug, thiserror::Error)]
#[error("{NO_ANSWER}")]
struct Late;

impl Fault for Late {
    fn class(&self) -> Code {
        Code::Timeout
    }

    fn reason(&self) -> &'static str {
        TIMEOUT
    }
}

/// The status of a call whose deadline passed.
pub(super) fn late() -> Status {
    to_status(&Late)
}

/// The faults that travel, their places put into `facts`, and how many don't travel.
fn fields(violations: &[Violation], facts: &mut HashMap<String, String>) -> (Vec<FieldViolation>, usize) {
    let (mut fields, mut bytes) = (Vec::new(), 0);
    for (number, violation) in violations.iter().take(MOST_VIOLATIONS).enumerate() {
        let (field, message) = (cut(&violation.field, MOST_TEXT_BYTES), cut(&violation.message, MOST_TEXT_BYTES));
        bytes += field.len() + message.len();
        if bytes > MOST_VIOLATION_BYTES {
            break;
        }
        fields.push(FieldViolation::new(field, message));
        if let Some((line, column)) = violation.position {
            facts.insert(format!("position.{number}"), format!("{line}:{column}"));
        }
    }
    let omitted = violations.len() - fields.len();
    (fields, omitted)
}

/// The text, or as much of it as fits.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}…", text.get(..text.floor_char_boundary(most)).unwrap_or_default()))
}

fn fault_chain(fault: &dyn Fault) -> String {
    fault.source().map_or_else(|| fault.to_string(), |source| format!("{fault}: {}", chain(source)))
}

/// An error as the caller of an RPC reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The class.
    pub class: Code,
    /// The stable code, `snake_case`.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// The single faults.
    pub violations: Vec<Violation>,
    /// Facts for machines.
    pub facts: HashMap<String, String>,
    /// After how long a new try makes sense.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Reads a status. One without our `ErrorInfo` didn't come from a part of ours: the peer couldn't be reached (nothing
    /// ran), or the call broke on the way (it may have run).
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return Self::foreign(status);
        };
        let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let violations = fields.iter().enumerate().map(|(number, field)| Violation {
            field: field.field.clone(),
            message: field.description.clone(),
            position: info.metadata.get(&format!("position.{number}")).and_then(|at| position(at)),
        });
        Self {
            class: info.metadata.get(CLASS).and_then(|name| Code::parse(name)).unwrap_or(Code::Internal),
            reason: info.reason.to_lowercase(),
            message: status.message().to_owned(),
            violations: violations.collect(),
            facts: info.metadata.clone(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }

    /// The status that says this: for a part that passes on, in our words, what failed behind it.
    #[must_use]
    pub fn to_status(&self) -> Status {
        let mut facts = self.facts.clone();
        facts.insert(CLASS.to_owned(), self.class.name().to_owned());
        let mut details = ErrorDetails::new();
        let (fields, _omitted) = fields(&self.violations, &mut facts);
        details.set_error_info(self.reason.to_uppercase(), DOMAIN, facts);
        if !fields.is_empty() {
            details.set_bad_request(fields);
        }
        if let Some(after) = self.retry_after {
            details.set_retry_info(Some(after));
        }
        Status::with_error_details(self.class.grpc(), cut(&self.message, MOST_MESSAGE_BYTES).into_owned(), details)
    }

    /// Whether a part of ours made the status, so that it was reached and decided. A deadline that passed decides nothing.
    #[must_use]
    pub fn is_ours(status: &Status) -> bool {
        let decided = |reason: &str| !reason.eq_ignore_ascii_case(TIMEOUT);
        status.get_details_error_info().is_some_and(|info| info.domain == DOMAIN && decided(&info.reason))
    }

    fn foreign(status: &Status) -> Self {
        let (class, reason, message) = match status.code() {
            _ if is_unreachable(status) => {
                (Code::Unavailable, "service_unavailable", "A part of this service can't be reached right now")
            }
            Grpc::DeadlineExceeded | Grpc::Cancelled => (Code::Timeout, TIMEOUT, NO_ANSWER),
            Grpc::Unavailable | Grpc::Unknown | Grpc::Internal => {
                (Code::BadUpstream, "service_broken", "A part of this service broke off. The request may have run")
            }
            Grpc::OutOfRange | Grpc::ResourceExhausted => {
                (Code::BadUpstream, "message_too_large", "A message was too large")
            }
            _ => (Code::Internal, "internal", INTERNAL),
        };
        tracing::warn!(code = ?status.code(), detail = status.message(), "an rpc failed outside the services");
        let (reason, message) = (reason.to_owned(), message.to_owned());
        Self { class, reason, message, violations: Vec::new(), facts: HashMap::new(), retry_after: None }
    }
}

fn is_unreachable(status: &Status) -> bool {
    let mut next = std::error::Error::source(status);
    while let Some(error) = next {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn position(text: &str) -> Option<(u32, u32)> {
    let (line, column) = text.split_once(':')?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Writes rate figures as `<prefix>-limit`, `-remaining` and `-reset` metadata, which the gateway makes headers of.
pub fn put_figures(metadata: &mut MetadataMap, prefix: &str, figures: Figures) {
    for (name, value) in [("limit", figures.limit), ("remaining", figures.remaining()), ("reset", figures.reset)] {
        if let Ok(key) = tonic::metadata::AsciiMetadataKey::from_bytes(format!("{prefix}-{name}").as_bytes()) {
            metadata.insert(key, value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it is broken")]
    struct Broken(Code, Vec<Violation>);

    impl Fault for Broken {
        fn class(&self) -> Code {
            self.0
        }
        fn reason(&self) -> &'static str {
            "it_is_broken"
        }
        fn violations(&self) -> &[Violation] {
            &self.1
        }
    }

    #[test]
    fn an_error_survives_the_wire() {
        let violations = vec![
            Violation { position: Some((3, 14)), ..Violation::new("query", "no such field") },
            Violation::new("name", "too long"),
        ];
        let refusal = Refusal::of(&to_status(&Broken(Code::Unprocessable, violations.clone())));
        assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unprocessable, "it_is_broken"));
        assert_eq!((refusal.message.as_str(), refusal.violations), ("it is broken", violations));
    }

    #[test]
    fn a_refusal_can_be_said_again() {
        let violation = Violation { position: Some((3, 14)), ..Violation::new("query", "no such field") };
        let once = Refusal::of(&to_status(&Broken(Code::Unprocessable, vec![violation])));
        let refusal = Refusal { retry_after: Some(Duration::from_secs(3)), ..once };
        assert_eq!(Refusal::of(&refusal.to_status()), refusal);
        let unreachable = Refusal::of(&Refusal::of(&Status::unavailable("no route to 10.0.0.1")).to_status());
        assert_eq!((unreachable.class, unreachable.reason.as_str()), (Code::BadUpstream, "service_broken"));
        assert!(!unreachable.message.contains("10.0.0.1"));
    }

    #[test]
    fn an_error_fits_into_headers_whatever_is_wrong() {
        let flood = (0..1_000).map(|n| Violation { position: Some((n, n)), ..Violation::new("v", "w".repeat(90)) });
        for violations in [vec![Violation::new("ü".repeat(30_000), "x".repeat(30_000))], flood.collect()] {
            let many = violations.len();
            let status = to_status(&Broken(Code::Unprocessable, violations));
            let headers: usize =
                status.into_http::<()>().headers().iter().map(|(k, v)| k.as_str().len() + v.len() + 32).sum();
            assert!(headers < 16_000, "{headers}");
            let refusal = Refusal::of(&to_status(&Broken(Code::Unprocessable, vec![Violation::new("v", "w"); many])));
            assert_eq!(refusal.violations.len(), many.min(50));
        }
    }

    #[test]
    fn an_internal_error_shows_nothing() {
        assert!(!to_status(&Broken(Code::Internal, vec![])).message().contains("broken"));
    }

    #[test]
    fn the_class_comes_from_error_info_and_not_from_the_status() {
        let status = to_status(&Broken(Code::BadUpstream, vec![]));
        assert_eq!((status.code(), Refusal::of(&status).class), (Grpc::Unknown, Code::BadUpstream));
        assert_eq!(Refusal::of(&Status::not_found("")).class, Code::Internal);
    }

    #[test]
    fn a_deadline_that_passed_has_a_reason_and_is_no_decision() {
        let status = late();
        assert_eq!(status.code(), Grpc::DeadlineExceeded);
        let Refusal { class, reason, .. } = Refusal::of(&status);
        assert_eq!((class, reason.as_str()), (Code::Timeout, "timeout"));
        assert!(!Refusal::is_ours(&status));
    }
}
