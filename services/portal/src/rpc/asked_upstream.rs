//! What an administrator asks an upstream to be, checked field by field.

use contracts::registry::v1::{SchemaSource, UpstreamHeader};
use http::HeaderMap;
use kit::error::Violation;

use crate::{
    domain::upstream::{Source, Upstream, check_headers},
    drift,
    error::Error,
    store::SchemaText,
};

/// The most findings that are listed of one.
const MOST_FINDINGS: usize = 50;

/// Everything that is wrong with a request.
#[derive(Default)]
pub(super) struct Faults(Vec<Violation>);

impl Faults {
    /// What `checked` is, or `None` and its fault is noted.
    pub(super) fn take<T>(&mut self, checked: Result<T, Violation>) -> Option<T> {
        checked.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Puts what `checked` is in a place, or notes its fault.
    pub(super) fn put<T>(&mut self, place: &mut T, checked: Result<T, Violation>) {
        if let Some(checked) = self.take(checked) {
            *place = checked;
        }
    }

    /// What `checked` is, or `None` and its faults are noted.
    pub(super) fn take_all<T>(&mut self, checked: Result<T, Vec<Violation>>) -> Option<T> {
        checked.map_err(|faults| self.0.extend(faults)).ok()
    }

    /// Refuses the request if anything was noted.
    pub(super) fn end(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}

/// The headers of a request.
pub(super) fn headers(given: &[UpstreamHeader]) -> Result<HeaderMap, Vec<Violation>> {
    check_headers(given.iter().map(|header| (header.name.as_str(), header.value.as_str())))
}

/// The names of headers, in order.
pub(super) fn names(headers: &HeaderMap) -> Vec<String> {
    headers.keys().map(ToString::to_string).collect()
}

/// An upstream's address as the audit trail has it: paths and queries may hold what isn't for everybody.
pub(super) fn origin(of: &Upstream) -> String {
    of.url.origin().ascii_serialization()
}

/// Where the schema comes from, and its text if that is in the request.
pub(super) async fn schema(source: SchemaSource, sdl: String) -> Result<(Source, Option<SchemaText>), Vec<Violation>> {
    const FIELD: &str = "schema.sdl";
    match source {
        SchemaSource::Introspection | SchemaSource::Unspecified if sdl.is_empty() => Ok((Source::Introspection, None)),
        SchemaSource::Introspection | SchemaSource::Unspecified => {
            Err(vec![Violation::new(FIELD, "can't be given where the upstream is asked for its schema")])
        }
        SchemaSource::Sdl if sdl.is_empty() => Err(vec![Violation::new(FIELD, "is empty")]),
        SchemaSource::Sdl => match drift::read(sdl).await {
            Ok(text) => Ok((Source::Sdl, Some(text))),
            Err(findings) => Err(findings
                .into_iter()
                .take(MOST_FINDINGS)
                .map(|finding| Violation { position: finding.position, ..Violation::new(FIELD, finding.message) })
                .collect()),
        },
    }
}
