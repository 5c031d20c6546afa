//! Schemas of the types that answer.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, RefOr, Schema, Type},
};

/// Schemas by name.
#[derive(Default)]
pub(crate) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Adds that of `T` and of every type in it.
    pub(super) fn add<T: ToSchema>(&mut self) {
        let mut found: Vec<(Cow<'static, str>, RefOr<Schema>)> = vec![(T::name(), T::schema())];
        let mut inner = Vec::new();
        T::schemas(&mut inner);
        found.extend(inner.into_iter().map(|(name, schema)| (name.into(), schema)));
        for (name, schema) in found {
            let mut schema = serde_json::to_value(schema).unwrap_or_default();
            settle(&mut schema);
            self.put(&name, schema);
        }
    }

    /// Adds one. Two that differ can't have the same name.
    pub(super) fn put(&mut self, name: &str, schema: Value) {
        let before = self.0.insert(name.to_owned(), schema);
        debug_assert!(before.is_none() || before.as_ref() == self.0.get(name), "two schemas are called {name}");
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (name, schema) in other.0 {
            self.put(&name, schema);
        }
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// The schema of a text that is one of these.
pub(crate) fn words<'a>(of: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(of)).build()
}

/// Makes the schema say what the type is written as: an `Option` is null where it isn't there, unless it is left out, which
/// its field says by `#[schema(nullable = false)]`. And by the names of the house, `…_at` is a time and `…uuid` a UUID.
fn settle(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    for part in ["allOf", "oneOf", "anyOf"] {
        keywords.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten().for_each(settle);
    }
    let Some(Value::Object(properties)) = keywords.get_mut("properties") else { return };
    let mut always = Vec::new();
    for (name, property) in properties {
        settle(property);
        format(name, property);
        if is_nullable(property) {
            always.push(Value::from(name.as_str()));
        }
    }
    if let Value::Array(required) = keywords.entry("required").or_insert_with(|| json!([])) {
        always.retain(|name| !required.contains(name));
        required.extend(always);
    }
}

fn format(name: &str, property: &mut Value) {
    let format = match name {
        _ if name.ends_with("_at") => "date-time",
        "uuid" => "uuid",
        _ if name.ends_with("_uuid") => "uuid",
        _ => return,
    };
    let is_text = property.get("type").is_some_and(|kind| match kind {
        Value::Array(kinds) => kinds.contains(&json!("string")),
        kind => kind == "string",
    });
    if let Value::Object(property) = property
        && is_text
    {
        property.entry("format").or_insert_with(|| format.into());
    }
}

fn is_nullable(property: &Value) -> bool {
    let null = json!("null");
    match property.get("type") {
        Some(Value::Array(kinds)) => kinds.contains(&null),
        Some(kind) => *kind == null,
        None => {
            let options = property.get("oneOf").and_then(Value::as_array);
            options.is_some_and(|options| options.iter().any(|option| option.get("type") == Some(&null)))
        }
    }
}
