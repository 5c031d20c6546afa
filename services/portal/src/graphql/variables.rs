//! What variables an operation takes: a JSON Schema (draft 2020-12), made of what it declares and its upstream's schema.
//!
//! Whatever fits it is taken by [`coerce`](super::coerce), as far as it tells. The other way round that isn't so, to keep it simple for those who make
//! code of it: a single value in the place of a list isn't described, and no variable that isn't declared.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::{
    ast::Type,
    schema::{ExtendedType, InputObjectType},
};
use serde_json::{Map, Value, json};

use super::{Schema, document::to_json, operation::Operation};

/// How long the text may be; beyond it input objects aren't described.
const MOST_BYTES: usize = 256 << 10;
/// Lists in each other; deeper ones aren't described.
const MOST_LISTS: usize = 16;
/// Up to here a double has every whole number: coercion takes no other as an ID.
const MOST_EXACT: i64 = 9_007_199_254_740_991;

/// The schema of an operation's variables.
pub(crate) fn variables(operation: &Operation, schema: &Schema) -> String {
    let mut writer = Writer::new(schema, true);
    let whole = writer.document(operation);
    if writer.left > 0 {
        let whole = whole.to_string();
        if whole.len() <= MOST_BYTES {
            return whole;
        }
    }
    Writer::new(schema, false).document(operation).to_string()
}

struct Writer<'a> {
    schema: &'a Schema,
    /// Input objects that are referred to and not described yet.
    open: BTreeSet<&'a str>,
    with_objects: bool,
    /// What is left of [`MOST_BYTES`]. Beyond it nothing more is described, so that what is too long isn't made first: fields
    /// times values of their enums may be more than memory holds.
    left: usize,
}

impl<'a> Writer<'a> {
    fn new(schema: &'a Schema, with_objects: bool) -> Self {
        Self { schema, open: BTreeSet::new(), with_objects, left: MOST_BYTES }
    }

    /// Whether there is room for as many bytes.
    fn fits(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or_default();
        left.is_some()
    }

