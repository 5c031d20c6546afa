//! A call of a portal, as far as it isn't about credentials, addresses, limits or variables.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, path, raw};

const QUERY: &str = "query A { viewer { id } }";

fn nested(levels: usize) -> String {
    format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

async fn send(house: &Installation, portal: &Portal, kind: Option<&str>, body: impl Into<reqwest::Body>) -> Answer {
    let request = house.calling(portal).body(body);
    Answer::of(kind.into_iter().fold(request, |request, kind| request.header(CONTENT_TYPE, kind))).await
}

#[tokio::test]
async fn a_call_answers_the_graphql_envelope() {
    let house = Installation::shared();
    let portal =
        house.portal_of("query A { pipeline(slug: \"my-organization/my-pipeline\") { slug __typename } }").await;
    let answer = house.call(&portal, json!({})).await;
    assert_eq!(answer.expect(200), json!({"data": {"pipeline": {"slug": "my-pipeline", "__typename": "Pipeline"}}}));
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(answer.header("portal-ignored-variables"), None);
}

#[tokio::test]
async fn errors_of_the_graphql_api_are_data() {
    let house = Installation::shared();
    let query = "mutation A($id: ID!) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \"main\"}) \
                 { build { url } } }";
    let portal = house.portal_of(query).await;
    let body = house.call(&portal, json!({"id": "UGlwZWxpbmUtLS1ub25l"})).await.expect(200);
    assert!(body["errors"][0]["message"].is_string(), "{body:#}");
    assert_eq!(body["errors"][0]["path"][0], "buildCreate", "{body:#}");
}

#[tokio::test]
async fn an_empty_body_counts_as_no_variables_and_needs_no_content_type() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for kind in [None, Some("application/json")] {
        send(&house, &portal, kind, "").await.data();
    }
    send(&house, &portal, Some("application/json"), "{}").await.data();
}

#[tokio::test]
async fn json_is_taken_with_any_charset_and_in_any_case() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for kind in [
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "APPLICATION/JSON",
        "application/json; charset=iso-8859-1",
    ] {
        send(&house, &portal, Some(kind), "{}").await.data();
    }
}

#[tokio::test]
async fn another_content_type_is_415() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for kind in [None, Some("text/plain"), Some("application/jsonp"), Some("application/x-www-form-urlencoded")] {
        let answer = send(&house, &portal, kind, "{}").await;
        answer.error(415);
        assert_eq!(answer.header("portal-error-source"), Some("gateway"));
    }
}

#[tokio::test]
async fn another_method_is_405_and_says_which_is_allowed() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = Answer::of(house.request(method, &path(&portal.slug)).bearer_auth(&portal.token)).await;
        answer.error(405);
        assert_eq!(answer.header("allow"), Some("POST"));
        assert_eq!(answer.header("portal-error-source"), Some("gateway"));
    }
}

#[tokio::test]
async fn a_body_of_256_kib_is_read_and_one_byte_more_is_413() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let most = format!("{{{}}}", " ".repeat(256 * 1024 - 2));
    send(&house, &portal, Some("application/json"), most.clone()).await.data();
    let answer = send(&house, &portal, Some("application/json"), most + " ").await;
    answer.error(413);
    assert_eq!(answer.header("portal-error-source"), Some("gateway"));
}

#[tokio::test]
async fn a_chunked_body_is_held_to_the_same_limit() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        path(&portal.slug),
        portal.token
    );
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let answer = |chunks| {
        let request = format!("{head}{}2\r\n{{}}\r\n0\r\n\r\n", chunk.repeat(chunks));
        raw::exchange(house.bootstrap().address("gateway"), request.as_bytes()).unwrap()
    };
    assert_eq!(raw::status(&answer(1)), 200);
    assert_eq!(raw::status(&answer(65)), 413);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_400() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for body in ["{", "nonsense", "[]", "[{}]", "null", "3", "\"a\"", "{}{}", "{'a':1}", "{\"a\":NaN}"] {
        let answer = send(&house, &portal, Some("application/json"), body).await;
        answer.error(400);
        assert_eq!(answer.header("portal-error-source"), Some("gateway"));
    }
    send(&house, &portal, Some("application/json"), b"{\"a\":\"\xff\"}".to_vec()).await.error(400);
}

