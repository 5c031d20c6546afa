//! A document for people: one page, without scripts, and with nothing from elsewhere.

use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value};

use super::about::JSON;

/// The page of `document`.
pub(crate) fn page(document: &Value) -> Markup {
    let title = text(document, "/info/title");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "API · " (title) }
                link rel="stylesheet" href="/docs/style.css";
            }
            body {
                header { a href="/docs" { (title) } " " a href="/v2/openapi.json" { "openapi.json" } }
                nav aria-label="Operations" { (contents(document)) }
                main {
                    h1 { (title) " API" }
                    p { (prose(text(document, "/info/description"))) }
                    (groups(document))
                    h2 id="schemas" { "Schemas" }
                    @for (name, schema) in members(document, "/components/schemas") {
                        section id=(format!("schema-{name}")) { h3 { (name) } (shape(schema)) }
                    }
                }
            }
        }
    }
}

/// An operation, and where it is.
struct Place<'a> {
    method: &'a str,
    path: &'a str,
    operation: &'a Value,
}

fn of_group<'a>(document: &'a Value, group: &'a str) -> impl Iterator<Item = Place<'a>> {
    let paths = members(document, "/paths");
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| Place { method, path, operation })
    });
    all.filter(move |place| text(place.operation, "/tags/0") == group)
}

fn contents(document: &Value) -> Markup {
    html! {
        @for group in list(document, "/tags") {
            h2 { (text(group, "/name")) }
            ul {
                @for place in of_group(document, text(group, "/name")) {
                    li { a href=(format!("#{}", text(place.operation, "/operationId"))) { (text(place.operation, "/summary")) } }
                }
            }
        }
        h2 { a href="#schemas" { "Schemas" } }
    }
}

fn groups(document: &Value) -> Markup {
    html! {
        @for group in list(document, "/tags") {
            h2 { (text(group, "/name")) }
            p { (prose(text(group, "/description"))) }
            @for place in of_group(document, text(group, "/name")) { (section(document, &place)) }
        }
    }
}

fn section(document: &Value, place: &Place<'_>) -> Markup {
    let Place { method, path, operation } = place;
    let body = operation.pointer("/requestBody/content").and_then(|content| content.get(JSON));
    html! {
        section id=(text(operation, "/operationId")) {
            h3 { (text(operation, "/summary")) }
            p.route { code { b { (method.to_uppercase()) } " " (path) } }
            p { (prose(text(operation, "/description"))) }
            (parameters(operation))
            @if let Some(schema) = body.and_then(|body| body.get("schema")) { h4 { "Body" } (shape(&resolved(document, schema))) }
            h4 { "Try it" }
            pre tabindex="0" { code { (curl(document, place)) } }
            (answers(operation))
        }
    }
}

fn parameters(operation: &Value) -> Markup {
    let all: Vec<_> = list(operation, "/parameters").collect();
    html! {
        @if !all.is_empty() {
            table {
                thead { tr { th { "Parameter" } th { "In" } th { "Type" } th { "What" } } }
                tbody {
                    @for one in all {
                        tr {
                            td { code { (text(one, "/name")) } }
                            td { (text(one, "/in")) }
                            td { (kind(one.get("schema").unwrap_or(&Value::Null))) }
                            td { (prose(text(one, "/description"))) }
                        }
                    }
                }
            }
        }
    }
}

fn answers(operation: &Value) -> Markup {
    html! {
        h4 { "Answers" }
        dl {
            @for (status, answer) in members(operation, "/responses") {
                dt { code { (status) } }
                dd {
                    (prose(text(answer, "/description")))
                    @if status.starts_with('2') {
                        @for (media, content) in members(answer, "/content") { " " (kind(content.get("schema").unwrap_or(&Value::Null))) " " small { (media) } }
                        @if let Some(example) = answer.pointer("/content").and_then(|content| content.get(JSON)?.get("example")) {
                            pre tabindex="0" { code { (pretty(example)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A command line that does it.
fn curl(document: &Value, place: &Place<'_>) -> String {
    let Place { method, path, operation } = place;
    let mut path = (*path).to_owned();
    for parameter in list(operation, "/parameters").filter(|parameter| text(parameter, "/in") == "path") {
        let example = parameter.get("example").and_then(Value::as_str).unwrap_or("…");
        path = path.replace(&format!("{{{}}}", text(parameter, "/name")), example);
    }
    let scheme = operation.pointer("/security/0").and_then(Value::as_object).and_then(|schemes| schemes.keys().next());
    let credential = scheme.map(|_| " -H \"Authorization: Bearer $TOKEN\"").unwrap_or_default();
    let body = operation.pointer("/requestBody/content").and_then(|content| content.get(JSON)?.get("example"));
    let body = body.map(|body| {
        format!(" -H 'Content-Type: application/json' \\\n  -d '{}'", body.to_string().replace('\'', "'\\''"))
    });
    let method = method.to_uppercase();
    format!(
        "curl -sS -X {method}{credential}{} \\\n  {}{path}",
        body.unwrap_or_default(),
        text(document, "/servers/0/url")
    )
}

/// A schema as a table of its members, or what else it is.
fn shape(schema: &Value) -> Markup {
    let required: Vec<_> = list(schema, "/required").filter_map(Value::as_str).collect();
    html! {
        @if let Some(sentence) = schema.get("description").and_then(Value::as_str) { p { (prose(sentence)) } }
        @if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            @for part in parts { @if part.get("$ref").is_some() { p { "All of " (kind(part)) } } @else { (shape(part)) } }
        } @else if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            table {
                thead { tr { th { "Member" } th { "Type" } th { "What" } } }
                tbody {
                    @for (name, property) in properties {
                        tr {
                            td { code { (name) } @if !required.contains(&name.as_str()) { " " small { "optional" } } }
                            td { (kind(property)) }
                            td { (prose(text(property, "/description"))) }
                        }
                    }
                }
            }
        } @else {
            p { (kind(schema)) }
        }
    }
}

fn resolved(document: &Value, schema: &Value) -> Value {
    let to = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#'));
    to.and_then(|to| document.pointer(to)).unwrap_or(schema).clone()
}

/// A type in words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
        return html! { a href=(format!("#schema-{name}")) { (name) } };
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        return html! { (values.join(" or ")) };
    }
    for part in ["oneOf", "anyOf"] {
        if let Some(options) = schema.get(part).and_then(Value::as_array) {
            return html! { @for (at, option) in options.iter().enumerate() { @if at > 0 { " or " } (kind(option)) } };
        }
    }
    let of = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Some(kind) => kind.as_str().unwrap_or_default().to_owned(),
        None => "anything".to_owned(),
    };
    html! {
        (of)
        @if let Some(format) = schema.get("format").and_then(Value::as_str) { " (" (format) ")" }
        @if let Some(items) = schema.get("items") { " of " (kind(items)) }
    }
}

/// Text in which backquotes mark code.
fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() { @if at % 2 == 1 { code { (part) } } @else { (part) } }
    }
}

fn pretty(value: &Value) -> Markup {
    html! { (serde_json::to_string_pretty(value).unwrap_or_default()) }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let found: Option<&Map<String, Value>> = value.pointer(pointer).and_then(Value::as_object);
    found.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
