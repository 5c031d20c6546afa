//! Documents: checked once when they are saved and loaded, run many times.
//!
//! `bounds` refuses what would be costly before anything else looks at it; `document` validates against the upstream's
//! schema and keeps each operation ready to run; `coerce` fits a call's variables to an operation; `embedded` is what an
//! upstream in this process must be able to do.

mod bounds;
mod coerce;
mod document;
mod embedded;
mod finding;
mod one_of;
mod operation;
mod schema;
mod shape;
mod variables;
mod warn;

pub(crate) use coerce::{Coerced, coerce};
pub(crate) use document::Document;
pub use embedded::{Answer, Embedded, Prepared, Reach, User, Viewer};
pub(crate) use finding::Finding;
pub(crate) use operation::{Kind, Operation, Ready, Runnable, Unselected, Variable};
pub use schema::{BadSchema, Schema};
pub(crate) use shape::shape;
pub(crate) use variables::variables;
