//! Shapes as JSON Schema.

use apollo_compiler::{ast::Type, schema::ExtendedType};
use serde_json::{Map, Value, json};

use super::{Member, Members, Node, Types};
use crate::graphql::Schema;

/// The text of the whole schema. `cut`: something was left out.
pub(super) fn document(data: &Members<'_>, schema: &Schema, cut: bool) -> String {
    let mut whole = Map::new();
    whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    if cut {
        whole.insert("$comment".to_owned(), "The deepest levels are left out: this would be too long".into());
    }
    let mut root = object(data, schema);
    // A fault in a root field that can't be null leaves null of all (GraphQL specification, §6.4.4).
    let fallible = |member: &Member<'_>| member.ty.is_non_null() && !matches!(member.node, Node::TypeName(_));
    if data.values().any(fallible) {
        root = or_null(root);
    }
    whole.extend(root);
    Value::Object(whole).to_string()
}

fn object(members: &Members<'_>, schema: &Schema) -> Map<String, Value> {
    let properties: Map<_, _> = members
        .iter()
        .map(|(key, member)| ((*key).to_owned(), value(member.ty, &member.node, schema).into()))
        .collect();
    let required: Vec<_> = members.iter().filter(|(_, member)| member.required).map(|(key, _)| *key).collect();
    keywords(json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false
    }))
}

fn value(ty: &Type, node: &Node<'_>, schema: &Schema) -> Map<String, Value> {
    match ty {
        Type::Named(_) => or_null(named(node, schema)),
        Type::NonNullNamed(_) => named(node, schema),
        Type::List(items) => or_null(list(items, node, schema)),
        Type::NonNullList(items) => list(items, node, schema),
    }
}

fn list(items: &Type, node: &Node<'_>, schema: &Schema) -> Map<String, Value> {
    keywords(json!({ "type": "array", "items": value(items, node, schema) }))
}

fn named(node: &Node<'_>, schema: &Schema) -> Map<String, Value> {
    match node {
        Node::Anything => Map::new(),
        Node::Object(members) => object(members, schema),
        Node::TypeName(types) => type_name(types),
        Node::Leaf(name) => leaf(name, schema),
    }
}

fn type_name(types: &Types<'_>) -> Map<String, Value> {
    let mut names = types.iter();
    match (names.next(), names.next()) {
        (Some(only), None) => keywords(json!({ "type": "string", "const": only })),
        _ => keywords(json!({ "type": "string", "enum": types })),
    }
}

fn leaf(name: &str, schema: &Schema) -> Map<String, Value> {
    let ty = match name {
        "Int" => "integer",
        "Float" => "number",
        "String" | "ID" => "string",
        "Boolean" => "boolean",
        _ => match schema.types.get(name) {
            Some(ExtendedType::Enum(of)) => {
                let names: Vec<_> = of.values.keys().map(apollo_compiler::Name::as_str).collect();
                return keywords(json!({ "type": "string", "enum": names }));
            }
            // Only the upstream knows what its own scalars look like.
            _ => return keywords(json!({ "title": name })),
        },
    };
    keywords(json!({ "type": ty }))
}

/// The same, or null.
fn or_null(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(ty) = schema.get_mut("type") {
        *ty = json!([ty.take(), "null"]);
    }
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.push(Value::Null);
    }
    schema
}

fn keywords(schema: Value) -> Map<String, Value> {
    if let Value::Object(keywords) = schema { keywords } else { Map::new() }
}
