//! `/` and `/v2`.

use contracts::{
    directory::v1::GetApiTokenRequest,
    registry::v1::{
        CreatePortalRequest, DeletePortalRequest, GetPortalRequest, ListOrganizationsRequest, ListPortalsRequest,
        UpdatePortalRequest,
    },
};
use kit::error::Code;
use serde_json::{Value, json};

use super::{
    World, code, header,
    script::{Plan, Refuse},
};

const PORTALS: &str = "/v2/organizations/acme/portals";
const PORTAL: &str = "/v2/organizations/acme/portals/build";

fn user() -> Value {
    json!({"id": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada", "email": "ada@example.com",
        "avatar_url": null, "created_at": "2026-01-01T00:00:00.007Z"})
}

fn portal() -> Value {
    let mut author = user();
    author["uuid"] = "u-1".into();
    json!({"uuid": "p-1", "slug": "build", "organization_uuid": "o-1", "name": "Build", "description": null,
        "query": "query A { a }", "allowed_ip_addresses": null, "user_invokable": false,
        "created_at": "2026-01-01T00:00:00.001Z", "created_by": author, "updated_at": "2026-01-01T00:00:00.999Z",
        "version": 3, "url": "https://portals.example/organizations/acme/portals/build", "upstream": null,
        "strict_variables": false,
        "operations": [{"name": null, "kind": "mutation", "variables": [
            {"name": "a", "type": "Int", "required": false, "default": {"n": 12_345_678_901_234_567_890_123.0}},
            {"name": "b", "type": "Int", "required": true}]}],
        "warnings": [{"message": "unused", "line": 2, "column": 5}]})
}

#[tokio::test]
async fn the_root_says_who_is_here() {
    let world = World::new().await;
    let body = super::json(world.request("GET", "/").send().await.unwrap()).await;
    assert!(body["message"].is_string() && body["timestamp"].as_i64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn a_user_is_shown() {
    let world = World::new().await;
    for path in ["/v2/user", "/v2/user/"] {
        assert_eq!(super::json(world.send("GET", path, "").await).await, user());
    }
    assert_eq!(world.script.last_timeout(), "10000000u");
}

#[tokio::test]
async fn organizations_are_shown() {
    let world = World::new().await;
    let acme = json!({"id": "o-1", "graphql_id": "T3JnYW5pemF0aW9uLS0tby0x", "name": "Acme", "slug": "acme",
        "url": "https://portals.example/v2/organizations/acme",
        "web_url": null,
        "pipelines_url": "https://portals.example/v2/organizations/acme/pipelines",
        "agents_url": null, "emojis_url": null, "created_at": "2026-01-01T00:00:00.000Z"});
    assert_eq!(super::json(world.send("GET", "/v2/organizations/acme", "").await).await, acme);
    let response = world.send("GET", "/v2/organizations", "").await;
    assert_eq!(header(&response, "link"), None);
    assert_eq!(super::json(response).await, json!([acme]));
    assert_eq!(world.script.last::<ListOrganizationsRequest>().1, ListOrganizationsRequest { page: 1, per_page: 30 });
}

#[tokio::test]
async fn lists_are_paged() {
    let world = World::new().await;
    world.script.plan(Plan { total: 25, ..Plan::default() });
    let response = world.send("GET", &format!("{PORTALS}?page=2&per_page=10"), "").await;
    let url = format!("https://portals.example{PORTALS}");
    let link = |page: u32, rel: &str| format!("<{url}?page={page}&per_page=10>; rel=\"{rel}\"");
    let links = [link(1, "first"), link(1, "prev"), link(3, "next"), link(3, "last")].join(", ");
    assert_eq!(header(&response, "link"), Some(links.as_str()));
    assert_eq!(super::json(response).await, json!([portal()]));
    let (_, asked) = world.script.last::<ListPortalsRequest>();
    assert_eq!((asked.organization.as_str(), asked.page, asked.per_page), ("acme", 2, 10));
    for query in ["page=x", "per_page=-1"] {
        let response = world.send("GET", &format!("{PORTALS}?{query}"), "").await;
        assert_eq!(code(response).await, (400, "invalid_parameter".into()));
    }
}

#[tokio::test]
async fn a_portal_is_created_and_its_token_shown_once() {
    let world = World::new().await;
    let body = json!({"name": "Build", "query": "query A { a }", "description": null, "slug": null, "unknown": [1],
        "user_invokable": true, "upstream": "u", "allowed_ip_addresses": " 10.0.0.0/8 "});
    let response = world.send("POST", PORTALS, &body.to_string()).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (201, Some("no-store")));
    let mut expected = portal();
    expected["token"] = "fresh".into();
    assert_eq!(super::json(response).await, expected);
    let expected = CreatePortalRequest {
        organization: "acme".into(),
        name: "Build".into(),
        query: "query A { a }".into(),
        allowed_ip_addresses: Some(" 10.0.0.0/8 ".into()),
        user_invokable: true,
        upstream: Some("u".into()),
        ..CreatePortalRequest::default()
    };
    assert_eq!(world.script.last::<CreatePortalRequest>().1, expected);
}

#[tokio::test]
async fn everything_wrong_with_a_body_is_said_at_once() {
    let world = World::new().await;
    let body = json!({"name": null, "description": 3, "user_invokable": "yes", "slug": true});
    let response = world.send("POST", PORTALS, &body.to_string()).await;
    assert_eq!(response.status(), 422);
    assert_eq!(header(&response, "portal-error-source"), Some("gateway"));
    let body = super::json(response).await;
    let fields: Vec<_> = body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "slug", "description", "query", "user_invokable"]);
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with("Validation failed: name is required; slug must be a string or null;"), "{message}");
    assert_eq!(body["code"], "validation_failed");
    // Nothing but whether the token counts was asked.
    assert_eq!((world.script.asked(), world.script.count::<GetApiTokenRequest>()), (1, 1));
}

