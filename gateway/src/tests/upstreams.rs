//! `/v2/organizations/{org}/upstreams`.

use contracts::{
    directory::v1::GetApiTokenRequest,
    registry::v1::{
        CreateUpstreamRequest, DeleteUpstreamRequest, GetUpstreamRequest, ListUpstreamsRequest, RefreshUpstreamRequest,
        SchemaSource, UpdateUpstreamRequest, UpstreamHeader,
    },
};
use kit::error::{Code, Violation};
use serde_json::{Value, json};

use super::{
    TOKEN, World, code, header,
    script::{Plan, Refuse},
};

const UPSTREAMS: &str = "/v2/organizations/acme/upstreams";
const UPSTREAM: &str = "/v2/organizations/acme/upstreams/weather";

fn upstream() -> Value {
    json!({"uuid": "up-1", "slug": "weather", "url": "https://weather.example/graphql",
        "header_names": ["authorization"],
        "schema": {"source": "introspection", "digest": "ab", "changed_at": "2026-01-01T00:00:00.002Z",
            "checked_at": "2026-01-01T00:00:00.003Z", "fault": "It was away"},
        "timeout_ms": null, "portals": 2, "broken_portals": 1,
        "created_at": "2026-01-01T00:00:00.001Z", "updated_at": "2026-01-01T00:00:00.004Z",
        "created_by": {"id": "u-1", "uuid": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada",
            "email": "ada@example.com", "avatar_url": null, "created_at": "2026-01-01T00:00:00.007Z"}})
}

fn named() -> (String, String) {
    ("acme".into(), "weather".into())
}

