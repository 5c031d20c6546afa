//! The document of the whole API.

use axum::{
    body::Bytes,
    handler::Handler,
    routing::{self, MethodRouter},
};
use serde_json::{Map, Value, json};

use super::{
    about::{About, JSON},
    access::{Access, schemes},
    errors::{all_headers, codes, rate_headers, responses},
    example::example,
    page::page,
    schemas::Schemas,
};
use crate::{error::ErrorJson, gateway::Gateway};

const INTRODUCTION: &str = "Portals stores GraphQL documents and gives each a URL and credentials that can do nothing but run it. \
    Bodies are JSON objects; members that a route doesn't know are ignored, and what is wrong with others is said all at once. \
    A trailing slash is the same route. Lists take `page` and `per_page`, or `after`, `before` and `per_page`, and lead on in `Link`. Times are RFC 3339 in UTC; \
    those of requests have any offset. After 4xx and 503 nothing ran; after 502, 504 or a cut connection it may have.";

/// A method of a route.
pub(crate) struct Operation {
    method: &'static str,
    handlers: MethodRouter<Gateway>,
    access: Access,
    about: fn() -> About,
}

/// A `GET`.
pub(crate) fn get<H: Handler<T, Gateway>, T: 'static>(handler: H, access: Access, about: fn() -> About) -> Operation {
    Operation { method: "get", handlers: routing::get(handler), access, about }
}

/// A `POST`.
pub(crate) fn post<H: Handler<T, Gateway>, T: 'static>(handler: H, access: Access, about: fn() -> About) -> Operation {
    Operation { method: "post", handlers: routing::post(handler), access, about }
}

/// A `PUT`.
pub(crate) fn put<H: Handler<T, Gateway>, T: 'static>(handler: H, access: Access, about: fn() -> About) -> Operation {
    Operation { method: "put", handlers: routing::put(handler), access, about }
}

/// A `PATCH`.
pub(crate) fn patch<H: Handler<T, Gateway>, T: 'static>(handler: H, access: Access, about: fn() -> About) -> Operation {
    Operation { method: "patch", handlers: routing::patch(handler), access, about }
}

/// A `DELETE`.
pub(crate) fn delete<H: Handler<T, Gateway>, T: 'static>(
    handler: H,
    access: Access,
    about: fn() -> About,
) -> Operation {
    Operation { method: "delete", handlers: routing::delete(handler), access, about }
}

/// The document, written out.
pub(crate) struct Description {
    json: Bytes,
    page: Bytes,
}

impl Description {
    /// The document that was drafted, of a gateway at `public_url`.
    pub(crate) fn of(draft: Draft, public_url: &str) -> Self {
        let document = draft.finish(public_url);
        Self { json: document.to_string().into(), page: page(&document).into_string().into() }
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// As a page for people.
    pub(crate) fn page(&self) -> Bytes {
        self.page.clone()
    }
}

/// A document in the making.
#[derive(Default)]
pub(crate) struct Draft {
    groups: Vec<(&'static str, &'static str)>,
    operations: Vec<Drafted>,
}

/// An operation that will be described.
struct Drafted {
    path: &'static str,
    method: &'static str,
    access: Access,
    about: fn() -> About,
    group: Option<&'static str>,
}

impl Draft {
    /// Begins a group: what is added from here on belongs to it.
    pub(crate) fn group(&mut self, name: &'static str, sentence: &'static str) {
        self.groups.push((name, sentence));
    }

    /// Adds an operation at `path`, and gives what answers it.
    pub(crate) fn add(&mut self, path: &'static str, operation: Operation) -> MethodRouter<Gateway> {
        let Operation { method, handlers, access, about } = operation;
        let group = self.groups.last().map(|(name, _)| *name);
        self.operations.push(Drafted { path, method, access, about, group });
        handlers
    }

