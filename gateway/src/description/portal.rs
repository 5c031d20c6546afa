//! Documents of portals: what their URLs take and answer.

use serde_json::{Map, Value, json};

use super::{
    about::{About, JSON, reference},
    access::{Access, PORTAL_TOKEN, portal_scheme},
    errors::{all_headers, codes, rate_headers, responses},
    graphql,
    schemas::Schemas,
};
use crate::error::ErrorJson;

/// A portal that is described.
pub(crate) struct Callable {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Where it is called, below the public URL.
    pub(crate) path: String,
    /// Whether a variable that the operation doesn't declare is an error.
    pub(crate) strict: bool,
    /// Whether a call must name an operation.
    pub(crate) several: bool,
    /// Those that can run.
    pub(crate) operations: Vec<Runnable>,
    /// The names of those that can't.
    pub(crate) broken: Vec<String>,
}

/// An operation that can run.
pub(crate) struct Runnable {
    pub(crate) name: Option<String>,
    /// JSON Schemas whose references stay inside `$defs`.
    pub(crate) variables: Value,
    pub(crate) data: Value,
}

/// The document of some portals of a gateway at `public_url`. `title` and `version` are those of the document, `call` what is
/// said of every call.
pub(crate) fn of_portals(title: &str, version: &str, public_url: &str, portals: Vec<Callable>, call: &About) -> Value {
    let mut draft = Draft::default();
    draft.schemas.add::<ErrorJson<'_>>();
    draft.schemas.put("GraphqlError", graphql::error());
    let several = portals.len() != 1;
    let paths: Map<_, _> = portals
        .into_iter()
        .map(|portal| (portal.path.clone(), json!({ "post": draft.describe(portal, several, call) })))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": version },
        "servers": [{ "url": public_url }],
        "paths": paths,
        "components": {
            "schemas": draft.schemas.into_map(),
            "headers": all_headers(),
            "securitySchemes": { PORTAL_TOKEN: portal_scheme() },
        },
    })
}

#[derive(Default)]
struct Draft {
    schemas: Schemas,
}

impl Draft {
    /// The operation of a portal. `prefixed`: there are others, so that its schemas have its slug in their names.
    fn describe(&mut self, portal: Callable, prefixed: bool, call: &About) -> Value {
        let Callable { slug, name, description, path: _, strict, several, operations, broken } = portal;
        let prefix = if prefixed { format!("{slug}.") } else { String::new() };
        let names: Vec<_> = operations.iter().filter_map(|operation| operation.name.clone()).collect();
        let (mut bodies, mut datas, mut body_required) = (Vec::new(), Vec::new(), true);
        for Runnable { name, mut variables, data } in operations {
            body_required &= variables.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
            if let Value::Object(variables) = &mut variables
                && strict
            {
                variables.insert("additionalProperties".to_owned(), false.into());
            }
            let of = if several { name.unwrap_or_default() } else { String::new() };
            bodies.push(self.component(&format!("{prefix}{of}Variables"), &prefix, variables));
            datas.push(self.component(&format!("{prefix}{of}Data"), &prefix, data));
        }
        let answer = self.component(&format!("{prefix}Answer"), &prefix, graphql::response(&any_of(datas)));
        let mut all = responses(&codes("post", "", Access::PortalToken, call), Access::PortalToken);
        all.values_mut().for_each(plain);
        all.insert("200".to_owned(), success(&answer));
        let id = called(several, &names)
            .map_or_else(|| slug.replace('-', "_"), |name| format!("{}_{name}", slug.replace('-', "_")));
        let parameters: Vec<_> = parameter(several, &names).into_iter().collect();
        json!({
            "operationId": id,
            "summary": name,
            "description": text(description, &broken),
            "parameters": parameters,
            "requestBody": { "required": body_required, "content": { JSON: { "schema": any_of(bodies) } } },
            "responses": all,
            "security": [{ PORTAL_TOKEN: [] }],
        })
    }

    /// Adds a schema, and those that it refers to. Gives a reference to it.
    fn component(&mut self, name: &str, prefix: &str, mut schema: Value) -> Value {
        let inner = match &mut schema {
            Value::Object(keywords) => {
                keywords.remove("$schema");
                keywords.remove("$defs")
            }
            _ => None,
        };
        if let Some(Value::Object(inner)) = inner {
            for (name, mut schema) in inner {
                retarget(&mut schema, prefix);
                self.schemas.put(&component_name(prefix, &name), schema);
            }
        }
        retarget(&mut schema, prefix);
        self.schemas.put(name, schema);
        reference(name)
    }
}

/// The name of an input type's schema: its own, unless one of ours may be called so.
fn component_name(prefix: &str, name: &str) -> String {
    const OURS: [&str; 5] = ["Answer", "Error", "ErrorEntry", "ErrorFacts", "GraphqlError"];
    let is_ours = OURS.contains(&name) || ["Variables", "Data"].iter().any(|end| name.ends_with(end));
    format!("{prefix}{name}{}", if is_ours { "_" } else { "" })
}

/// Leads references to `$defs` to components instead. No other member is called `$ref`: GraphQL has no such names.
fn retarget(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().and_then(|to| to.strip_prefix("#/$defs/")) {
                    Some(to) if name == "$ref" => {
                        *value = format!("#/components/schemas/{}", component_name(prefix, to)).into();
                    }
                    _ => retarget(value, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| retarget(item, prefix)),
        _ => {}
    }
}

/// One of these, or anything where there is nothing to tell.
fn any_of(mut schemas: Vec<Value>) -> Value {
    match schemas.len() {
        0 => json!({ "type": ["object", "null"] }),
        1 => schemas.remove(0),
        _ => json!({ "anyOf": schemas }),
    }
}

/// The name of the operation in the operation's id, where it was asked for.
fn called(several: bool, names: &[String]) -> Option<&String> {
    names.first().filter(|_| several && names.len() == 1)
}

fn parameter(several: bool, names: &[String]) -> Option<Value> {
    let sentence = "Which operation of the document runs.";
    let schema = json!({ "type": "string", "enum": names });
    (!names.is_empty()).then(|| {
        json!({ "name": "operation_name", "in": "query", "required": several, "schema": schema, "description": sentence })
    })
}

fn text(description: Option<String>, broken: &[String]) -> String {
    let mut text = description.unwrap_or_default();
    if !broken.is_empty() {
        let sentence = "These operations don't fit the schema of the upstream any more and are left out";
        text = format!("{text}\n\n{sentence}: {}.", broken.join(", "));
    }
    text.trim().to_owned()
}

/// The answer of a call that ran.
fn success(answer: &Value) -> Value {
    let names = rate_headers(Access::PortalToken).iter().chain(&["X-Request-Id"]);
    let mut headers: Map<_, _> = names.map(|name| ((*name).to_owned(), reference_to_header(name))).collect();
    let ignored = "Names of variables that the operation doesn't declare, at most 20 of them.";
    headers.insert(
        "Portal-Ignored-Variables".to_owned(),
        json!({ "schema": { "type": "string" }, "description": ignored }),
    );
    let content = json!({ JSON: { "schema": answer } });
    json!({ "description": "What the operation gave.", "headers": headers, "content": content })
}

fn reference_to_header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// An error without the list of its codes, which the description says: generated code is shorter.
fn plain(response: &mut Value) {
    if let Some(schema) = response.pointer_mut("/content/application~1json/schema") {
        *schema = reference("Error");
    }
}
