//! Variables: coerced as the GraphQL specification says, dropped when the operation doesn't declare them.

use std::sync::Arc;

use serde_json::{Value, json};
use suite::{Answer, Installation, unique};

const BUILD: &str = "mutation Build($input: BuildCreateInput!) { buildCreate(input: $input) { build { branch message \
                     metaData(first: 9) { edges { node { key value } } } } } }";

const PAGE: &str = "query Page($slug: ID!, $first: Int = 3, $branches: [String!], $state: [BuildStates!]) { \
                    pipeline(slug: $slug) { slug builds(first: $first, branch: $branches, state: $state) { edges { node \
                    { number } } } } }";

const SLUG: &str = "my-organization/my-pipeline";

/// Fails unless the call was refused before anything ran, naming exactly these paths.
#[track_caller]
fn refused(answer: &Answer, paths: &[&str]) {
    let body = answer.error_code(422, "validation_failed");
    assert!(body["message"].as_str().unwrap().starts_with("Validation failed: "), "{body:#}");
    assert_eq!(answer.fields(), paths.iter().map(|&path| path.to_owned()).collect(), "{body:#}");
    assert_eq!(answer.header("portal-error-source"), Some("portal"));
}

#[tokio::test]
async fn a_required_variable_that_is_missing_or_null_is_named() {
    let house = Installation::shared();
    let portal = house.portal_of(PAGE).await;
    for body in [json!({}), json!({"slug": null}), json!({"first": 1})] {
        refused(&house.call(&portal, body).await, &["slug"]);
    }
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let house = Installation::shared();
    let portal = house.portal_of(PAGE).await;
    let body = json!({"first": "many", "branches": [1, "main", false], "state": ["NO_SUCH_STATE"]});
    let answer = house.call(&portal, body).await;
    refused(&answer, &["slug", "first", "branches[0]", "branches[2]", "state[0]"]);
}

#[tokio::test]
async fn values_of_the_wrong_type_are_named_by_path() {
    let house = Installation::shared();
    let portal = house.portal_of(BUILD).await;
    let id = house.pipeline_id().await;
    let good = json!({"pipelineID": id, "commit": "HEAD", "branch": "main"});
    let with = |member: &str, value: Value| {
        let mut input = good.clone();
        input[member] = value;
        json!({"input": input})
    };
    for (body, path) in [
        (json!({"input": 3}), "input"),
        (json!({"input": []}), "input"),
        (json!({"input": {}}), "input.pipelineID"),
        (with("pipelineID", json!(null)), "input.pipelineID"),
        (with("pipelineID", json!(1.5)), "input.pipelineID"),
        (with("commit", json!(3)), "input.commit"),
        (with("message", json!({"a": 1})), "input.message"),
        (with("metaData", json!([{"key": 1, "value": "v"}])), "input.metaData[0].key"),
        (with("metaData", json!([{"key": "a", "value": "v"}, {"key": "b"}])), "input.metaData[1].value"),
        (with("metaData", json!([null])), "input.metaData[0]"),
        (with("env", json!(["A=1", 2])), "input.env[1]"),
        (with("author", json!({"name": "A"})), "input.author.email"),
        (with("noSuchField", json!(1)), "input.noSuchField"),
    ] {
        refused(&house.call(&portal, body).await, &[path]);
    }
    let data = house.call(&portal, with("metaData", json!([{"key": "k", "value": "v"}]))).await.data();
    assert_eq!(data["buildCreate"]["build"]["metaData"]["edges"], json!([{"node": {"key": "k", "value": "v"}}]));
}

#[tokio::test]
async fn scalars_are_coerced_as_graphql_says() {
    let house = Installation::shared();
    let portal = house.portal_of(PAGE).await;
    let call = |member: &'static str, value: Value| {
        let mut body = json!({"slug": SLUG});
        body[member] = value;
        let (house, portal) = (Arc::clone(&house), portal.clone());
        async move { house.call(&portal, body).await }
    };
    for first in [json!(1), json!(1.0), json!(null)] {
        call("first", first).await.data();
    }
    for first in [json!("1"), json!(1.5), json!(true), json!(2_147_483_648_u64), json!([1])] {
        refused(&call("first", first).await, &["first"]);
    }
    // A single value counts as a list of one (GraphQL specification, "Input Coercion" of lists).
    for branches in [json!("main"), json!(["main"]), json!([]), json!(null)] {
        call("branches", branches).await.data();
    }
    for slug in [json!(true), json!({}), json!(["a"])] {
        refused(&call("slug", slug).await, &["slug"]);
    }
    // An ID is given as a string or a whole number.
    call("slug", json!(7)).await.data();
    call("state", json!(["PASSED", "FAILED"])).await.data();
    refused(&call("state", json!(["passed"])).await, &["state[0]"]);
}

#[tokio::test]
async fn a_default_counts_when_the_variable_is_absent() {
    let house = Installation::start();
    let id = house.pipeline_id().await;
    let build = house.portal_of(BUILD).await;
    for _ in 0..3 {
        let body = json!({"input": {"pipelineID": id, "commit": "HEAD", "branch": "main"}});
        house.call(&build, body).await.data();
    }
    let query = "query P($first: Int = 2) { pipeline(slug: \"my-organization/my-pipeline\") { builds(first: $first) { edges { \
                 node { number } } } } }";
    let portal = house.portal_of(query).await;
    let count = async |body: Value| {
        let data = house.call(&portal, body).await.data();
        data["pipeline"]["builds"]["edges"].as_array().unwrap().len()
    };
    assert_eq!(count(json!({})).await, 2);
    assert_eq!(count(json!({"first": 1})).await, 1);
}