    /// The document of a gateway at `public_url`.
    fn finish(self, public_url: &str) -> Value {
        let (mut schemas, mut paths) = (Schemas::default(), Map::new());
        for Drafted { path, method, access, about, group } in self.operations {
            let about = about();
            let described = describe(method, path, access, &about, group);
            if let Value::Object(methods) = paths.entry(path.to_owned()).or_insert_with(|| Map::new().into()) {
                methods.insert(method.to_owned(), described);
            }
            schemas.merge(about.schemas);
        }
        schemas.add::<ErrorJson<'_>>();
        let schemas = schemas.into_map();
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            illustrate(operation, &schemas);
        }
        let tag = |(name, sentence): &(&str, &str)| json!({ "name": name, "description": sentence });
        let tags: Vec<_> = self.groups.iter().map(tag).collect();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Portals",
                "version": env!("CARGO_PKG_VERSION"),
                "description": INTRODUCTION,
                "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
            },
            "servers": [{ "url": public_url }],
            "tags": tags,
            "paths": paths,
            "components": { "schemas": schemas, "headers": all_headers(), "securitySchemes": schemes() },
        })
    }
}

fn describe(method: &str, path: &str, access: Access, about: &About, group: Option<&str>) -> Value {
    let mut all = responses(&codes(method, path, access, about), access);
    for (status, answer) in &about.answers {
        let mut answer = answer.clone();
        if let Value::Object(answer) = &mut answer
            && let Value::Object(headers) = answer.entry("headers").or_insert_with(|| Map::new().into())
        {
            for name in rate_headers(access).iter().chain(&["X-Request-Id"]) {
                headers.insert((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
            }
        }
        all.insert(status.to_string(), answer);
    }
    for (status, media, content) in &about.other_errors {
        if let Some(Value::Object(contents)) =
            all.get_mut(&status.to_string()).and_then(|answer| answer.get_mut("content"))
        {
            contents.insert((*media).to_owned(), content.clone());
        }
    }
    let parameters: Vec<_> = path_parameters(path).chain(about.parameters.iter().cloned()).collect();
    let sentences = [about.details, &access.sentence()].join(" ");
    let mut operation = json!({
        "operationId": about.id,
        "tags": group.as_slice(),
        "summary": about.summary,
        "description": sentences.trim(),
        "parameters": parameters,
        "responses": all,
        "security": access.security(),
    });
    if let Value::Object(operation) = &mut operation {
        operation.extend(about.body.clone().map(|body| ("requestBody".to_owned(), body)));
        operation.extend(access.scope().map(|scope| ("x-required-scopes".to_owned(), json!([scope]))));
        let is_for_administrators = matches!(access, Access::Administrator(_));
        operation.extend(is_for_administrators.then(|| ("x-administrators-only".to_owned(), true.into())));
    }
    operation
}

/// The parameters that the path of a route names.
fn path_parameters(path: &str) -> impl Iterator<Item = Value> {
    let after = |word: &str| path.contains(&format!("/{word}/{{slug}}"));
    let slug = if after("upstreams") {
        "shop"
    } else if after("pipelines") {
        "my-pipeline"
    } else {
        "main-builds"
    };
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).map(move |name| {
        let (sentence, example) = match name {
            "org" => ("The organization's slug.", json!("my-organization")),
            "uuid" | "delivery" => ("The UUID.", json!("018f2b5e-0000-7000-8000-000000000000")),
            "number" => ("The number.", json!("1")),
            "portal" => ("The portal's slug.", json!("main-builds")),
            _ => ("The slug.", json!(slug)),
        };
        let schema = json!({ "type": "string", "minLength": 1 });
        json!({ "name": name, "in": "path", "required": true, "schema": schema, "description": sentence, "example": example })
    })
}

/// Adds examples to what is JSON.
fn illustrate(operation: &mut Value, schemas: &Map<String, Value>) {
    let responses = operation.pointer("/responses").and_then(Value::as_object);
    let good = |status: &&String| status.starts_with('2');
    let statuses: Vec<_> = responses.into_iter().flat_map(Map::keys).filter(good).cloned().collect();
    let places = statuses.iter().map(|status| format!("/responses/{status}")).chain(["/requestBody".to_owned()]);
    for place in places.collect::<Vec<_>>() {
        let Some(Value::Object(content)) = operation.pointer_mut(&format!("{place}/content")) else { continue };
        // What is made is shown with its credential, this once.
        let with_more = ["/responses/201", "/requestBody"].contains(&place.as_str());
        if let Some(Value::Object(media)) = content.get_mut(JSON)
            && let Some(value) = media.get("schema").map(|schema| example(schema, schemas, with_more))
        {
            media.entry("example").or_insert(value);
        }
    }
}