    fn document(&mut self, operation: &'a Operation) -> Value {
        let mut properties = Map::new();
        for variable in &operation.variables {
            let described = self.value(&variable.ty);
            properties.insert(variable.name.clone(), with_default(described, variable.default.clone()));
        }
        let needed = operation.variables.iter().filter(|variable| variable.is_required());
        let required: Vec<_> = needed.map(|variable| variable.name.as_str()).collect();
        let mut document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": required,
        });
        let objects = self.objects();
        if !objects.is_empty()
            && let Value::Object(document) = &mut document
        {
            document.insert("$defs".to_owned(), json!(objects));
        }
        document
    }

    /// Every input object that is referred to, also by another.
    fn objects(&mut self) -> BTreeMap<&'a str, Value> {
        let mut described = BTreeMap::new();
        while self.left > 0
            && let Some(name) = self.open.pop_first()
        {
            let Some(ExtendedType::InputObject(object)) = self.schema_of(name) else { continue };
            described.insert(name, Value::Null);
            let value = if object.directives.has("oneOf") { self.one_of(object) } else { self.object(object) };
            self.open.retain(|name| !described.contains_key(name));
            described.insert(name, value);
        }
        described
    }

    fn schema_of(&self, name: &str) -> Option<&'a ExtendedType> {
        let schema: &'a Schema = self.schema;
        schema.types.get(name)
    }

    fn object(&mut self, object: &'a InputObjectType) -> Value {
        let mut properties = Map::new();
        for field in object.fields.values() {
            if !self.fits(field.name.len() + field.description.as_deref().map_or(0, str::len)) {
                break;
            }
            let described = with_default(self.value(&field.ty), field.default_value.as_deref().map(to_json));
            properties.insert(field.name.to_string(), with_text(described, field.description.as_deref()));
        }
        let needed = object.fields.values().filter(|field| field.is_required());
        let required: Vec<_> = needed.map(|field| field.name.as_str()).collect();
        let described = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false
        });
        with_text(described, object.description.as_deref())
    }

    /// Exactly one field, which isn't null.
    fn one_of(&mut self, object: &'a InputObjectType) -> Value {
        let mut options = Vec::new();
        for field in object.fields.values() {
            if !self.fits(field.name.len() + field.description.as_deref().map_or(0, str::len)) {
                break;
            }
            let name = field.name.as_str();
            let described = with_text(self.present(&field.ty), field.description.as_deref());
            options.push(json!({
                "type": "object", "properties": { name: described }, "required": [name], "additionalProperties": false
            }));
        }
        with_text(json!({ "oneOf": options }), object.description.as_deref())
    }

    fn value(&mut self, ty: &'a Type) -> Value {
        let mut lists = 0;
        let mut inner = ty;
        while let Type::List(item) | Type::NonNullList(item) = inner {
            inner = item;
            lists += 1;
        }
        if lists > MOST_LISTS {
            return json!({});
        }
        let described = self.present(ty);
        if ty.is_non_null() { described } else { or_null(described) }
    }

    /// A value of that type, which isn't null.
    fn present(&mut self, ty: &'a Type) -> Value {
        match ty {
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name.as_str()),
            Type::List(item) | Type::NonNullList(item) => json!({ "type": "array", "items": self.value(item) }),
        }
    }

    fn named(&mut self, name: &'a str) -> Value {
        match (name, self.schema_of(name)) {
            ("Int", _) => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
            ("Float", _) => json!({ "type": "number", "minimum": f64::MIN, "maximum": f64::MAX }),
            ("String", _) => json!({ "type": "string" }),
            ("Boolean", _) => json!({ "type": "boolean" }),
            ("ID", _) => json!({ "type": ["string", "integer"], "minimum": -MOST_EXACT, "maximum": MOST_EXACT }),
            (_, Some(ExtendedType::Enum(of))) => {
                if self.left == 0 || !self.fits(of.values.keys().map(apollo_compiler::Name::len).sum()) {
                    return json!({ "type": "string" });
                }
                let names: Vec<_> = of.values.keys().map(apollo_compiler::Name::as_str).collect();
                json!({ "type": "string", "enum": names })
            }
            (_, Some(ExtendedType::InputObject(_))) if self.with_objects => {
                self.open.insert(name);
                json!({ "$ref": format!("#/$defs/{name}") })
            }
            (_, Some(ExtendedType::InputObject(_))) => json!({ "type": "object", "title": name }),
            // Only the upstream knows what its own scalars look like.
            _ => json!({ "title": name, "not": { "type": "null" } }),
        }
    }
}

/// The same, or null.
fn or_null(described: Value) -> Value {
    let Value::Object(mut keywords) = described else { return described };
    if keywords.contains_key("$ref") {
        return json!({ "anyOf": [keywords, { "type": "null" }] });
    }
    keywords.remove("not");
    match keywords.get_mut("type") {
        Some(Value::Array(kinds)) => kinds.push("null".into()),
        Some(kind) => *kind = json!([kind.take(), "null"]),
        None => {}
    }
    if let Some(Value::Array(names)) = keywords.get_mut("enum") {
        names.push(Value::Null);
    }
    Value::Object(keywords)
}

fn with_default(described: Value, default: Option<Value>) -> Value {
    with(described, "default", default)
}

fn with_text(described: Value, text: Option<&str>) -> Value {
    with(described, "description", text.map(Value::from))
}

/// With one more keyword, which may stand beside a `$ref` since draft 2019-09.
fn with(mut described: Value, keyword: &str, value: Option<Value>) -> Value {
    if let (Value::Object(keywords), Some(value)) = (&mut described, value) {
        keywords.insert(keyword.to_owned(), value);
    }
    described
}

#[cfg(test)]
mod tests;
