//! What GraphQL answers (its specification, §7.1).

use serde_json::{Value, json};

use super::about::reference;

/// The envelope around that `data`.
pub(super) fn response(data: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "data": data,
            "errors": {
                "type": "array",
                "items": reference("GraphqlError"),
                "description": "What went wrong in the GraphQL API; `data` may be there all the same.",
            },
            "extensions": { "type": "object", "additionalProperties": true },
        },
    })
}

/// An error of the GraphQL API.
pub(super) fn error() -> Value {
    let location = json!({
        "type": "object",
        "properties": { "line": { "type": "integer" }, "column": { "type": "integer" } },
    });
    json!({
        "type": "object",
        "properties": {
            "message": { "type": "string" },
            "locations": { "type": "array", "items": location },
            "path": { "type": "array", "items": { "type": ["string", "integer"] } },
            "extensions": { "type": "object", "additionalProperties": true },
        },
        "required": ["message"],
    })
}
