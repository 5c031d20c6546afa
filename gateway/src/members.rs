//! The members of a JSON body, read one by one; everything that is wrong is reported at once.

use kit::{error::Violation, json};
use serde_json::{Map, Value};

use crate::error::Error;

/// How deep a body may nest.
pub(crate) const MOST_DEPTH: usize = 64;

/// Members that haven't been read yet, and what was found out about the others. Members that nobody reads are ignored.
#[derive(Debug)]
pub(crate) struct Members {
    left: Map<String, Value>,
    given: Vec<String>,
    violations: Vec<Violation>,
}

impl Members {
    /// The members of a body.
    pub(crate) fn of(body: &[u8]) -> Result<Self, Error> {
        let left = json::object(body, MOST_DEPTH).map_err(Error::NotAnObject)?;
        Ok(Self { left, given: Vec::new(), violations: Vec::new() })
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, name: &str) -> String {
        match self.left.get(name) {
            None | Some(Value::Null) => self.refuse(name, "is required"),
            Some(_) => self.text(name),
        }
        .unwrap_or_default()
    }

    /// A text that may be absent, but not null.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.refuse(name, "must be a string"),
        }
    }

    /// A text that may be absent, or null for none.
    pub(crate) fn nullable_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => self.refuse(name, "must be a string or null"),
        }
    }

    /// A boolean that may be absent, but not null.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// The names of the members that were read and given, in the order of reading; or everything that is wrong.
    pub(crate) fn finish(self) -> Result<Vec<String>, Error> {
        if self.violations.is_empty() { Ok(self.given) } else { Err(Error::Invalid(self.violations)) }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let value = self.left.remove(name)?;
        self.given.push(name.to_owned());
        Some(value)
    }

    fn refuse<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.violations.push(Violation::new(name, format!("{name} {what}")));
        None
    }
}
