//! `/v2/organizations/{org}/portals/{slug}/{secrets,service_tokens,live_tokens,revoke_all}`.

use contracts::{
    credential::v1::{
        CreateSecretRequest, CreateServiceTokenRequest, DeleteLiveTokenRequest, DeleteSecretRequest,
        DeleteServiceTokenRequest, ListLiveTokensRequest, ListSecretsRequest, ListServiceTokensRequest,
        PortalReference, RevokeLiveTokensRequest,
    },
    registry::v1::ResolvePortalRequest,
};
use kit::error::Code;
use prost_types::Timestamp;
use serde_json::{Value, json};

use super::{
    TOKEN, World, code, header,
    script::{Place, Plan, Refuse},
};

const PORTAL: &str = "/v2/organizations/acme/portals/build";
const UUID: &str = "0192f0c0-1111-7222-8333-444455556666";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn reference() -> PortalReference {
    let [organization_uuid, portal_uuid] = ["1", "2"].map(|end| format!("{}{end}", &NIL[..35]));
    PortalReference { organization_uuid, portal_uuid }
}

fn author() -> Value {
    json!({"id": "u-1", "uuid": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada", "email": "ada@example.com",
        "avatar_url": null, "created_at": "2026-01-01T00:00:00.007Z"})
}

fn secret() -> Value {
    json!({"uuid": "s-1", "description": "CI", "last_four": "wQKx", "created_at": "2026-01-01T00:00:00.002Z",
        "created_by": author(), "expires_at": null, "last_used_at": "2026-01-01T00:00:00.003Z",
        "last_used_ip": "192.0.2.1"})
}

fn token(kind: &str) -> Value {
    json!({"uuid": "t-1", "kind": kind, "description": "CI", "last_four": "6RZx",
        "created_at": "2026-01-01T00:00:00.002Z", "created_by": author(), "expires_at": "2026-01-01T00:00:00.004Z",
        "last_used_at": null, "last_used_ip": null, "allowed_ip_addresses": "10.0.0.0/8",
        "secret_uuid": if kind == "ephemeral" { json!("s-1") } else { Value::Null }})
}

#[tokio::test]
async fn lists_are_pages_without_values() {
    let world = World::new().await;
    for (list, expected) in [
        ("secrets", json!([secret()])),
        ("service_tokens", json!([token("service")])),
        ("live_tokens", json!([token("ephemeral"), token("user")])),
    ] {
        let figures = vec![("ratelimit-user-remaining", "9")];
        world.script.plan(Plan { total: 25, figures, ..Plan::default() });
        let response = world.send("GET", &format!("{PORTAL}/{list}?page=3&per_page=10"), "").await;
        let url = format!("https://portals.example{PORTAL}/{list}");
        let links = [(1, "first"), (2, "prev")].map(|(n, rel)| format!("<{url}?page={n}&per_page=10>; rel=\"{rel}\""));
        assert_eq!(header(&response, "link"), Some(links.join(", ").as_str()));
        assert_eq!(header(&response, "ratelimit-user-remaining"), Some("9"));
        assert_eq!(super::json(response).await, expected);
    }
    let (caller, asked) = world.script.last::<ListLiveTokensRequest>();
    assert_eq!((caller.bearer(), caller.is_service), (Some(TOKEN), true));
    assert_eq!(asked, ListLiveTokensRequest { portal: Some(reference()), page: 3, per_page: 10 });
    world.send("GET", &format!("{PORTAL}/secrets"), "").await;
    let expected = ListSecretsRequest { portal: Some(reference()), page: 1, per_page: 30 };
    assert_eq!(world.script.last::<ListSecretsRequest>().1, expected);
    world.send("GET", &format!("{PORTAL}/service_tokens/"), "").await;
    let expected = ListServiceTokensRequest { portal: Some(reference()), page: 1, per_page: 30 };
    assert_eq!(world.script.last::<ListServiceTokensRequest>().1, expected);
}

