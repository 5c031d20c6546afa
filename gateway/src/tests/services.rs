//! `/v2/organizations/{org}/services`.

use contracts::{
    directory::v1::GetApiTokenRequest,
    webhook::v1::{
        CreateNotificationServiceRequest, DeleteNotificationServiceRequest, DeliveryState, GetDeliveryRequest,
        GetNotificationServiceRequest, ListDeliveriesRequest, ListNotificationServicesRequest,
        RedeliverDeliveryRequest, TestNotificationServiceRequest, TokenMode, UpdateNotificationServiceRequest,
    },
};
use prost_types::FieldMask;
use serde_json::{Value, json};

use super::{World, code, header, script::Plan};

const SERVICES: &str = "/v2/organizations/acme/services";
const A: &str = "0199f0de-0000-7000-8000-00000000000a";
const B: &str = "0199f0de-0000-7000-8000-00000000000b";

fn service() -> Value {
    json!({
        "id": A, "graphql_id": "Tm90aWZpY2F0aW9uU2VydmljZS0tLTAxOTlmMGRlLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwYQ==",
        "url": format!("https://portals.example/v2/organizations/acme/services/{A}"),
        "provider": {"id": "webhook", "name": "Webhook"}, "description": "Chat", "enabled": true,
        "scope": "all", "scope_uuids": [], "branch_configuration": "main",
        "build_states": {"blocked": false, "canceled": false, "canceling": false, "failed": true, "failing": false,
            "not_run": false, "passed": true, "running": false, "scheduled": false, "skipped": false},
        "settings": {"url": "https://hooks.example/", "version": "v2", "token": "hush-0123456789abcdef",
            "token_mode": "signature", "events": ["build.finished"], "tls_verify": true},
        "created_at": "2026-01-01T00:00:00.001Z", "updated_at": "2026-01-01T00:00:00.002Z",
        "created_by": {"id": "u-1", "uuid": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada",
            "email": "ada@example.com", "avatar_url": null, "created_at": "2026-01-01T00:00:00.007Z"},
    })
}

fn delivery() -> Value {
    json!({
        "uuid": B, "event": "portal.created", "event_uuid": "0199f0de-0000-7000-8000-00000000000c",
        "state": "pending", "attempts": 2, "created_at": "2026-01-01T00:00:00.001Z",
        "next_attempt_at": "2026-01-01T00:00:00.003Z", "last_attempt_at": "2026-01-01T00:00:00.002Z",
        "response_status": 500, "response_excerpt": "sorry", "duration_ms": 12,
        "fault": "The receiver answered 500 Internal Server Error",
    })
}

fn one() -> String {
    format!("{SERVICES}/{A}")
}

