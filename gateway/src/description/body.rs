//! Members of a JSON body, as [`Members`](crate::members::Members) reads them: the names of the functions are alike.

use serde_json::{Map, Value, json};

/// A member of a body.
pub(crate) struct Member {
    name: &'static str,
    required: bool,
    schema: Value,
}

/// A text, with an example.
pub(crate) fn text(name: &'static str, example: &str, sentence: &str) -> Member {
    Member::of(name, json!({ "type": "string", "example": example, "description": sentence }))
}

/// A boolean.
pub(crate) fn flag(name: &'static str, sentence: &str) -> Member {
    Member::of(name, json!({ "type": "boolean", "example": true, "description": sentence }))
}

/// A time, or null.
pub(crate) fn instant(name: &'static str, sentence: &str) -> Member {
    let example = "2030-01-01T00:00:00Z";
    Member::of(name, json!({ "type": "string", "format": "date-time", "example": example, "description": sentence }))
        .nullable()
}

/// A whole number from `least` on, with an example.
pub(crate) fn count(name: &'static str, least: u32, example: u32, sentence: &str) -> Member {
    let schema = json!({
        "type": "integer", "minimum": least, "maximum": i32::MAX, "example": example, "description": sentence
    });
    Member::of(name, schema)
}

/// One of some texts.
pub(crate) fn choice(name: &'static str, of: &[&str], sentence: &str) -> Member {
    Member::of(name, json!({ "type": "string", "enum": of, "example": of.first(), "description": sentence }))
}

/// An object of that schema.
pub(crate) fn object(name: &'static str, schema: Value) -> Member {
    Member::of(name, schema)
}

impl Member {
    fn of(name: &'static str, schema: Value) -> Self {
        Self { name, required: false, schema }
    }

    /// Must be given.
    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// May be null, which is the same as absent, or takes away what there is.
    pub(crate) fn nullable(mut self) -> Self {
        if let Some(kind) = self.schema.get_mut("type") {
            *kind = json!([kind.take(), "null"]);
        }
        if let Some(Value::Array(values)) = self.schema.get_mut("enum") {
            values.push(Value::Null);
        }
        self
    }

    /// With another example.
    pub(crate) fn like(mut self, example: Value) -> Self {
        if let Value::Object(schema) = &mut self.schema {
            schema.insert("example".to_owned(), example);
        }
        self
    }

    /// A whole number that is one of these.
    pub(crate) fn among(mut self, values: &[u32]) -> Self {
        if let Value::Object(schema) = &mut self.schema {
            schema.remove("minimum");
            schema.remove("maximum");
            schema.insert("enum".to_owned(), json!(values));
            schema.insert("example".to_owned(), json!(values.first()));
        }
        self
    }
}

/// The schema of an object of these members. Members that nobody reads are ignored.
pub(super) fn schema(members: Vec<Member>) -> Value {
    let required: Vec<_> = members.iter().filter(|member| member.required).map(|member| member.name).collect();
    let properties: Map<_, _> = members.into_iter().map(|member| (member.name.to_owned(), member.schema)).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}
