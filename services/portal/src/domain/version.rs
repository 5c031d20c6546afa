//! A document that a portal had.

use kit::ambient::Instant;

use super::portal::Author;

/// A version of a portal's document. Never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) query: String,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Author,
}

impl Version {
    /// What diffs call it.
    pub(crate) fn title(&self) -> String {
        format!("version {}", self.number)
    }
}
