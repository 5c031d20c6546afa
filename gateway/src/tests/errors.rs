//! Errors of services and of the router.

use axum::body::Body;
use kit::error::{Code, Violation};
use serde_json::json;
use tonic::Status;
use tower::ServiceExt;

use super::{
    CALL, TOKEN, World, code, header,
    script::{Plan, Refuse},
};

#[tokio::test]
async fn every_class_has_its_status_and_its_source() {
    let world = World::new().await;
    for (class, reason, status, source) in [
        (Code::Invalid, "invalid_variables", 400, "portal"),
        (Code::Unauthenticated, "authentication_required", 401, "gateway"),
        (Code::Forbidden, "ip_not_allowed", 403, "portal"),
        (Code::NotFound, "not_found", 404, "portal"),
        (Code::Conflict, "conflict", 409, "portal"),
        (Code::Unprocessable, "validation_failed", 422, "portal"),
        (Code::Exhausted, "rate_limited", 429, "portal"),
        (Code::BadUpstream, "upstream_unavailable", 502, "upstream"),
        (Code::Unavailable, "verification_unavailable", 503, "portal"),
        (Code::Timeout, "upstream_timeout", 504, "upstream"),
        (Code::Internal, "internal", 500, "portal"),
    ] {
        world.script.refuse(Refuse::new(class, reason));
        let response = world.send("POST", CALL, "").await;
        assert_eq!(header(&response, "portal-error-source"), Some(source), "{reason}");
        assert_eq!(code(response).await, (status, reason.to_owned()));
    }
}

#[tokio::test]
async fn what_no_service_reported_is_the_gateways() {
    let world = World::new().await;
    for (status, expected) in [
        (Status::unavailable("x"), (502, "service_broken")),
        (Status::deadline_exceeded("x"), (504, "timeout")),
        (Status::out_of_range("x"), (502, "message_too_large")),
    ] {
        world.script.plan(Plan { status: Some(status), ..Plan::default() });
        let response = world.send("POST", CALL, "").await;
        assert_eq!(header(&response, "portal-error-source"), Some("gateway"));
        let (status, code) = code(response).await;
        assert_eq!((status, code.as_str()), expected);
    }
}

#[tokio::test]
async fn a_part_that_cannot_be_reached_is_a_503() {
    let nobody = "http://127.0.0.1:1".parse().unwrap();
    let peer = kit::grpc::Peer::remote(&nobody, None, &kit::boot::Tasks::default());
    let router = super::gateway_before(peer, |_| {}).router();
    for (method, path) in
        [("POST", CALL), ("GET", "/v2/user"), ("GET", "/v2/organizations"), ("GET", "/.well-known/jwks.json")]
    {
        let request = http::Request::builder().method(method).uri(path).header("authorization", "x");
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        assert_eq!((parts.status.as_u16(), &parts.headers["portal-error-source"]), (503, &"gateway".parse().unwrap()));
        assert!(body.starts_with(b"{\"message\":\"A part of this service"), "{body:?}");
    }
}

#[tokio::test]
async fn single_faults_have_their_place() {
    let world = World::new().await;
    let violations = vec![
        Violation { position: Some((3, 14)), ..Violation::new("query", "no such field") },
        Violation::new("name", "is taken"),
    ];
    world.script.refuse(Refuse { violations, ..Refuse::new(Code::Unprocessable, "validation_failed") });
    let body = super::json(world.send("GET", "/v2/user", "").await).await;
    let expected = json!([
        {"field": "query", "message": "no such field", "line": 3, "column": 14},
        {"field": "name", "message": "is taken"},
    ]);
    assert_eq!(body["errors"], expected);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_lives_on() {
    let world = World::new().await;
    world.script.plan(Plan { panics: true, ..Plan::default() });
    assert_eq!(code(world.send("POST", CALL, "").await).await, (500, "internal".into()));
    world.script.plan(Plan::default());
    assert_eq!(world.send("POST", CALL, "").await.status(), 200);
}

#[tokio::test]
async fn a_reply_that_lacks_something_is_a_500() {
    let world = World::new().await;
    world.script.plan(Plan { result: "lacking", ..Plan::default() });
    let response = world.send("PUT", "/v2/organizations/o/portals/p", "{}").await;
    assert_eq!(code(response).await, (500, "internal".into()));
}

#[tokio::test]
async fn unknown_routes_are_404_in_json() {
    let world = World::new().await;
    for path in ["/x", "/v2", "/v2/users", "/organizations", "/v2/user/x", "//", "/%ff"] {
        let response = world.send("GET", path, "").await;
        assert_eq!(header(&response, "portal-error-source"), Some("gateway"));
        assert_eq!(code(response).await, (404, "not_found".into()), "{path}");
    }
    assert_eq!(code(world.send("GET", "/v2/organizations/%ff", "").await).await, (404, "not_found".into()));
}

#[tokio::test]
async fn wrong_methods_are_405_with_the_right_ones() {
    let world = World::new().await;
    for (method, path, allowed) in [
        ("POST", "/", "GET,HEAD"),
        ("POST", "/v2/user/", "GET,HEAD"),
        ("DELETE", "/v2/organizations/o/portals", "GET,HEAD,POST"),
        ("PATCH", "/v2/organizations/o/portals/p", "GET,HEAD,PUT,DELETE"),
        ("PATCH", "/v2/organizations/o/portals/validate", "GET,HEAD,PUT,DELETE,POST"),
        ("POST", "/v2/organizations/o/portals/p", "GET,HEAD,PUT,DELETE"),
        ("GET", "/v2/organizations/o/portals/p/duplicate", "POST"),
        ("GET", "/graphql", "POST"),
    ] {
        let response = world.send(method, path, "").await;
        assert_eq!(header(&response, "allow"), Some(allowed), "{path}");
        assert_eq!(code(response).await, (405, "method_not_allowed".into()));
    }
}

#[tokio::test]
async fn a_credential_in_any_url_is_refused() {
    let world = World::new().await;
    for query in ["access_token=x", "client_secret=", &format!("x={TOKEN}")] {
        for (method, path) in
            [("GET", "/"), ("GET", "/nowhere"), ("GET", "/v2/user"), ("POST", "/graphql"), ("GET", "/v2/organizations")]
        {
            let response = world.send(method, &format!("{path}?{query}"), "").await;
            assert_eq!(code(response).await, (400, "credential_in_url".into()), "{path}?{query}");
        }
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn the_clients_request_id_is_not_taken_over() {
    let world = World::new().await;
    let response = world.request("GET", "/").header("x-request-id", "mine").send().await.unwrap();
    let id = header(&response, "x-request-id").unwrap();
    assert_eq!((id.len(), id.get(14..15)), (36, Some("7")));
}

#[tokio::test]
async fn a_head_of_an_error_has_no_body() {
    let world = World::new().await;
    let answer = world.raw("HEAD /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with("\r\n\r\n"), "{answer}");
}
