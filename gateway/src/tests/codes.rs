//! `POST …/codes`: what of spec §6 is the gateway's.

use contracts::token::v1::CreateCodeRequest;
use kit::error::Code;
use serde_json::json;

use super::{
    World, code, header, masked,
    script::{Place, Plan, Refuse},
};

const PATH: &str = "/organizations/o/portals/p/codes";

fn invokable() -> Plan {
    Plan { place: Place::Invokable, ..Plan::default() }
}

#[tokio::test]
async fn a_code_is_made_without_a_credential() {
    let world = World::new().await;
    world.script.plan(invokable());
    for body in [None, Some("{}"), Some("{\"client_id\":\"x\"}")] {
        let mut request = world.request("POST", PATH).header("authorization", "Bearer x").header("user-agent", "curl");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, Some("no-store")));
        let expected = json!({"code": "Code1", "secret": "hush", "interval": 5, "expires_at": "2026-01-01T00:00:00.000Z",
            "authorization_url": "https://portals.example/console/authorize?code=Code1"});
        assert_eq!(super::json(response).await, expected);
        let (caller, asked) = world.script.last::<CreateCodeRequest>();
        assert_eq!(asked.portal_uuid, "00000000-0000-0000-0000-000000000002");
        assert!(caller.is_service && caller.authorization.is_none() && caller.client_ip.is_some());
        assert_eq!(caller.agent(), Some("curl"));
    }
}

#[tokio::test]
async fn every_404_is_the_same() {
    let world = World::new().await;
    let call = async |path: &str| {
        masked(&world.raw(&format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await)
    };
    let nil = "00000000-0000-0000-0000-000000000000";
    let unknown = Some(Refuse::new(Code::NotFound, "not_found"));
    let not_invokable = Plan { refuse: unknown, ..Plan::default() };
    world.script.plan(not_invokable.clone());
    let known = call(PATH).await;
    let (_, asked) = world.script.last::<CreateCodeRequest>();
    assert_eq!((asked.organization_uuid.as_str(), asked.portal_uuid.as_str()), (nil, nil));
    world.script.plan(Plan { place: Place::Nowhere, ..not_invokable });
    assert_eq!(known, call(PATH).await);
    assert_eq!(known, call("/organizations/%ff/portals/x/codes").await);
    // Each of them is counted where addresses are.
    assert_eq!(world.script.count::<CreateCodeRequest>(), 3);
    // A portal that is removed at this moment.
    let refuse = Some(Refuse::new(Code::Unprocessable, "portal_revoked"));
    world.script.plan(Plan { refuse, ..invokable() });
    assert_eq!(known, call(PATH).await);
    assert!(known.starts_with("HTTP/1.1 404") && known.contains("cache-control: no-store"), "{known}");
    let body = "{\"message\":\"No portal found\",\"code\":\"not_found\",\"request_id\":\"(id)\"}";
    assert!(known.ends_with(body), "{known}");
}

#[tokio::test]
async fn too_many_codes_are_refused_with_a_time() {
    let world = World::new().await;
    for reason in ["rate_limited", "too_many_codes"] {
        let retry_after = Some(std::time::Duration::from_mins(1));
        let refuse = Some(Refuse { retry_after, ..Refuse::new(Code::Exhausted, reason) });
        for place in [Place::Invokable, Place::Portal, Place::Nowhere] {
            world.script.plan(Plan { refuse: refuse.clone(), place, ..Plan::default() });
            let response = world.request("POST", PATH).send().await.unwrap();
            assert_eq!(header(&response, "retry-after"), Some("60"));
            assert_eq!(code(response).await, (429, reason.to_owned()));
        }
    }
}

#[tokio::test]
async fn what_is_no_request_for_a_code_is_refused() {
    let world = World::new().await;
    world.script.plan(invokable());
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(4 << 10));
    for (content_type, body, status) in
        [("text/plain", "x", 415), ("application/json", large.as_str(), 413), ("application/json", "[]", 400)]
    {
        assert_eq!(world.post(PATH, content_type, body).await.status(), status);
    }
    assert_eq!(world.request("GET", PATH).send().await.unwrap().status(), 405);
    assert_eq!(world.script.asked(), 0);
}