fn fields(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_service_is_made_of_the_documented_members() {
    let world = World::new().await;
    let body = json!({"provider": {"id": "webhook"}, "description": "Chat", "enabled": false, "scope": "some_projects",
        "scope_uuids": [B], "branch_configuration": "main", "build_states": {"passed": true, "failed": false},
        "settings": {"url": "https://hooks.example/", "version": "v2", "token": "hush", "token_mode": "signature",
            "events": ["build.finished"], "tls_verify": true}});
    let response = world.send("POST", SERVICES, &body.to_string()).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (201, Some("no-store")));
    assert_eq!(super::json(response).await, service());
    let expected = CreateNotificationServiceRequest {
        organization: "acme".into(),
        description: "Chat".into(),
        disabled: true,
        pipeline_uuids: vec![B.into()],
        branch_configuration: Some("main".into()),
        build_states: vec!["passed".into()],
        url: "https://hooks.example/".into(),
        token: Some("hush".into()),
        token_mode: TokenMode::Signature.into(),
        events: vec!["build.finished".into()],
    };
    assert_eq!(world.script.last::<CreateNotificationServiceRequest>().1, expected);
    let least = world.send("POST", SERVICES, r#"{"settings": {"url": "https://hooks.example/"}}"#).await;
    assert_eq!(least.status(), 201);
    let expected = CreateNotificationServiceRequest {
        organization: "acme".into(),
        url: "https://hooks.example/".into(),
        ..CreateNotificationServiceRequest::default()
    };
    assert_eq!(world.script.last::<CreateNotificationServiceRequest>().1, expected);
}

#[tokio::test]
async fn every_member_that_can_not_be_meant_is_named() {
    let world = World::new().await;
    let body = json!({"provider": "slack", "description": 1, "enabled": "yes", "scope": "some_projects",
        "branch_configuration": [], "build_states": {"passed": 1},
        "settings": {"url": 1, "version": "v1", "token": 1, "token_mode": "magic", "events": [], "tls_verify": false}});
    let response = world.send("PATCH", &one(), &body.to_string()).await;
    assert_eq!(response.status(), 422);
    let body = super::json(response).await;
    let expected = [
        "provider",
        "description",
        "enabled",
        "scope_uuids",
        "branch_configuration",
        "build_states.passed",
        "build_states",
        "settings.url",
        "settings.token",
        "settings.token_mode",
        "settings.events",
        "settings.version",
        "settings.tls_verify",
    ];
    assert_eq!(fields(&body), expected);
    assert_eq!(world.script.count::<GetApiTokenRequest>(), 1, "what is wrong is told to those whose token counts");
    for (body, field) in [
        (json!({"scope": "all", "scope_uuids": [A]}), "scope_uuids"),
        (json!({"scope": "teams"}), "scope"),
        (json!({"scope_uuids": "x"}), "scope_uuids"),
        (json!({"settings": "https://hooks.example/"}), "settings"),
    ] {
        let refused = super::json(world.send("PATCH", &one(), &body.to_string()).await).await;
        assert_eq!(fields(&refused), [field]);
    }
    let refused = super::json(world.send("POST", SERVICES, "{}").await).await;
    assert_eq!(fields(&refused), ["settings.url"]);
}

#[tokio::test]
async fn a_change_names_what_it_changes() {
    let world = World::new().await;
    let changed = async |method: &str, path: &str, body: &str| {
        let response = world.send(method, path, body).await;
        assert_eq!(response.status(), 200, "{body}");
        assert_eq!(super::json(response).await, service());
        world.script.last::<UpdateNotificationServiceRequest>().1
    };
    let mask = |paths: &[&str]| Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
    let request = changed("PATCH", &one(), r#"{"branch_configuration": null, "settings": {"token": null}}"#).await;
    assert_eq!((request.uuid.as_str(), request.update_mask.clone()), (A, mask(&["branch_configuration", "token"])));
    assert_eq!((request.branch_configuration, request.token), (None, None));
    let request = changed("PATCH", &one(), r#"{"scope": "all", "description": "x"}"#).await;
    assert_eq!((request.update_mask, request.pipeline_uuids.len()), (mask(&["description", "pipeline_uuids"]), 0));
    for (action, enabled) in [("enable", true), ("disable", false)] {
        let request = changed("PUT", &format!("{}/{action}", one()), "").await;
        assert_eq!((request.update_mask, request.enabled), (mask(&["enabled"]), enabled));
    }
}

#[tokio::test]
async fn services_are_listed_by_cursor() {
    let world = World::new().await;
    world.script.plan(Plan { total: 2, ..Plan::default() });
    let response = world.send("GET", &format!("{SERVICES}?per_page=1"), "").await;
    let next = format!("https://portals.example{SERVICES}?after={A}&per_page=1");
    let own = format!("https://portals.example{SERVICES}?per_page=1");
    assert_eq!(header(&response, "link").unwrap(), format!("<{own}>; rel=\"self\", <{next}>; rel=\"next\""));
    let expected = json!({"items": [service()], "links": {"self": own, "next": next}});
    assert_eq!(super::json(response).await, expected);
    world.send("GET", &format!("{SERVICES}?before={B}"), "").await;
    let asked = world.script.last::<ListNotificationServicesRequest>().1;
    assert_eq!((asked.after, asked.before.as_deref(), asked.limit), (None, Some(B), 30));
    for bad in ["after=x", "per_page=0", "per_page=101"] {
        let refused = world.send("GET", &format!("{SERVICES}?{bad}"), "").await;
        assert_eq!(code(refused).await, (400, "invalid_parameter".to_owned()));
    }
}

#[tokio::test]
async fn a_token_that_is_not_told_is_null() {
    let world = World::new().await;
    let shown = super::json(world.send("GET", &one(), "").await).await;
    assert_eq!((&shown["settings"]["token"], &shown["scope"]), (&json!(null), &json!("some_projects")));
    assert_eq!(shown["scope_uuids"], json!(["p-1"]));
    world.send("GET", &format!("{SERVICES}/nonsense"), "").await;
    let asked = world.script.last::<GetNotificationServiceRequest>().1;
    assert_eq!(asked.uuid, "00000000-0000-0000-0000-000000000000");
}

#[tokio::test]
async fn deliveries_are_listed_shown_and_made_again() {
    let world = World::new().await;
    let path = format!("{}/deliveries", one());
    let response = world.send("GET", &format!("{path}?state=dead&per_page=1"), "").await;
    let body = super::json(response).await;
    let asked = world.script.last::<ListDeliveriesRequest>().1;
    assert_eq!((asked.state(), asked.limit, asked.service_uuid.as_str()), (DeliveryState::Dead, 1, A));
    assert_eq!(body["links"]["next"], format!("https://portals.example{path}?state=dead&after={B}&per_page=1"));
    assert_eq!(body["links"]["prev"], format!("https://portals.example{path}?state=dead&before={B}&per_page=1"));
    let untried = &body["items"][0];
    assert!(untried["response_status"].is_null() && untried["fault"].is_null() && untried.get("payload").is_none());
    assert_eq!(world.send("GET", &format!("{path}?state=odd"), "").await.status(), 400);
    let text = world.send("GET", &format!("{path}/{B}"), "").await.text().await.unwrap();
    assert!(text.contains(r#""payload":{"event":"portal.created","n":12345678901234567890123}"#), "{text}");
    let asked = world.script.last::<GetDeliveryRequest>().1;
    assert_eq!((asked.service_uuid.as_str(), asked.uuid.as_str()), (A, B));
    let again = world.send("POST", &format!("{path}/{B}/redeliver"), "").await;
    assert_eq!(again.status(), 202);
    let mut again = super::json(again).await;
    again.as_object_mut().unwrap().remove("payload");
    assert_eq!(again, delivery());
    assert_eq!(world.script.last::<RedeliverDeliveryRequest>().1.uuid, B);
}

#[tokio::test]
async fn a_service_is_tested_and_removed() {
    let world = World::new().await;
    let tested = world.send("POST", &format!("{}/test", one()), "").await;
    assert_eq!(tested.status(), 202);
    assert_eq!(world.script.last::<TestNotificationServiceRequest>().1.uuid, A);
    assert_eq!(world.send("DELETE", &one(), "").await.status(), 204);
    assert_eq!(world.script.last::<DeleteNotificationServiceRequest>().1.uuid, A);
}