#[tokio::test]
async fn a_body_nested_64_levels_deep_is_read_and_one_more_is_400() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    send(&house, &portal, Some("application/json"), nested(64)).await.data();
    send(&house, &portal, Some("application/json"), nested(65)).await.error(400);
    send(&house, &portal, Some("application/json"), "[".repeat(200_000)).await.error(400);
}

#[tokio::test]
async fn the_operation_is_chosen_by_name() {
    let house = Installation::shared();
    let portal = house.portal_of("query One { one: viewer { id } } query Two { two: viewer { id } }").await;
    for (operation, alias) in [("One", "one"), ("Two", "two")] {
        let request = house.calling_named(&portal, operation).json(&json!({}));
        let data = Answer::of(request).await.data();
        assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), [alias]);
    }
}

#[tokio::test]
async fn a_single_operation_may_be_named_or_not() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    house.call(&portal, json!({})).await.data();
    Answer::of(house.calling_named(&portal, "A").json(&json!({}))).await.data();
}

#[tokio::test]
async fn several_operations_and_none_named_or_an_unknown_name_is_422() {
    let house = Installation::shared();
    let several = house.portal_of("query One { viewer { id } } query Two { viewer { id } }").await;
    let single = house.portal_of(QUERY).await;
    let name = |portal, name: &str| Answer::of(house.calling_named(portal, name).json(&json!({})));
    for answer in [
        house.call(&several, json!({})).await,
        name(&several, "Three").await,
        name(&several, "one").await,
        name(&single, "B").await,
    ] {
        let body = answer.error_code(422, "validation_failed");
        assert!(body["message"].as_str().unwrap().starts_with("Validation failed: "), "{body:#}");
        assert_eq!(answer.header("portal-error-source"), Some("portal"));
    }
}

#[tokio::test]
async fn body_keys_of_graphql_over_http_are_just_variables() {
    let house = Installation::shared();
    let portal = house
        .portal_of(
            "query A($query: ID!, $operationName: ID) { asked: pipeline(slug: $query) { slug } \
                                  other: pipeline(slug: \"my-organization/my-pipeline\") { id } \
                                  build(slug: $operationName) { id } }",
        )
        .await;
    let body = json!({
        "query": "my-organization/my-pipeline", "operationName": "Other", "extensions": {"persistedQuery": {}},
        "variables": {"query": "{ viewer { id } }"},
    });
    let answer = house.call(&portal, body).await;
    let data = answer.data();
    assert_eq!(data["asked"]["slug"], "my-pipeline");
    assert_eq!(answer.ignored(), ["extensions", "variables"]);
    let plain = house.portal_of(QUERY).await;
    let answer = house.call(&plain, json!({"query": "{ viewer { email } }", "operationName": "B"})).await;
    let keys = |data: Value| data["viewer"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(answer.data()), ["id"]);
    assert_eq!(answer.ignored(), ["operationName", "query"]);
}

#[tokio::test]
async fn queries_and_mutations_of_one_document_run_one_at_a_time() {
    let house = Installation::start();
    let query = "query Count { pipeline(slug: \"my-organization/my-pipeline\") { builds(first: 5) { edges { node { number } } } } } \
                 mutation Add($id: ID!) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \"main\"}) \
                 { build { number } } }";
    let portal = house.portal_of(query).await;
    let run = async |name: &str, body: Value| Answer::of(house.calling_named(&portal, name).json(&body)).await.data();
    let builds = |data: Value| data["pipeline"]["builds"]["edges"].as_array().unwrap().len();
    assert_eq!(builds(run("Count", json!({})).await), 0);
    let id = house.pipeline_id().await;
    assert_eq!(run("Add", json!({"id": id})).await["buildCreate"]["build"]["number"], 1);
    assert_eq!(builds(run("Count", json!({})).await), 1);
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_portal() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let request = house.request(Method::POST, &format!("{}/", path(&portal.slug))).bearer_auth(&portal.token);
    Answer::of(request.json(&json!({}))).await.data();
    assert_eq!(house.get(&format!("{PORTALS}/")).await.status, 200);
}
