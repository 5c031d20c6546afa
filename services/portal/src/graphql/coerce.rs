//! A call's variables, fitted to what the operation declares (GraphQL specification §6.1.2 and "Input Coercion" of §3).
//!
//! Defaults are left to the executor: a variable that is absent stays absent.

use apollo_compiler::{
    ast::Type,
    schema::{ExtendedType, InputObjectType},
};
use kit::error::Violation;
use serde_json::{Map, Number, Value};

use super::{Schema, operation::Operation};

/// Variables that fit an operation, and the names of those that it doesn't declare.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Coerced {
    pub(crate) variables: Map<String, Value>,
    pub(crate) ignored: Vec<String>,
}

/// Fits `given` to `operation`. The error lists every fault with the path of the value.
pub(crate) fn coerce(
    schema: &Schema,
    operation: &Operation,
    mut given: Map<String, Value>,
) -> Result<Coerced, Vec<Violation>> {
    let mut coercion = Coercion { schema, path: String::new(), faults: Vec::new() };
    let mut variables = Map::new();
    for variable in &operation.variables {
        coercion.path.clone_from(&variable.name);
        match given.remove(&variable.name) {
            None if variable.is_required() => coercion.fault(format!("is required ({})", variable.ty)),
            None => {}
            Some(value) => {
                let value = coercion.value(&variable.ty, value);
                if variable.used {
                    variables.insert(variable.name.clone(), value);
                }
            }
        }
    }
    if coercion.faults.is_empty() {
        return Ok(Coerced { variables, ignored: given.into_iter().map(|(name, _)| name).collect() });
    }
    Err(coercion.faults)
}

struct Coercion<'a> {
    schema: &'a Schema,
    path: String,
    faults: Vec<Violation>,
}

impl Coercion<'_> {
    fn value(&mut self, ty: &Type, value: Value) -> Value {
        match (ty, value) {
            (Type::NonNullNamed(_) | Type::NonNullList(_), Value::Null) => {
                self.fault(format!("must not be null ({ty})"));
                Value::Null
            }
            (_, Value::Null) => Value::Null,
            (Type::List(item) | Type::NonNullList(item), Value::Array(values)) => Value::Array(
                values
                    .into_iter()
                    .enumerate()
                    .map(|(at, value)| self.inside(&format!("[{at}]"), item, value))
                    .collect(),
            ),
            // A single value counts as a list of one.
            (Type::List(item) | Type::NonNullList(item), value) => Value::Array(vec![self.value(item, value)]),
            (Type::Named(name) | Type::NonNullNamed(name), value) => self.named(name, value),
        }
    }

    fn inside(&mut self, step: &str, ty: &Type, value: Value) -> Value {
        let outside = self.path.len();
        self.path.push_str(step);
        let value = self.value(ty, value);
        self.path.truncate(outside);
        value
    }

    fn named(&mut self, name: &str, value: Value) -> Value {
        let schema = self.schema;
        match schema.types.get(name) {
            Some(ExtendedType::InputObject(object)) => self.object(object, value),
            Some(ExtendedType::Enum(values)) => {
                if !value.as_str().is_some_and(|text| values.values.contains_key(text)) {
                    self.fault(format!("must be a value of {name}, but is {}", kind(&value)));
                }
                value
            }
            // The compiler keeps built-in scalars out of `types` when the schema doesn't use them.
            _ => scalar(name, value).unwrap_or_else(|value| {
                let message = match (name, &value) {
                    ("Int", Value::Number(number)) if !number.is_f64() => "is beyond the 32 bits of Int".to_owned(),
                    _ => format!("must be {name}, but is {}", kind(&value)),
                };
                self.fault(message);
                value
            }),
        }
    }

    fn object(&mut self, object: &InputObjectType, value: Value) -> Value {
        let Value::Object(mut given) = value else {
            self.fault(format!("must be an object ({}), but is {}", object.name, kind(&value)));
            return value;
        };
        let mut members = Map::new();
        for (name, field) in &object.fields {
            match given.remove(name.as_str()) {
                Some(value) => {
                    members.insert(name.to_string(), self.inside(&format!(".{name}"), &field.ty, value));
                }
                None if field.is_required() => {
                    self.fault_at(&format!(".{name}"), format!("is required ({})", field.ty));
                }
                None => {}
            }
        }
        for name in given.keys() {
            self.fault_at(&format!(".{name}"), format!("is no field of {}", object.name));
        }
        Value::Object(members)
    }

    fn fault_at(&mut self, step: &str, message: String) {
        self.faults.push(Violation::new(format!("{}{step}", self.path), message));
    }

    fn fault(&mut self, message: String) {
        self.fault_at("", message);
    }
}

/// The value of a scalar, or the value back when it doesn't fit. What isn't built in passes as it is.
fn scalar(name: &str, value: Value) -> Result<Value, Value> {
    let fits = match (name, &value) {
        ("Int", Value::Number(number)) => return integer(number).map(Value::from).ok_or(value),
        ("ID", Value::Number(number)) => return identifier(number).map(Value::String).ok_or(value),
        ("Float", Value::Number(_)) | ("String" | "ID", Value::String(_)) | ("Boolean", Value::Bool(_)) => true,
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
        _ => true,
    };
    if fits { Ok(value) } else { Err(value) }
}

/// A 32-bit integer; `1.0` is one.
fn integer(number: &Number) -> Option<i32> {
    match number.as_i64() {
        Some(whole) => i32::try_from(whole).ok(),
        None => number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= f64::from(i32::MAX)).and_then(
            |float| {
                // Within 32 bits and whole, so the text of it is an integer's.
                format!("{float:.0}").parse().ok()
            },
        ),
    }
}

fn identifier(number: &Number) -> Option<String> {
    if number.is_f64() { integer(number).map(|whole| whole.to_string()) } else { Some(number.to_string()) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction or beyond 64 bits",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
