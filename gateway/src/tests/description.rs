//! What the API says of itself, held against what it does.

use serde_json::{Map, Value, json};

use super::{World, header};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn description(world: &World) -> Value {
    super::json(world.request("GET", "/v2/openapi.json").send().await.unwrap()).await
}

/// Path, method and what is said of it.
fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let paths = description["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, said)| (path.clone(), method.clone(), said.clone()))
    });
    all.collect()
}

/// The path with something in the place of its parameters.
fn filled(path: &str) -> String {
    let segment = |segment: &str| if segment.starts_with('{') { "1".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_has_the_methods_that_are_described_and_no_other() {
    let world = World::new().await;
    let description = description(&world).await;
    let operations = operations(&description);
    assert!(operations.len() > 45, "{}", operations.len());
    for path in description["paths"].as_object().unwrap().keys() {
        for method in METHODS {
            let described = operations.iter().any(|(at, by, _)| at == path && by == method);
            // There, the other methods are about a portal of that slug.
            let is_slug = path.ends_with("/portals/validate") && method != "patch";
            let response = world.request(&method.to_uppercase(), &filled(path)).send().await.unwrap();
            assert_eq!(response.status() != 405, described || is_slug, "{method} {path}");
            if response.status() == 405 {
                assert!(header(&response, "allow").is_some(), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn who_presents_nothing_is_let_in_where_that_is_described() {
    let world = World::new().await;
    for (path, method, said) in operations(&description(&world).await) {
        let response = world.request(&method.to_uppercase(), &filled(&path)).send().await.unwrap();
        let needs_nothing = said["security"].as_array().unwrap().iter().all(|scheme| *scheme == json!({}));
        // A client may authenticate in the body, which this one lacks.
        let may_stand_in_the_body = said["security"][0] == json!({}) && !needs_nothing;
        if !may_stand_in_the_body {
            assert_eq!(response.status() != 401, needs_nothing, "{method} {path}: {}", response.status());
        }
        assert!(said["responses"].get(response.status().as_str()).is_some(), "{method} {path}: {}", response.status());
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_name_is_one() {
    let world = World::new().await;
    let description = description(&world).await;
    let mut names: Vec<_> = operations(&description).iter().map(|(.., said)| said["operationId"].to_string()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:#?}");
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 100);
    for reference in found {
        assert!(description.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value {
            Value::String(to) if name == "$ref" => found.push(to.clone()),
            _ => references(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The schema of the body of operations that read their members one by one, and a body that fits it.
fn bodies(description: &Value) -> Vec<(String, String, Value, Map<String, Value>)> {
    let mut bodies = Vec::new();
    for (path, method, said) in operations(description) {
        let content = &said["requestBody"]["content"]["application/json"];
        let Some(reference) = content["schema"]["$ref"].as_str().filter(|_| path.starts_with("/v2/")) else { continue };
        let schema = description.pointer(reference.strip_prefix('#').unwrap()).unwrap().clone();
        bodies.push((path, method, schema, content["example"].as_object().unwrap().clone()));
    }
    assert!(bodies.len() > 10);
    bodies
}

#[tokio::test]
async fn the_examples_of_bodies_are_taken() {
    let world = World::new().await;
    for (path, method, _, example) in bodies(&description(&world).await) {
        let response = world.send(&method.to_uppercase(), &filled(&path), &Value::Object(example).to_string()).await;
        assert!(response.status().is_success(), "{method} {path}: {}", response.text().await.unwrap());
    }
}

#[tokio::test]
async fn every_member_that_is_described_is_read_as_it_is_described() {
    let world = World::new().await;
    for (path, method, schema, example) in bodies(&description(&world).await) {
        let send = async |body: Map<String, Value>| {
            let response = world.send(&method.to_uppercase(), &filled(&path), &Value::Object(body).to_string()).await;
            let status = response.status().as_u16();
            (status, response.json::<Value>().await.unwrap_or_default())
        };
        for (name, member) in schema["properties"].as_object().unwrap() {
            let with = |value: Value| {
                let mut body = example.clone();
                body.insert(name.clone(), value);
                body
            };
            let (status, refused) = send(with(json!([[]]))).await;
            assert_eq!((status, &refused["errors"][0]["field"]), (422, &json!(name)), "{method} {path} {name}");
            let may_be_null = member["type"].as_array().is_some_and(|kinds| kinds.contains(&json!("null")));
            let (status, refused) = send(with(Value::Null)).await;
            assert_eq!(status != 422, may_be_null, "{method} {path} {name}: {refused}");
            let mut without = example.clone();
            without.remove(name);
            let required = schema["required"].as_array().unwrap().contains(&json!(name));
            let (status, refused) = send(without).await;
            assert_eq!(status == 422, required, "{method} {path} {name}: {refused}");
        }
    }
}

#[tokio::test]
async fn people_see_every_operation_and_nothing_runs() {
    let world = World::new().await;
    let description = description(&world).await;
    for path in ["/docs", "/docs/"] {
        let response = world.request("GET", path).send().await.unwrap();
        let policy = header(&response, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
        assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
        let page = response.text().await.unwrap();
        for (path, method, said) in operations(&description) {
            let id = said["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
            assert!(page.contains(&format!("<b>{}</b> {path}</code>", method.to_uppercase())), "{path}");
        }
        for (name, _) in description["components"]["schemas"].as_object().unwrap() {
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for foreign in ["<script", "style=", "src=", "http-equiv", "@import"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
    let style = world.request("GET", "/docs/style.css").send().await.unwrap();
    assert_eq!(header(&style, "content-type"), Some("text/css; charset=utf-8"));
    assert!(!style.text().await.unwrap().contains("url("));
}
