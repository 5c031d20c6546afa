//! The members of a JSON body, read one by one; everything that is wrong is reported at once.

use std::collections::BTreeMap;

use axum::body::Bytes;
use chrono::DateTime;
use kit::{error::Violation, grpc::to_timestamp, json};
use prost_types::Timestamp;
use serde_json::{Map, Value, value::RawValue};

use crate::error::Error;

/// How deep a body may nest.
pub(crate) const MOST_DEPTH: usize = 64;
/// How many faults are listed, and how much of a name that callers chose.
const MOST_FAULTS: usize = 50;
const MOST_NAME_BYTES: usize = 300;

/// Members that haven't been read yet, and what was found out about the others. Members that nobody reads are ignored.
#[derive(Debug)]
pub(crate) struct Members {
    body: Bytes,
    left: Map<String, Value>,
    given: Vec<String>,
    violations: Vec<Violation>,
    /// Faults beside those.
    omitted: usize,
}

impl Members {
    /// The members of a body.
    pub(crate) fn of(body: Bytes) -> Result<Self, Error> {
        let left = json::object(&body, MOST_DEPTH).map_err(Error::NotAnObject)?;
        Ok(Self { body, left, given: Vec::new(), violations: Vec::new(), omitted: 0 })
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

    /// Names and texts: an object that may be absent, or null for none. Numbers and booleans become texts, as they were
    /// written: digits that no number of ours has are kept.
    pub(crate) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let members = self.nullable_object(name).unwrap_or_default();
        let has_numbers = members.values().any(Value::is_number);
        let mut written = if has_numbers { written(&self.body, name) } else { BTreeMap::new() };
        let pair = |(key, value): (String, Value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Number(_) => written.remove(&key).map(|text| (key, text.get().to_owned())),
            Value::Bool(flag) => Some((key, flag.to_string())),
            _ => self.refuse(&format!("{name}.{key}"), "must be a string, a number or a boolean"),
        };
        members.into_iter().filter_map(pair).collect()
    }

    /// Refuses the member `name`, if it is given, unless it is `same`.
    pub(crate) fn forbid_unless(&mut self, name: &str, same: &Value, why: &str) {
        if self.take(name).is_some_and(|value| value != *same) {
            self.refuse::<()>(name, why);
        }
    }

    /// The names of the members that were read and given, in the order of reading; or everything that is wrong.
    pub(crate) fn finish(self) -> Result<Vec<String>, Error> {
        if self.violations.is_empty() { Ok(self.given) } else { Err(Error::Invalid(self.violations, self.omitted)) }
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
        if self.violations.len() < MOST_FAULTS {
            let shown = name.get(..name.floor_char_boundary(MOST_NAME_BYTES)).unwrap_or_default();
            self.violations.push(Violation::new(shown, what));
        } else {
            self.omitted += 1;
        }
        None
    }
}

/// The members of the member `name` of a body, as they were written. Of a doubled one the last counts, as everywhere.
fn written(body: &[u8], name: &str) -> BTreeMap<String, Box<RawValue>> {
    type Written = BTreeMap<String, Box<RawValue>>;
    let member = serde_json::from_slice::<Written>(body).ok().and_then(|mut members| members.remove(name));
    member.and_then(|member| serde_json::from_str(member.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(body: &str) -> Members {
        Members::of(Bytes::copy_from_slice(body.as_bytes())).unwrap()
    }

    #[test]
    fn numbers_are_kept_as_they_were_written() {
        let mut given = members(
            r#"{"p": {"a": 0}, "p": {"a": 1.10, "b": 12345678901234567890123, "a": 1.20, "\u0063": -0, "d": true, "e": "1e1"}}"#,
        );
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let expected = [
            pair("a", "1.20"),
            pair("b", "12345678901234567890123"),
            pair("c", "-0"),
            pair("d", "true"),
            pair("e", "1e1"),
        ];
        assert_eq!(given.pairs("p"), expected);
        assert!(given.pairs("q").is_empty() && given.finish().is_ok());
    }

    #[test]
    fn the_list_of_faults_has_an_end() {
        let nulls: Vec<_> = (0..60).map(|number| format!("\"{}{number}\":null", "ü".repeat(200))).collect();
        let mut given = members(&format!("{{\"p\":{{{}}}}}", nulls.join(",")));
        assert!(given.pairs("p").is_empty());
        let Err(error) = given.finish() else { panic!("nothing is refused") };
        let Error::Invalid(violations, 10) = &error else { panic!("{error}") };
        assert_eq!(violations.len(), 50);
        assert!(violations.iter().all(|fault| fault.field.len() <= 300 && fault.field.starts_with("p.ü")));
        assert!(error.to_string().ends_with("boolean (10 more faults aren't listed)"), "{error}");
    }
}
