//! `POST /graphql` and `POST /v1`.

use contracts::execution::v1::ExecuteQueryRequest;

use super::{World, code, script::Plan};

#[tokio::test]
async fn a_document_is_run() {
    let world = World::new().await;
    world.script.plan(Plan { result: "{\"data\":null}", ..Plan::default() });
    for path in ["/graphql", "/v1", "/v1/"] {
        let body = r#"{"query":"{a}","operationName":null,"variables":{"n": 12345678901234567890123},"extensions":{}}"#;
        let response = world.send("POST", path, body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "{\"data\":null}");
        let expected = ExecuteQueryRequest {
            query: "{a}".into(),
            operation_name: None,
            variables_json: "{\"n\": 12345678901234567890123}".into(),
        };
        assert_eq!(world.script.last::<ExecuteQueryRequest>().1, expected);
    }
    world.send("POST", "/graphql", r#"{"query":"{a}","operationName":"A","variables":null}"#).await;
    let (_, asked) = world.script.last::<ExecuteQueryRequest>();
    assert_eq!((asked.operation_name.as_deref(), asked.variables_json.len()), (Some("A"), 0));
}

#[tokio::test]
async fn what_is_no_graphql_request_is_refused() {
    let world = World::new().await;
    for body in [
        "",
        "{}",
        "[]",
        r#"{"query":3}"#,
        r#"{"query":null}"#,
        r#"{"query":"a","variables":[]}"#,
        r#"{"query":"a","variables":"{}"}"#,
        r#"{"query":"a","operationName":1}"#,
        r#"{"query":"a","extensions":[]}"#,
        &format!(r#"{{"query":"a","variables":{{"a":{}{}}}}}"#, "[".repeat(64), "]".repeat(64)),
    ] {
        assert_eq!(code(world.send("POST", "/graphql", body).await).await, (400, "invalid_body".into()), "{body}");
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn a_document_that_did_not_run_is_400_for_those_who_know_the_newer_media_type() {
    let world = World::new().await;
    for (result, status) in [("{\"errors\":[]}", 400), ("{\"data\":null}", 200)] {
        world.script.plan(Plan { result, ..Plan::default() });
        let headers = [("accept", "application/graphql-response+json")];
        let response = world.send_with("POST", "/graphql", &headers, r#"{"query":"{a}"}"#).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/graphql-response+json; charset=utf-8");
        let response = world.send("POST", "/graphql", r#"{"query":"{a}"}"#).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    }
}
