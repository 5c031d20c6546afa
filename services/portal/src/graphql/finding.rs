//! What is wrong with a document, or worth knowing about it, and where.

use apollo_compiler::{
    parser::{SourceMap, SourceSpan},
    validation::DiagnosticList,
};

/// A sentence about a place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    /// The sentence.
    pub(crate) message: String,
    /// Line and column, from 1; `None` for the document as a whole.
    pub(crate) position: Option<(u32, u32)>,
}

impl Finding {
    /// About the document as a whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), position: None }
    }

    /// About the place `at` in `sources`.
    pub(crate) fn at(at: Option<SourceSpan>, sources: &SourceMap, message: impl Into<String>) -> Self {
        let start = at.and_then(|span| span.line_column(sources));
        let position = start.map(|start| (small(start.line), small(start.column)));
        Self { message: message.into(), position }
    }

    /// The compiler's diagnostics; each with its name in the compiler.
    pub(crate) fn of(diagnostics: &DiagnosticList) -> impl Iterator<Item = (Option<&'static str>, Self)> {
        diagnostics.iter().map(|diagnostic| {
            let start =
                diagnostic.line_column_range().map(|range| (small(range.start.line), small(range.start.column)));
            let name = apollo_compiler::validation::DiagnosticData::unstable_error_name(diagnostic.error);
            (name, Self { message: sentence(&diagnostic.error.to_string()), position: start })
        })
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
