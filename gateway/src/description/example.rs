//! Values that fit a schema.

use serde_json::{Map, Value, json};

/// How deep schemas refer to each other.
const MOST_DEPTH: usize = 16;

/// A value of `schema`; `schemas` are those that it may refer to. It has the members that are always there, and those of the
/// others that have an example if `with_more`.
pub(super) fn example(schema: &Value, schemas: &Map<String, Value>, with_more: bool) -> Value {
    Examples { schemas, with_more }.value(schema, MOST_DEPTH)
}

struct Examples<'a> {
    schemas: &'a Map<String, Value>,
    with_more: bool,
}

impl Examples<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::Null };
        if let Some(example) = given(schema) {
            return example;
        }
        if let Some(of) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
            return self.schemas.get(of).map_or(Value::Null, |schema| self.value(schema, depth));
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let members = parts.iter().filter_map(|part| match self.value(part, depth) {
                Value::Object(members) => Some(members),
                _ => None,
            });
            return Value::Object(members.flatten().collect());
        }
        for part in ["oneOf", "anyOf"] {
            if let Some(options) = schema.get(part).and_then(Value::as_array) {
                let some = options.iter().find(|option| option.get("type").is_none_or(|kind| kind != "null"));
                return some.map_or(Value::Null, |option| self.value(option, depth));
            }
        }
        self.of_type(schema, depth)
    }

    fn of_type(&self, schema: &Value, depth: usize) -> Value {
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().find(|kind| *kind != "null"),
            kind => kind,
        };
        match kind.and_then(Value::as_str) {
            Some("object") => self.object(schema, depth),
            Some("array") => schema.get("items").map(|items| self.value(items, depth)).into_iter().collect(),
            Some("string") => text(schema.get("format").and_then(Value::as_str)).into(),
            Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
            Some("number") => json!(1.5),
            Some("boolean") => json!(false),
            _ => json!({}),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let is_there = |(name, member): &(&String, &Value)| {
            required.is_some_and(|required| required.iter().any(|one| one == name.as_str()))
                || self.with_more && member.get("example").is_some()
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let members = properties.into_iter().flatten().filter(is_there);
        members.map(|(name, schema)| (name.clone(), self.value(schema, depth))).collect()
    }
}

fn given(schema: &Value) -> Option<Value> {
    if schema.get("description").and_then(Value::as_str).is_some_and(|text| text.starts_with("Always null")) {
        return Some(Value::Null);
    }
    for keyword in ["example", "const", "default"] {
        if let Some(value) = schema.get(keyword) {
            return Some(value.clone());
        }
    }
    let first = |keyword: &str| schema.get(keyword)?.as_array()?.first().cloned();
    first("examples").or_else(|| first("enum"))
}

fn text(format: Option<&str>) -> &'static str {
    match format {
        Some("date-time") => "2026-01-01T12:00:00.000Z",
        Some("uuid") => "018f2b5e-0000-7000-8000-000000000000",
        _ => "…",
    }
}
