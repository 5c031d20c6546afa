//! What portals say of their URLs.

use contracts::registry::v1::{GetPortalRequest, ListPortalsRequest, Operation, Warning};
use serde_json::{Value, json};

use super::{World, code, header, script::Plan};

const ONE: &str = "/v2/organizations/acme/portals/build/openapi.json";
const ALL: &str = "/v2/organizations/acme/openapi.json";
const CALL: &str = "/organizations/acme/portals/build";

/// An operation whose input type is called like a schema of ours.
#[tokio::test]
async fn a_type_that_is_called_like_a_schema_of_ours_has_another_name() {
    let mut operation = operation("", "v");
    operation.variables_schema_json = operation
        .variables_schema_json
        .map(|text| text.replace("#/$defs/In", "#/$defs/Error").replace("\"In\"", "\"Error\""));
    let document = described(vec![operation], ONE).await;
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Variables"]["properties"]["v"]["anyOf"][0]["$ref"], "#/components/schemas/Error_");
    assert!(schemas.get("Error_").is_some() && schemas["Error"].get("allOf").is_some());
}

fn operation(name: &str, variable: &str) -> Operation {
    let variables = json!({
        "$schema": "x", "type": "object", "required": [variable],
        "properties": { variable: { "anyOf": [{ "$ref": "#/$defs/In" }, { "type": "null" }] } },
        "$defs": { "In": { "type": "object", "properties": { "more": { "$ref": "#/$defs/In" } } } },
    });
    let data = json!({ "$schema": "x", "type": ["object", "null"], "properties": { name: { "type": "string" } } });
    Operation {
        name: (!name.is_empty()).then(|| name.to_owned()),
        variables_schema_json: Some(variables.to_string()),
        result_schema_json: Some(data.to_string()),
        ..Operation::default()
    }
}

async fn described(operations: Vec<Operation>, path: &str) -> Value {
    let world = World::new().await;
    world.script.plan(Plan { operations, total: 1, ..Plan::default() });
    super::json(world.send("GET", path, "").await).await
}

#[tokio::test]
async fn the_only_operation_is_the_contract() {
    let document = described(vec![operation("", "v")], ONE).await;
    assert_eq!(
        (&document["openapi"], &document["info"]),
        (&json!("3.1.0"), &json!({ "title": "Build", "version": "3" }))
    );
    assert_eq!(document["servers"], json!([{ "url": "https://portals.example" }]));
    let call = &document["paths"][CALL]["post"];
    assert_eq!((&call["operationId"], &call["parameters"]), (&json!("build"), &json!([])));
    assert_eq!(call["security"], json!([{ "portalToken": [] }]));
    let body = &call["requestBody"];
    assert_eq!(body["required"], true);
    assert_eq!(body["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Variables");
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Variables"]["properties"]["v"]["anyOf"][0]["$ref"], "#/components/schemas/In");
    assert_eq!(schemas["In"]["properties"]["more"]["$ref"], "#/components/schemas/In");
    assert_eq!(schemas["Answer"]["properties"]["data"]["$ref"], "#/components/schemas/Data");
    assert_eq!(schemas["Data"], json!({ "type": ["object", "null"], "properties": { "": { "type": "string" } } }));
    for status in ["400", "401", "403", "413", "415", "422", "429", "500", "502", "503", "504"] {
        let error = &call["responses"][status]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(error, "#/components/schemas/Error", "{status}");
    }
    assert!(!document.to_string().contains("$defs") && !document.to_string().contains("$schema"));
}

#[tokio::test]
async fn of_several_operations_one_may_be_asked_for() {
    let broken = Operation { errors: vec![Warning::default()], ..operation("C", "c") };
    let operations = vec![operation("A", "a"), operation("B", "b"), broken];
    let document = described(operations.clone(), ONE).await;
    let call = &document["paths"][CALL]["post"];
    let parameter = &call["parameters"][0];
    assert_eq!((&parameter["name"], &parameter["required"]), (&json!("operation_name"), &json!(true)));
    assert_eq!(parameter["schema"]["enum"], json!(["A", "B"]));
    let bodies = call["requestBody"]["content"]["application/json"]["schema"]["anyOf"].as_array().unwrap();
    assert_eq!((bodies.len(), &bodies[1]["$ref"]), (2, &json!("#/components/schemas/BVariables")));
    assert!(call["description"].as_str().unwrap().ends_with("are left out: C."), "{}", call["description"]);
    let document = described(operations.clone(), &format!("{ONE}?operation_name=B")).await;
    let call = &document["paths"][CALL]["post"];
    assert_eq!((&call["operationId"], &call["parameters"][0]["schema"]["enum"]), (&json!("build_B"), &json!(["B"])));
    assert_eq!(call["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/BVariables");
    let world = World::new().await;
    world.script.plan(Plan { operations, ..Plan::default() });
    for name in ["C", "D"] {
        let response = world.send("GET", &format!("{ONE}?operation_name={name}"), "").await;
        assert_eq!(code(response).await, (400, "invalid_parameter".into()), "{name}");
    }
}

#[tokio::test]
async fn an_organization_describes_all_its_portals_page_by_page() {
    let world = World::new().await;
    let figures = vec![("ratelimit-remaining", "7")];
    world.script.plan(Plan { operations: vec![operation("", "v")], total: 150, figures, ..Plan::default() });
    let response = world.send("GET", ALL, "").await;
    assert_eq!(header(&response, "ratelimit-remaining"), Some("7"));
    assert_eq!(world.script.count::<ListPortalsRequest>(), 2);
    let (_, asked) = world.script.last::<ListPortalsRequest>();
    assert_eq!((asked.organization.as_str(), asked.page, asked.per_page, asked.with_schemas), ("acme", 2, 100, true));
    let document = super::json(response).await;
    let schema = &document["paths"][CALL]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    // The script's pages hold the same portal.
    assert_eq!(schema, "#/components/schemas/build.Variables");
    assert!(document["components"]["schemas"].get("build.In").is_some());
    world.send("GET", ONE, "").await;
    assert_eq!(world.script.last::<GetPortalRequest>().1.portal, "build");
}

#[tokio::test]
async fn where_nothing_is_known_anything_may_be() {
    let bare = Operation { name: None, ..Operation::default() };
    let document = described(vec![bare], ONE).await;
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        (&schemas["Variables"], &schemas["Data"]),
        (&json!({ "type": "object" }), &json!({ "type": ["object", "null"] }))
    );
    assert_eq!(document["paths"][CALL]["post"]["requestBody"]["required"], false);
}