#[tokio::test]
async fn a_flood_of_faults_is_answered_briefly() {
    let house = Installation::shared();
    let portal = house.portal_of(PAGE).await;
    let answer = house.call(&portal, json!({"slug": SLUG, "branches": vec![1; 100_000]})).await;
    answer.error_code(422, "validation_failed");
    assert!(answer.fields().contains("branches[0]"));
    assert!(answer.text.len() < 64 * 1024, "an answer of {} bytes", answer.text.len());
}

#[tokio::test]
async fn what_is_refused_never_ran() {
    let house = Installation::start();
    let portal = house.portal_of(BUILD).await;
    let id = house.pipeline_id().await;
    let input = json!({"pipelineID": id, "commit": "HEAD", "branch": "main", "metaData": [{"key": 1, "value": "v"}]});
    refused(&house.call(&portal, json!({"input": input})).await, &["input.metaData[0].key"]);
    let query =
        "{ pipeline(slug: \"my-organization/my-pipeline\") { builds(first: 1) { edges { node { number } } } } }";
    assert_eq!(house.graphql(query, json!({})).await["pipeline"]["builds"]["edges"], json!([]));
}

#[tokio::test]
async fn a_variable_that_is_not_declared_is_dropped_and_named() {
    let house = Installation::shared();
    let portal = house.portal_of(PAGE).await;
    let answer = house.call(&portal, json!({"slug": SLUG, "frist": 1, "Slug": {"a": [1]}})).await;
    assert_eq!(answer.data()["pipeline"]["slug"], "my-pipeline");
    assert_eq!(answer.ignored(), ["Slug", "frist"]);
}

#[tokio::test]
async fn variables_of_another_operation_are_not_declared() {
    let house = Installation::shared();
    let portal =
        house.portal_of("query A($a: ID!) { node(id: $a) { id } } query B($b: ID!) { node(id: $b) { id } }").await;
    let request = house.calling_named(&portal, "B").json(&json!({"a": "x", "b": "x"}));
    let answer = Answer::of(request).await;
    answer.expect(200);
    assert_eq!(answer.ignored(), ["a"]);
}

#[tokio::test]
async fn twenty_ignored_variables_are_named_and_the_rest_counted() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let body = |count: usize| -> Value { (0..count).map(|at| (format!("v{at:02}"), json!(at))).collect() };
    let twenty = house.call(&portal, body(20)).await;
    twenty.data();
    assert_eq!(twenty.ignored().len(), 20);
    assert!(!twenty.header("portal-ignored-variables").unwrap().contains('+'));
    let more = house.call(&portal, body(25)).await;
    let names = more.ignored();
    assert_eq!((names.len(), names[0]), (21, "+5"));
    assert!(names[1..].iter().all(|name| name.starts_with('v')), "{names:?}");
}

#[tokio::test]
async fn only_graphql_names_get_into_the_header() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let body = json!({
        "good_Name1": 1, "with-dash": 1, "": 1, "1st": 1, "naïve": 1, "a b": 1, "x\r\nSet-Cookie: a=b": 1, "a,b": 1,
        "$dollar": 1, "long".repeat(5000): 1,
    });
    let answer = house.call(&portal, body).await;
    answer.data();
    let named: Vec<&str> = answer.ignored().into_iter().filter(|name| !name.starts_with('+')).collect();
    assert!(named.contains(&"good_Name1"), "{named:?}");
    let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    assert!(named.iter().all(is_name), "{named:?}");
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn a_strict_portal_refuses_a_variable_that_is_not_declared() {
    let house = Installation::shared();
    let body = json!({"name": unique("strict"), "query": PAGE, "strict_variables": true});
    let portal = house.portal(body).await;
    assert_eq!(portal.body["strict_variables"], true);
    refused(&house.call(&portal, json!({"slug": SLUG, "frist": 1})).await, &["frist"]);
    house.call(&portal, json!({"slug": SLUG, "first": 1})).await.data();
}

#[tokio::test]
async fn a_declared_variable_that_is_never_used_is_taken_and_not_called_ignored() {
    let house = Installation::shared();
    let portal = house.portal_of("query A($unused: ID, $strict: Int!) { viewer { id } }").await;
    let answer = house.call(&portal, json!({"unused": "x", "strict": 1})).await;
    answer.data();
    assert_eq!(answer.ignored(), Vec::<&str>::new());
    refused(&house.call(&portal, json!({"unused": "x"})).await, &["strict"]);
}

#[tokio::test]
async fn text_in_variables_is_never_taken_for_graphql() {
    let house = Installation::shared();
    let portal = house.portal_of(BUILD).await;
    let id = house.pipeline_id().await;
    let odd = "\") { id } } query X { viewer { email } # \u{2028} \\u0000 \u{1F680}";
    let input = json!({"pipelineID": id, "commit": "HEAD", "branch": odd, "message": odd});
    let data = house.call(&portal, json!({"input": input})).await.data();
    assert_eq!(data["buildCreate"]["build"]["branch"], odd);
    assert_eq!(data["buildCreate"]["build"]["message"], odd);
}