#[tokio::test]
async fn values_are_shown_once_and_stored_by_nobody() {
    let world = World::new().await;
    for (list, mut expected, value) in [("secrets", secret(), "secret"), ("service_tokens", token("service"), "token")]
    {
        let body = json!({"description": "CI", "expires_at": "2027-01-01T01:00:00.5+01:00", "last_four": "ignored"});
        let response = world.send("POST", &format!("{PORTAL}/{list}"), &body.to_string()).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (201, Some("no-store")));
        expected[value] = "fresh".into();
        assert_eq!(super::json(response).await, expected);
    }
    let expires_at = Some(Timestamp { seconds: 1_798_761_600, nanos: 500_000_000 });
    let expected = CreateServiceTokenRequest {
        portal: Some(reference()),
        description: "CI".into(),
        expires_at,
        allowed_ip_addresses: None,
    };
    assert_eq!(world.script.last::<CreateServiceTokenRequest>().1, expected);
    let body = json!({"allowed_ip_addresses": " 10.0.0.0/8 ", "description": null, "expires_at": null});
    world.send("POST", &format!("{PORTAL}/service_tokens"), &body.to_string()).await;
    let (_, asked) = world.script.last::<CreateServiceTokenRequest>();
    assert_eq!((asked.allowed_ip_addresses.as_deref(), asked.expires_at), (Some(" 10.0.0.0/8 "), None));
    for body in ["", "{}"] {
        assert_eq!(world.send("POST", &format!("{PORTAL}/secrets"), body).await.status(), 201);
        let expected = CreateSecretRequest { portal: Some(reference()), ..CreateSecretRequest::default() };
        assert_eq!(world.script.last::<CreateSecretRequest>().1, expected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said() {
    let world = World::new().await;
    for (list, body, fields) in [
        ("secrets", json!({"description": 1, "expires_at": "tomorrow"}), vec!["description", "expires_at"]),
        ("secrets", json!({"expires_at": "2027-01-01T00:00:00"}), vec!["expires_at"]),
        ("secrets", json!({"expires_at": 1_798_761_600}), vec!["expires_at"]),
        (
            "service_tokens",
            json!({"expires_at": "2027-01-01", "allowed_ip_addresses": []}),
            vec!["expires_at", "allowed_ip_addresses"],
        ),
    ] {
        let response = world.send("POST", &format!("{PORTAL}/{list}"), &body.to_string()).await;
        assert_eq!(response.status(), 422);
        let reply = super::json(response).await;
        let found: Vec<_> = reply["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields, "{body}");
    }
    assert_eq!(world.script.count::<CreateSecretRequest>() + world.script.count::<CreateServiceTokenRequest>(), 0);
}

#[tokio::test]
async fn removal_says_what_it_ended() {
    let world = World::new().await;
    for (query, keep_tokens, wait) in [
        ("", false, false),
        ("?tokens=keep", true, false),
        ("?wait=true", false, true),
        ("?wait=false&tokens=revoke", false, false),
        ("?tokens=keep&wait=true", true, true),
    ] {
        let response = world.send("DELETE", &format!("{PORTAL}/secrets/{UUID}{query}"), "").await;
        assert_eq!((response.status().as_u16(), super::json(response).await), (200, json!({"revoked_tokens": 7})));
        let expected = DeleteSecretRequest { portal: Some(reference()), secret_uuid: UUID.into(), keep_tokens, wait };
        assert_eq!(world.script.last::<DeleteSecretRequest>().1, expected);
    }
    let response = world.send("POST", &format!("{PORTAL}/revoke_all?wait=true"), "").await;
    assert_eq!((response.status().as_u16(), super::json(response).await), (200, json!({"revoked_tokens": 7})));
    let expected = RevokeLiveTokensRequest { portal: Some(reference()), wait: true };
    assert_eq!(world.script.last::<RevokeLiveTokensRequest>().1, expected);
    let (portal, token_uuid) = (Some(reference()), UUID.to_owned());
    let response = world.send("DELETE", &format!("{PORTAL}/service_tokens/{UUID}?wait=true"), "").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (204, ""));
    let expected = DeleteServiceTokenRequest { portal: portal.clone(), token_uuid: token_uuid.clone(), wait: true };
    assert_eq!(world.script.last::<DeleteServiceTokenRequest>().1, expected);
    assert_eq!(world.send("DELETE", &format!("{PORTAL}/live_tokens/{UUID}"), "").await.status(), 204);
    let expected = DeleteLiveTokenRequest { portal, token_uuid, wait: false };
    assert_eq!(world.script.last::<DeleteLiveTokenRequest>().1, expected);
}

#[tokio::test]
async fn a_wish_that_is_not_understood_is_refused() {
    let world = World::new().await;
    for query in ["wait=1", "wait=", "wait=TRUE", "tokens=kept", "tokens="] {
        let response = world.send("DELETE", &format!("{PORTAL}/secrets/{UUID}?{query}"), "").await;
        assert_eq!(code(response).await, (400, "invalid_parameter".into()), "{query}");
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn what_is_no_uuid_is_asked_for_as_the_one_that_nothing_has() {
    let world = World::new().await;
    for bad in ["x", "0192f0c0111172228333444455556666", "%7B0192f0c0-1111-7222-8333-444455556666%7D", "00000000"] {
        world.send("DELETE", &format!("{PORTAL}/secrets/{bad}"), "").await;
        assert_eq!(world.script.last::<DeleteSecretRequest>().1.secret_uuid, NIL, "{bad}");
    }
    world.send("DELETE", &format!("{PORTAL}/secrets/{}", UUID.to_uppercase()), "").await;
    assert_eq!(world.script.last::<DeleteSecretRequest>().1.secret_uuid, UUID);
    world.script.refuse(Refuse { message: "No secret found", ..Refuse::new(Code::NotFound, "not_found") });
    let body = super::json(world.send("DELETE", &format!("{PORTAL}/secrets/x"), "").await).await;
    assert_eq!(body["message"], "No secret found");
}

#[tokio::test]
async fn a_name_is_looked_up_without_the_callers_credential() {
    let world = World::new().await;
    world.send("GET", &format!("{PORTAL}/secrets"), "").await;
    let (caller, asked) = world.script.first::<ResolvePortalRequest>();
    assert_eq!((asked.organization.as_str(), asked.portal.as_str()), ("acme", "build"));
    assert!(caller.is_service && caller.authorization.is_none());
}

#[tokio::test]
async fn names_that_mean_nothing_are_left_to_who_knows_the_caller() {
    let world = World::new().await;
    world.script.plan(Plan { place: Place::Nowhere, ..Plan::default() });
    for (method, path) in [("GET", "secrets"), ("POST", "secrets"), ("GET", "service_tokens"), ("GET", "live_tokens")] {
        world.send(method, &format!("{PORTAL}/{path}"), "").await;
    }
    let nowhere = PortalReference { organization_uuid: NIL.into(), portal_uuid: NIL.into() };
    assert_eq!(world.script.last::<ListLiveTokensRequest>().1.portal, Some(nowhere));
    assert_eq!((world.script.count::<ResolvePortalRequest>(), world.script.asked()), (4, 8));
}

#[tokio::test]
async fn no_token_and_a_bad_token_look_alike() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let one = format!("secrets/{UUID}");
    let others = [format!("service_tokens/{UUID}"), format!("live_tokens/{UUID}")];
    for (method, path) in [
        ("GET", "secrets"),
        ("POST", "secrets"),
        ("DELETE", &one),
        ("GET", "service_tokens"),
        ("POST", "service_tokens"),
        ("DELETE", &others[0]),
        ("GET", "live_tokens"),
        ("DELETE", &others[1]),
        ("POST", "revoke_all"),
    ] {
        let path = format!("{PORTAL}/{path}");
        // A cookie opens no route of the API.
        let cookie = world.request(method, &path).header("cookie", "__Host-portals=Session1").send().await.unwrap();
        let bearer = world.send(method, &path, "").await;
        for (response, error) in [(cookie, ""), (bearer, ", error=\"invalid_token\"")] {
            let challenge = format!("Bearer realm=\"api\"{error}");
            assert_eq!(header(&response, "www-authenticate"), Some(challenge.as_str()), "{method} {path}");
            assert_eq!(code(response).await, (401, "authentication_required".into()));
        }
    }
}