#[tokio::test]
async fn bodies_are_checked_before_anything_is_asked() {
    let world = World::with(|config| config.limits.rest_body_bytes = 100).await;
    for (method, path) in [("POST", PORTALS), ("PUT", PORTAL)] {
        assert_eq!(code(world.send(method, path, "{").await).await, (400, "invalid_body".into()));
        assert_eq!(code(world.send(method, path, "[]").await).await, (400, "invalid_body".into()));
        assert_eq!(code(world.send(method, path, &" ".repeat(101)).await).await, (413, "body_too_large".into()));
        let plain = world.request(method, path).header("authorization", "x").body("{}").send().await.unwrap();
        assert_eq!(code(plain).await, (415, "unsupported_media_type".into()));
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn a_change_names_what_it_changes() {
    let world = World::new().await;
    for (body, paths) in [
        (json!({}), vec![]),
        (json!({"name": "N"}), vec!["name"]),
        (json!({"description": null, "upstream": null}), vec!["description", "upstream"]),
        (
            json!({"strict_variables": false, "user_invokable": true, "allowed_ip_addresses": "", "query": "q",
                "slug": "s", "name": "N", "uuid": "ignored"}),
            vec!["name", "slug", "query", "allowed_ip_addresses", "user_invokable", "strict_variables"],
        ),
    ] {
        let response = world.send("PUT", PORTAL, &body.to_string()).await;
        assert_eq!(super::json(response).await, portal());
        let (_, asked) = world.script.last::<UpdatePortalRequest>();
        assert_eq!((asked.organization.as_str(), asked.portal.as_str()), ("acme", "build"));
        assert_eq!(asked.update_mask.unwrap().paths, paths);
        assert_eq!(asked.name.as_deref(), body["name"].as_str());
        assert_eq!(asked.slug.as_deref(), body["slug"].as_str());
        assert_eq!(asked.description, None);
        assert_eq!(asked.allowed_ip_addresses.as_deref(), body["allowed_ip_addresses"].as_str());
        assert_eq!(
            (asked.user_invokable, asked.strict_variables),
            (body["user_invokable"].as_bool(), body["strict_variables"].as_bool())
        );
    }
}

#[tokio::test]
async fn what_must_be_there_is_not_cleared() {
    let world = World::new().await;
    let nulls = json!({"name": null, "slug": null, "query": null, "user_invokable": null, "strict_variables": null});
    let body = super::json(world.send("PUT", PORTAL, &nulls.to_string()).await).await;
    assert_eq!((body["code"].as_str(), body["errors"].as_array().unwrap().len()), (Some("validation_failed"), 5));
    assert_eq!(world.script.count::<UpdatePortalRequest>(), 0);
}

#[tokio::test]
async fn strangers_learn_nothing_of_what_is_wrong_with_a_body() {
    let world = World::new().await;
    for (class, reason, status) in [
        (Code::Unauthenticated, "authentication_required", 401),
        (Code::Exhausted, "rate_limited", 429),
        (Code::Forbidden, "ip_not_allowed", 403),
    ] {
        world.script.refuse(Refuse::new(class, reason));
        for (method, path) in [("POST", PORTALS), ("PUT", PORTAL)] {
            let response = world.send(method, path, r#"{"name":3}"#).await;
            assert_eq!(code(response).await, (status, reason.to_owned()));
        }
    }
}

#[tokio::test]
async fn a_portal_is_shown_and_removed() {
    let world = World::new().await;
    world.script.plan(Plan { figures: vec![("ratelimit-user-remaining", "9")], ..Plan::default() });
    assert_eq!(super::json(world.send("GET", PORTAL, "").await).await, portal());
    let expected = GetPortalRequest { organization: "acme".into(), portal: "build".into() };
    assert_eq!(world.script.last::<GetPortalRequest>().1, expected);
    let response = world.send("DELETE", PORTAL, "").await;
    assert_eq!((response.status().as_u16(), header(&response, "ratelimit-user-remaining")), (204, Some("9")));
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(world.script.last::<DeletePortalRequest>().1.portal, "build");
}

#[tokio::test]
async fn no_token_and_a_bad_token_look_alike() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    for (method, path) in [
        ("GET", "/v2/user"),
        ("GET", "/v2/organizations"),
        ("GET", "/v2/organizations/acme"),
        ("GET", PORTALS),
        ("POST", PORTALS),
        ("GET", PORTAL),
        ("PUT", PORTAL),
        ("DELETE", PORTAL),
        ("POST", "/graphql"),
        ("POST", "/v1"),
    ] {
        let without = world.request(method, path).send().await.unwrap();
        let body = r#"{"name":"n","query":"q"}"#;
        let with = world.send(method, path, if method == "GET" { "" } else { body }).await;
        for (response, error) in [(without, ""), (with, ", error=\"invalid_token\"")] {
            let challenge = format!("Bearer realm=\"api\"{error}");
            assert_eq!(header(&response, "www-authenticate"), Some(challenge.as_str()), "{method} {path}");
            assert_eq!(header(&response, "portal-error-source"), Some("gateway"));
            assert_eq!(response.status(), 401);
            let body = super::json(response).await;
            assert_eq!(body["message"], "Authentication required. Please supply a valid API access token");
            assert_eq!(body["code"], "authentication_required");
        }
    }
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let world = World::new().await;
    let refuse = Refuse { facts: vec![("scope", "read_portals")], ..Refuse::new(Code::Forbidden, "missing_scope") };
    let bare = Refuse { facts: Vec::new(), ..refuse.clone() };
    for (refuse, scope) in [(refuse, ", scope=\"read_portals\""), (bare, "")] {
        world.script.refuse(refuse);
        let response = world.send("GET", PORTAL, "").await;
        let challenge = format!("Bearer realm=\"api\", error=\"insufficient_scope\"{scope}");
        assert_eq!(header(&response, "www-authenticate"), Some(challenge.as_str()));
        let status = response.status();
        let body = super::json(response).await;
        assert_eq!(
            (status.as_u16(), body["code"].as_str(), body["scope"].as_str()),
            (403, Some("missing_scope"), None)
        );
    }
    world.script.refuse(Refuse::new(Code::Forbidden, "forbidden"));
    assert_eq!(header(&world.send("GET", PORTAL, "").await, "www-authenticate"), None);
}

#[tokio::test]
async fn a_gateway_that_services_do_not_know_is_a_fault_of_ours() {
    let world = World::new().await;
    let refuse =
        Refuse { message: "Only services may call this", ..Refuse::new(Code::Forbidden, "service_key_required") };
    world.script.refuse(refuse);
    for (method, path, body) in [
        ("GET", PORTAL, ""),
        ("POST", "/organizations/o/portals/p", "{}"),
        ("POST", "/organizations/o/portals/p/codes", "{}"),
    ] {
        let response = world.send(method, path, body).await;
        let status = response.status().as_u16();
        let body = super::json(response).await;
        assert_eq!((status, &body["code"]), (500, &json!("internal")), "{method} {path}");
        assert!(!body.to_string().contains("Only services"), "{body}");
    }
}
