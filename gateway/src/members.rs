//! The members of a JSON body, read one by one; everything that is wrong is reported at once.

use chrono::DateTime;
use kit::{error::Violation, grpc::to_timestamp, json};
use prost_types::Timestamp;
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
        self.required(name).unwrap_or_default()
    }

    /// The same, or `None` where [`Members::finish`] will say that it isn't there.
    pub(crate) fn required(&mut self, name: &str) -> Option<String> {
        match self.left.get(name) {
            None | Some(Value::Null) => self.refuse(name, "is required"),
            Some(_) => self.text(name),
        }
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

    /// A time that may be absent, or null for none.
    pub(crate) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.nullable_text(name)?;
        match DateTime::parse_from_rfc3339(&text) {
            Ok(at) => Some(to_timestamp(at.to_utc())),
            Err(_unreadable) => self.refuse(name, "must be a time with its offset, as RFC 3339 has it, or null"),
        }
    }

    /// A whole number that may be absent, or null for none. [`Members::finish`] tells one from the other.
    pub(crate) fn nullable_count(&mut self, name: &str) -> Option<u32> {
        match self.take(name)? {
            Value::Null => None,
            value => match value.as_u64().and_then(|count| u32::try_from(count).ok()) {
                Some(count) => Some(count),
                None => self.refuse(name, "must be a whole number or null"),
            },
        }
    }

    /// An object that may be absent, but not null.
    pub(crate) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(members) => Some(members),
            _ => self.refuse(name, "must be an object"),
        }
    }

    /// An object that may be absent, or null for none.
    pub(crate) fn nullable_object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(members) => Some(members),
            Value::Null => None,
            _ => self.refuse(name, "must be an object or null"),
        }
    }

    /// Names and texts: an object that may be absent, or null for none. Numbers and booleans become texts.
    pub(crate) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let members = self.nullable_object(name).unwrap_or_default().into_iter();
        let pair = |(key, value): (String, Value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Number(_) | Value::Bool(_) => Some((key, value.to_string())),
            _ => self.refuse(&format!("{name}.{key}"), "must be a string, a number or a boolean"),
        };
        members.filter_map(pair).collect()
    }

    /// Refuses the member `name`, if it is given, unless it is `same`.
    pub(crate) fn forbid_unless(&mut self, name: &str, same: &Value, why: &str) {
        if self.take(name).is_some_and(|value| value != *same) {
            self.refuse::<()>(name, why);
        }
    }

    /// The names of the members that were read and given, in the order of reading; or everything that is wrong.
    pub(crate) fn finish(self) -> Result<Vec<String>, Error> {
        if self.violations.is_empty() { Ok(self.given) } else { Err(Error::Invalid(self.violations)) }
    }

    /// Whether the member `name` is there and hasn't been read.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// Any value, which may be absent.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.take(name)
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let value = self.left.remove(name)?;
        self.given.push(name.to_owned());
        Some(value)
    }

    /// Notes what is wrong with the member `name`.
    pub(crate) fn refuse<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.violations.push(Violation::new(name, format!("{name} {what}")));
        None
    }
}
