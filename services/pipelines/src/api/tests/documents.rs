use serde_json::{Value, json};

use super::world::{everywhere, parse};
use kit::audit::Origin;

use crate::PrepareError;

#[tokio::test]
async fn keys_come_in_the_order_of_the_document() {
    everywhere(async |world| {
        let document = "query { ...Some viewer { id } organization(slug: \"acme-inc\") { pipelines { count edges { node { id } } } slug } }
            fragment Some on Query { pipeline(slug: \"acme-inc/my-pipeline\") { builds { pageInfo { hasNextPage } count } name }
            node(id: \"ID\") { ... on Pipeline { builds { count } slug } id } }";
        let document = document.replace("ID", &world.pipeline_id());
        let prepared = world.api.prepare(&document).unwrap();
        let executed = world.api.execute(&prepared, serde_json::Map::new(), (world.authority(), Origin::default())).await;
        let queried = world.api.query(&document, None, serde_json::Map::new(), (world.authority(), Origin::default())).await;
        assert_eq!(executed, queried.json);
        let text = String::from_utf8(executed.to_vec()).unwrap();
        let keys = ["pipeline", "builds", "pageInfo", "hasNextPage", "count", "name", "node", "builds", "count", "slug", "id", "viewer", "id", "organization", "pipelines", "count", "edges", "node", "id", "slug"];
        let mut rest = text.as_str();
        for key in keys {
            let key = format!("\"{key}\":");
            let at = rest.find(&key).unwrap_or_else(|| panic!("{key} is missing or late in {text}"));
            rest = &rest[at + key.len()..];
        }
    })
    .await;
}

#[tokio::test]
async fn a_mutation_named_twice_runs_once() {
    everywhere(async |world| {
        let create = "buildCreate(input: { pipelineID: \"ID\" })";
        for (text, count) in [
            ("mutation { C { build { number } } C { build { branch } } }", 1),
            ("mutation { C { build { number } } ... on Mutation { ...M } } fragment M on Mutation { C { build { branch } } }", 1),
            ("mutation { C { build { number } } again: C { build { branch } } }", 2),
        ] {
            let document = text.replace('C', create).replace("\"ID\"", &format!("{:?}", world.pipeline_id()));
            let before = world.run("{ pipeline(slug: \"acme-inc/my-pipeline\") { nextBuildNumber } }", Value::Null).await;
            let before = before["data"]["pipeline"]["nextBuildNumber"].as_i64().unwrap();
            let first = world.run(&document, Value::Null).await;
            if count == 1 {
                assert_eq!(first["data"]["buildCreate"]["build"], json!({ "number": before, "branch": "main" }));
            }
            assert_eq!(world.query(&document, Value::Null).await.get("errors"), None);
            let after = world.run("{ pipeline(slug: \"acme-inc/my-pipeline\") { nextBuildNumber } }", Value::Null).await;
            assert_eq!(after["data"]["pipeline"]["nextBuildNumber"], before + 2 * count);
        }
        let document = "mutation { C { build { number } } C @skip(if: false) { build { branch } } }".replace('C', create);
        assert!(matches!(world.api.prepare(&document), Err(PrepareError::Unfit(_))));
    })
    .await;
}

#[tokio::test]
async fn a_failed_field_is_null_and_the_others_stand() {
    everywhere(async |world| {
        let document = "query($f: Int, $t: DateTime) { a: pipeline(slug: \"acme-inc/my-pipeline\") { builds(first: $f, createdAtFrom: $t) { count } }
            b: pipeline(slug: \"acme-inc/my-pipeline\") { name builds(first: $f, createdAtFrom: $t) { count } } viewer { id } }";
        for (variables, message) in [
            (json!({ "f": 501 }), "`first` can't be more than 500"),
            (json!({ "f": -1 }), "`first` can't be negative"),
            (json!({ "t": "yesterday" }), "must look like 2026-01-01T12:00:00Z"),
        ] {
            let answer = world.run(document, variables).await;
            assert_eq!(answer["data"]["a"], json!({ "builds": null }), "{answer}");
            assert_eq!(answer["data"]["b"], json!({ "name": "My Pipeline", "builds": null }), "{answer}");
            assert!(answer["data"]["viewer"]["id"].is_string());
            assert_eq!(answer["errors"].as_array().unwrap().len(), 2);
            assert_eq!(answer["errors"][0]["path"], json!(["a", "builds"]), "{answer}");
            assert!(answer["errors"][0]["message"].as_str().unwrap().contains(message), "{answer}");
            assert!(answer["errors"][0]["locations"].is_array() && answer["errors"][0].get("extensions").is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_can_not_run_has_no_data() {
    everywhere(async |world| {
        let fields = "name ".repeat(10_001);
        let fragments: String = (0..40)
            .map(|n| format!("fragment F{n} on Query {{ ...F{} ...F{} }} ", n + 1, n + 1))
            .collect::<Vec<_>>()
            .concat();
        let last = "fragment F40 on Query { viewer { id } }";
        let chain: String = (0..5_000)
            .rev()
            .map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1))
            .collect::<Vec<_>>()
            .concat();
        let nodes = "builds(first: 500) { edges { node { rebuiltFrom { pipeline { ";
        for (document, variables) in [
            ("", json!({})),
            ("{", json!({})),
            ("{ nothing }", json!({})),
            ("query($id: ID!) { node(id: $id) { id } }", json!({})),
            ("query($id: ID!) { node(id: $id) { id } }", json!({ "id": null })),
            ("query($id: ID!) { node(id: $id) { id } }", json!({ "id": [1, 2] })),
            ("query($id: ID!, $unused: Int) { node(id: $id) { id } }", json!({ "id": "x" })),
            ("query A { viewer { id } } query B { viewer { id } }", json!({})),
            ("subscription { a }", json!({})),
            ("query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }", json!({})),
            (&"[".repeat(100_000), json!({})),
            (&"{a".repeat(100_000), json!({})),
            (&format!("{{ viewer(a: {}) {{ id }} }}", "[".repeat(100)), json!({})),
            (&format!("{{ pipeline(slug: \"a/b\") {{ {fields} }} }}"), json!({})),
            (&format!("{{ ...F0 }} {fragments} {last}"), json!({})),
            (&format!("{{ ...F0 }} {chain} fragment F5000 on Query {{ viewer {{ id }} }}"), json!({})),
            (&format!("{{ pipeline(slug: \"a/b\") {{ {nodes} {nodes} id {} }} }}", "} ".repeat(10)), json!({})),
            (
                &format!(
                    "{{ node(id: \"\") {{ {} id {} }} }}",
                    "... on Build { rebuiltFrom { ".repeat(16),
                    "} } ".repeat(16)
                ),
                json!({}),
            ),
        ] {
            let answer = world.query(document, variables).await;
            let text: String = document.chars().take(100).collect();
            assert!(!answer["errors"].as_array().unwrap().is_empty(), "{text}");
            assert_eq!(answer.as_object().unwrap().len(), 1, "{text}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn callers_may_ask_for_the_schema_and_choose_an_operation() {
    everywhere(async |world| {
        let of_type = "ofType { kind name ".repeat(7);
        let reference = format!("kind name {of_type} {}", "} ".repeat(7));
        let value = "name description type { ...T } defaultValue";
        let document = format!("query IntrospectionQuery {{ __schema {{ queryType {{ name }} mutationType {{ name }} types {{ kind name fields(includeDeprecated: true) {{
            name args {{ {value} }} type {{ ...T }} }} inputFields {{ {value} }} interfaces {{ ...T }} enumValues {{ name }} possibleTypes {{ ...T }} }}
            directives {{ name locations args {{ {value} }} }} }} }} fragment T on __Type {{ {reference} }}");
        let answer = world.query(&document, json!({})).await;
        assert_eq!(answer.get("errors"), None, "{answer}");
        let types = answer["data"]["__schema"]["types"].as_array().unwrap();
        assert!(types.iter().any(|found| found["name"] == "BuildCreateInput"));

        let document = "query A { viewer { __typename } } query B { __typename }";
        let answer = world.api.query(document, Some("B"), serde_json::Map::new(), (world.authority(), Origin::default())).await;
        assert_eq!(parse(&answer.json), json!({ "data": { "__typename": "Query" } }));
        let answer = world.api.query(document, Some("C"), serde_json::Map::new(), (world.authority(), Origin::default())).await;
        assert_eq!(parse(&answer.json), json!({ "errors": [{ "message": "Unknown operation named \"C\"." }] }));
        let answer = world.query("{ viewer @skip(if: true) { id } }", json!({})).await;
        assert_eq!(answer, json!({ "data": {} }));
    })
    .await;
}

#[tokio::test]
async fn only_single_operations_are_prepared() {
    everywhere(async |world| {
        assert!(matches!(world.api.prepare("{ viewer"), Err(PrepareError::Syntax(_))));
        for text in ["query A { viewer { id } } query B { viewer { id } }", "fragment A on Query { viewer { id } }"] {
            assert!(world.api.prepare(text).is_err(), "{text}");
        }
        // A variable that isn't given counts as absent, and one value as a list of it.
        let document = "query N($s: ID, $b: [String!] = \"main\", $u: ID) { pipeline(slug: $s, uuid: $u) { builds(branch: $b) { count } } }";
        let answer = world.run(document, json!({ "s": "acme-inc/my-pipeline" })).await;
        assert_eq!(answer, json!({ "data": { "pipeline": { "builds": { "count": 0 } } } }));
    })
    .await;
}

#[tokio::test]
async fn a_document_costs_the_objects_that_it_asks_for_and_those_that_it_gets() {
    everywhere(async |world| {
        for _ in 0..2 {
            world.build(json!({}), "id").await;
        }
        let pipeline = |rest: &str| format!("{{ p: pipeline(slug: \"acme-inc/my-pipeline\") {{ name {rest} }} }}");
        for (document, requested, actual) in [
            (pipeline(""), 1, 1),
            (pipeline("organization { name }"), 2, 2),
            // A connection, and for each build an edge and a node.
            (pipeline("builds(first: 10) { count edges { node { number } } }"), 22, 6),
            (pipeline("builds { edges { node { number } } }"), 62, 6),
            (pipeline("builds(last: 1) { edges { node { pipeline { name } } } }"), 5, 5),
            (pipeline("teams(first: 10) { edges { node { team { members(first: 10) { edges { node { id } } } } } } }"), 242, 2),
            ("{ a: viewer { id } b: viewer { id } }".to_owned(), 2, 2),
            ("{ __typename }".to_owned(), 0, 0),
            ("{ s: __schema { queryType { name } } }".to_owned(), 2, 0),
        ] {
            let answer = world.api.query(&document, None, serde_json::Map::new(), (world.authority(), Origin::default())).await;
            assert!(answer.executed && parse(&answer.json).get("errors").is_none(), "{document}: {answer:?}");
            assert_eq!((answer.requested, answer.actual), (requested, actual), "{document}");
        }
        for document in ["{", "{ nothing }", "{ pipeline { builds(first: 500) { edges { node { pipeline { builds(first: 500) { edges { node { id } } } } } } } } }"] {
            let answer = world.api.query(document, None, serde_json::Map::new(), (world.authority(), Origin::default())).await;
            assert!(!answer.executed && answer.actual == 0 && parse(&answer.json).get("data").is_none(), "{answer:?}");
        }
    })
    .await;
}