fn fields(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_upstream_is_created_and_its_headers_are_not_shown() {
    let world = World::new().await;
    let body = json!({"slug": "weather", "url": "https://weather.example/graphql", "timeout_ms": 500,
        "headers": {"Authorization": "Bearer hush"}, "schema": {"source": "sdl", "sdl": "type Query { a: Int }"}});
    let response = world.send("POST", UPSTREAMS, &body.to_string()).await;
    assert_eq!(response.status(), 201);
    assert_eq!(super::json(response).await, upstream());
    let expected = CreateUpstreamRequest {
        organization: "acme".into(),
        slug: "weather".into(),
        url: "https://weather.example/graphql".into(),
        headers: vec![UpstreamHeader { name: "Authorization".into(), value: "Bearer hush".into() }],
        schema_source: SchemaSource::Sdl.into(),
        sdl: "type Query { a: Int }".into(),
        timeout_ms: 500,
    };
    assert_eq!(world.script.last::<CreateUpstreamRequest>().1, expected);
}

#[tokio::test]
async fn an_upstream_is_asked_for_its_schema_unless_it_is_given() {
    let world = World::new().await;
    for schema in [json!({"source": "introspection"}), json!({"source": "introspection", "sdl": null})] {
        let body = json!({"slug": "a", "url": "https://a.example", "schema": schema});
        assert_eq!(world.send("POST", UPSTREAMS, &body.to_string()).await.status(), 201);
        assert_eq!(world.script.last::<CreateUpstreamRequest>().1.schema_source(), SchemaSource::Introspection);
    }
    let body = json!({"slug": "a", "url": "https://a.example", "timeout_ms": null});
    world.send("POST", UPSTREAMS, &body.to_string()).await;
    let asked = world.script.last::<CreateUpstreamRequest>().1;
    assert_eq!((asked.schema_source(), asked.timeout_ms, asked.headers), (SchemaSource::Introspection, 0, Vec::new()));
}

#[tokio::test]
async fn what_is_wrong_with_the_form_of_a_body_is_said_at_once_and_without_values() {
    let world = World::new().await;
    let body =
        json!({"slug": 1, "headers": {"x-key": 4_242_424_242u64}, "schema": {"source": "magic"}, "timeout_ms": 0});
    let response = world.send("POST", UPSTREAMS, &body.to_string()).await;
    assert_eq!(response.status(), 422);
    let body = super::json(response).await;
    assert_eq!(fields(&body), ["slug", "url", "headers.x-key", "schema.source", "timeout_ms"]);
    assert!(!body.to_string().contains("4242424242"), "{body}");
    for (wrong, field) in [
        (json!({"headers": null}), "headers"),
        (json!({"schema": "sdl"}), "schema"),
        (json!({"schema": {"source": "sdl"}}), "schema.sdl"),
        (json!({"schema": {"source": "sdl", "sdl": 1}}), "schema.sdl"),
        (json!({"slug": null}), "slug"),
        (json!({"timeout_ms": "1s"}), "timeout_ms"),
    ] {
        let response = world.send("PUT", UPSTREAM, &wrong.to_string()).await;
        assert_eq!((response.status().as_u16(), fields(&super::json(response).await)), (422, vec![field]), "{wrong}");
    }
    assert_eq!(world.script.count::<UpdateUpstreamRequest>(), 0);
}

#[tokio::test]
async fn lists_and_single_upstreams_are_shown() {
    let world = World::new().await;
    world.script.plan(Plan { total: 25, ..Plan::default() });
    let response = world.send("GET", &format!("{UPSTREAMS}?page=3&per_page=10"), "").await;
    let url = format!("https://portals.example{UPSTREAMS}");
    let links = [(1, "first"), (2, "prev")].map(|(n, rel)| format!("<{url}?page={n}&per_page=10>; rel=\"{rel}\""));
    assert_eq!(header(&response, "link"), Some(links.join(", ").as_str()));
    assert_eq!(super::json(response).await, json!([upstream()]));
    let (caller, asked) = world.script.last::<ListUpstreamsRequest>();
    assert_eq!(caller.bearer(), Some(TOKEN));
    assert_eq!(asked, ListUpstreamsRequest { organization: "acme".into(), page: 3, per_page: 10 });
    assert_eq!(super::json(world.send("GET", &format!("{UPSTREAM}/"), "").await).await, upstream());
    let (organization, upstream) = named();
    assert_eq!(world.script.last::<GetUpstreamRequest>().1, GetUpstreamRequest { organization, upstream });
}

#[tokio::test]
async fn a_put_names_what_changes_and_nothing_else() {
    let world = World::new().await;
    let body = json!({"timeout_ms": null, "headers": {}, "unknown": 1});
    assert_eq!(super::json(world.send("PUT", UPSTREAM, &body.to_string()).await).await, upstream());
    let asked = world.script.last::<UpdateUpstreamRequest>().1;
    assert_eq!(asked.update_mask.unwrap().paths, ["headers", "timeout_ms"]);
    assert_eq!((asked.organization, asked.upstream), named());
    let body = json!({"slug": "a", "url": "https://a.example", "schema": {"source": "introspection"}});
    world.send("PUT", UPSTREAM, &body.to_string()).await;
    assert_eq!(world.script.last::<UpdateUpstreamRequest>().1.update_mask.unwrap().paths, ["slug", "url", "schema"]);
}

#[tokio::test]
async fn an_upstream_is_refreshed_and_removed() {
    let world = World::new().await;
    let mut expected = upstream();
    expected["broken_portal_slugs"] = json!(["old"]);
    assert_eq!(super::json(world.send("POST", &format!("{UPSTREAM}/refresh"), "").await).await, expected);
    let (organization, upstream) = named();
    assert_eq!(world.script.last::<RefreshUpstreamRequest>().1, RefreshUpstreamRequest { organization, upstream });
    assert_eq!(world.send("DELETE", UPSTREAM, "").await.status(), 204);
    let (organization, upstream) = named();
    assert_eq!(world.script.last::<DeleteUpstreamRequest>().1, DeleteUpstreamRequest { organization, upstream });
    world.script.refuse(Refuse::new(Code::Conflict, "upstream_in_use"));
    assert_eq!(code(world.send("DELETE", UPSTREAM, "").await).await, (409, "upstream_in_use".into()));
}

/// The faults of a schema have their places, as those of a document have.
#[tokio::test]
async fn faults_of_a_schema_have_line_and_column() {
    let world = World::new().await;
    let fault = Violation { position: Some((3, 7)), ..Violation::new("schema.sdl", "Unknown type") };
    let refuse = Refuse { violations: vec![fault], ..Refuse::new(Code::Unprocessable, "validation_failed") };
    world.script.refuse(refuse);
    let body = json!({"slug": "a", "url": "https://a.example"}).to_string();
    let body = super::json(world.send("POST", UPSTREAMS, &body).await).await;
    let expected = json!([{"field": "schema.sdl", "message": "Unknown type", "line": 3, "column": 7}]);
    assert_eq!(body["errors"], expected);
}

/// Other bodies may have 256 KiB. What is longer is read only from those whose token counts.
#[tokio::test]
async fn a_schema_may_be_long_for_those_whose_token_counts() {
    let world = World::new().await;
    let body = |bytes: usize| {
        let sdl = format!("type Query {{ a: Int }} # {}", "x".repeat(bytes));
        json!({"slug": "a", "url": "https://a.example", "schema": {"source": "sdl", "sdl": sdl}}).to_string()
    };
    assert_eq!(world.send("POST", UPSTREAMS, &body(1 << 10)).await.status(), 201);
    assert_eq!(world.script.count::<GetApiTokenRequest>(), 0);
    assert_eq!(world.send("POST", UPSTREAMS, &body(1 << 20)).await.status(), 201);
    assert_eq!(world.script.last::<CreateUpstreamRequest>().1.sdl.len(), (1 << 20) + 24);
    assert_eq!(world.script.count::<GetApiTokenRequest>(), 1);
    assert_eq!(world.send("POST", UPSTREAMS, &body(9 << 20)).await.status(), 413);
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    assert_eq!(world.send("POST", UPSTREAMS, &body(9 << 20)).await.status(), 401);
    assert_eq!(world.script.count::<CreateUpstreamRequest>(), 2);
}
