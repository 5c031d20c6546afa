//! An operation of a document, ready to be called.

use std::sync::Arc;

use apollo_compiler::ast::Type;
use serde_json::Value;

use super::{embedded::Prepared, finding::Finding};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads.
    Query,
    /// Changes something.
    Mutation,
}

/// A variable that an operation declares.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    /// The name, without `$`.
    pub(crate) name: String,
    /// The declared type.
    pub(crate) ty: Type,
    /// The declared default.
    pub(crate) default: Option<Value>,
    /// Whether the operation uses it. One that is not used is never sent.
    pub(crate) used: bool,
}

impl Kind {
    /// The word of the specification.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

impl Variable {
    /// Whether a call must give it.
    pub(crate) fn is_required(&self) -> bool {
        self.ty.is_non_null() && self.default.is_none()
    }
}

/// An operation of a document.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The name; `None` for a document's only operation, when anonymous.
    pub(crate) name: Option<String>,
    /// What it does.
    pub(crate) kind: Kind,
    /// Where it begins in the document: line and column, from 1.
    pub(crate) position: Option<(u32, u32)>,
    /// What it declares, in order.
    pub(crate) variables: Vec<Variable>,
    /// What runs, or why it can't any more: the schema changed since the document was saved.
    pub(crate) ready: Result<Ready, Vec<Finding>>,
}

/// An operation that fits its upstream's schema.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    /// The operation and its fragments, less the variables that it doesn't use.
    pub(crate) text: Arc<str>,
    pub(crate) runnable: Runnable,
}

/// The same as its upstream takes it.
#[derive(Clone, Debug)]
pub(crate) enum Runnable {
    /// Prepared for the API in this process.
    Embedded(Arc<dyn Prepared>),
    /// To be sent as text.
    Remote,
}

/// Why no operation was selected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unselected {
    /// The document has no such operation.
    #[error("there is no operation named {0:?}; this portal has {1}")]
    Unknown(String, String),
    /// The document has several and none was named.
    #[error("operation_name must name one of {0}")]
    Ambiguous(String),
}

/// The operation called `name`, or the only one.
pub(super) fn select<'a>(operations: &'a [Operation], name: Option<&str>) -> Result<&'a Operation, Unselected> {
    match (name, operations) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Unselected::Ambiguous(names(operations))),
        (Some(name), _) => {
            let found = operations.iter().find(|operation| operation.name.as_deref() == Some(name));
            found.ok_or_else(|| Unselected::Unknown(name.to_owned(), names(operations)))
        }
    }
}

fn names(operations: &[Operation]) -> String {
    let name = |operation: &Operation| operation.name.clone().unwrap_or_else(|| "one anonymous operation".to_owned());
    operations.iter().map(name).collect::<Vec<_>>().join(", ")
}
