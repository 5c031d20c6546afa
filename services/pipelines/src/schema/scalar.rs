//! The public schema's own scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{SecondsFormat, Utc};
use kit::ambient::Instant;

/// `DateTime`: read with any offset, written in UTC with milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateTime(pub(crate) Instant);

/// An ISO-8601 encoded UTC date string
#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let at = chrono::DateTime::parse_from_rfc3339(text)
            .map_err(|_unreadable| InputValueError::custom("must look like 2026-01-01T12:00:00Z"))?;
        Ok(Self(at.with_timezone(&Utc)))
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok())
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// `YAML`, which is never read.
#[derive(Clone, Debug)]
pub(crate) struct Yaml(pub(crate) String);

/// A blob of YAML
#[Scalar(name = "YAML")]
impl ScalarType for Yaml {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}
