//! Documents checked without saving, the versions of a portal's, and copies.

use contracts::registry::v1::{
    DeletePortalRequest, DuplicatePortalRequest, GetPortalRequest, GetPortalUsageRequest, GetPortalVersionRequest,
    ListPortalVersionsRequest, RestorePortalVersionRequest, UpdatePortalRequest, ValidateDocumentRequest,
};
use serde_json::{Value, json};

use super::{World, code, header, script::Plan};

const PORTALS: &str = "/v2/organizations/acme/portals";
const PORTAL: &str = "/v2/organizations/acme/portals/build";

#[tokio::test]
async fn a_document_is_checked_without_saving() {
    let world = World::new().await;
    let body = json!({"query": "{ a }", "upstream": "u", "name": 3}).to_string();
    for path in [format!("{PORTALS}/validate"), format!("{PORTALS}/validate/")] {
        let response = world.send("POST", &path, &body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            super::json(response).await,
            json!({"valid": false, "errors": [{"message": "nope", "line": 1, "column": 3}],
                "warnings": [], "operations": [{"name": "A", "kind": "query", "variables": [],
                "result": {"type": "object", "n": 1.0}}]})
        );
        let expected =
            ValidateDocumentRequest { organization: "acme".into(), query: "{ a }".into(), upstream: Some("u".into()) };
        assert_eq!(world.script.last::<ValidateDocumentRequest>().1, expected);
    }
    let refused = super::json(world.send("POST", &format!("{PORTALS}/validate"), r#"{"upstream":1}"#).await).await;
    let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["query", "upstream"]);
}

#[tokio::test]
async fn every_other_method_of_validate_means_the_portal_of_that_slug() {
    let world = World::new().await;
    let path = format!("{PORTALS}/validate");
    assert_eq!(world.send("GET", &path, "").await.status(), 200);
    assert_eq!(world.script.last::<GetPortalRequest>().1.portal, "validate");
    assert_eq!(world.send("PUT", &path, r#"{"name":"n"}"#).await.status(), 200);
    assert_eq!(world.script.last::<UpdatePortalRequest>().1.portal, "validate");
    assert_eq!(world.send("DELETE", &path, "").await.status(), 204);
    assert_eq!(world.script.last::<DeletePortalRequest>().1.portal, "validate");
    assert_eq!(world.send("GET", &format!("{path}/versions"), "").await.status(), 200);
    assert_eq!(world.script.last::<ListPortalVersionsRequest>().1.portal, "validate");
}

#[tokio::test]
async fn usage_is_shown_for_the_span_that_is_asked_for() {
    let world = World::new().await;
    let path = format!("{PORTAL}/usage");
    let shown = super::json(world.send("GET", &format!("{path}?from=2026-01-01T01:00:00%2B01:00"), "").await).await;
    let figures = json!({"calls": 1200, "errors": {"upstream_timeout": 3}, "p50_ms": 12.346, "p99_ms": null});
    let mut expected = figures.clone();
    expected["from"] = "2026-01-01T00:00:00.000Z".into();
    expected["to"] = "2026-01-01T00:00:00.009Z".into();
    expected["resolution"] = "day".into();
    expected["last_called_at"] = "2026-01-01T00:00:00.002Z".into();
    let mut period = figures;
    period["at"] = "2026-01-01T00:00:00.001Z".into();
    expected["periods"] = json!([period]);
    assert_eq!(shown, expected);
    let (_, asked) = world.script.last::<GetPortalUsageRequest>();
    let midnight = contracts_time(1_767_225_600);
    assert_eq!((asked.portal.as_str(), asked.from, asked.to), ("build", Some(midnight), None));
    assert_eq!(world.send("GET", &format!("{path}?to=yesterday"), "").await.status(), 400);
}

fn contracts_time(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn version() -> Value {
    json!({"number": 2, "query": "{ a }\r\n", "created_at": "2026-01-01T00:00:00.002Z",
        "created_by": {"id": "u-1", "uuid": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada",
            "email": "ada@example.com", "avatar_url": null, "created_at": "2026-01-01T00:00:00.007Z"},
        "current": true})
}

#[tokio::test]
async fn versions_are_listed_by_page() {
    let world = World::new().await;
    world.script.plan(Plan { total: 25, ..Plan::default() });
    let response = world.send("GET", &format!("{PORTAL}/versions?page=3&per_page=10"), "").await;
    assert!(
        header(&response, "link").unwrap().contains(&format!("{PORTAL}/versions?page=2&per_page=10>; rel=\"prev\""))
    );
    assert_eq!(super::json(response).await, json!([version()]));
    let (_, asked) = world.script.last::<ListPortalVersionsRequest>();
    assert_eq!((asked.portal.as_str(), asked.page, asked.per_page), ("build", 3, 10));
}

#[tokio::test]
async fn a_version_is_shown_and_compared() {
    let world = World::new().await;
    assert_eq!(super::json(world.send("GET", &format!("{PORTAL}/versions/2"), "").await).await, version());
    let mut compared = version();
    compared["diff"] = "--- version 1".into();
    assert_eq!(super::json(world.send("GET", &format!("{PORTAL}/versions/2?diff=1"), "").await).await, compared);
    let (_, asked) = world.script.last::<GetPortalVersionRequest>();
    assert_eq!((asked.number, asked.compare_with), (2, Some(1)));
    for none in ["x", "+2", "-1", "99999999999", "%20"] {
        world.send("GET", &format!("{PORTAL}/versions/{none}"), "").await;
        assert_eq!(world.script.last::<GetPortalVersionRequest>().1.number, 0, "{none}");
        let response = world.send("GET", &format!("{PORTAL}/versions/2?diff={}", none.replace('+', "%2B")), "").await;
        assert_eq!(code(response).await, (400, "invalid_parameter".into()), "{none}");
    }
    let response = world.send("POST", &format!("{PORTAL}/versions/2/restore"), "").await;
    assert_eq!((response.status().as_u16(), super::json(response).await["uuid"].clone()), (200, "p-1".into()));
    let (_, asked) = world.script.last::<RestorePortalVersionRequest>();
    assert_eq!((asked.organization.as_str(), asked.portal.as_str(), asked.number), ("acme", "build", 2));
}

#[tokio::test]
async fn a_copy_has_a_token_of_its_own() {
    let world = World::new().await;
    for (body, name, slug) in [
        ("", None, None),
        ("{}", None, None),
        (r#"{"name":null,"slug":null}"#, None, None),
        (r#"{"name":"N","slug":"s","query":1}"#, Some("N"), Some("s")),
    ] {
        let response = world.send("POST", &format!("{PORTAL}/duplicate"), body).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (201, Some("no-store")));
        assert_eq!(super::json(response).await["token"], "fresh");
        let (_, asked) = world.script.last::<DuplicatePortalRequest>();
        assert_eq!((asked.portal.as_str(), asked.name.as_deref(), asked.slug.as_deref()), ("build", name, slug));
    }
    let response = world.send("POST", &format!("{PORTAL}/duplicate"), r#"{"slug":1}"#).await;
    assert_eq!(code(response).await, (422, "validation_failed".into()));
}
