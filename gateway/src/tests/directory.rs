//! `/v2/access-token`, `…/api-access-tokens`, `…/api-settings`, `…/members`.

use contracts::{
    directory::v1::{
        CreateMemberRequest, DeleteMemberRequest, ExportApiTokensRequest, GetMemberRequest, ListApiTokensRequest,
        ListMembersRequest, RemoveApiTokenOrganizationRequest, RevokeApiTokenRequest, UpdateMemberRequest,
    },
    registry::v1::ResolvePortalRequest,
    token::v1::Role,
};
use kit::error::Code;
use serde_json::json;

use super::{
    TOKEN, World, code, header,
    script::{Plan, Refuse},
};

const ACME: &str = "/v2/organizations/acme";
const ORGANIZATION: &str = "00000000-0000-0000-0000-000000000001";
const UUID: &str = "0192f0c0-1111-7222-8333-444455556666";
const NIL: &str = "00000000-0000-0000-0000-000000000000";

#[tokio::test]
async fn a_token_inspects_and_ends_itself() {
    let world = World::new().await;
    let expected = json!({"uuid": "a-1", "scopes": ["read_portals", "read_user"], "description": "=cmd, \"x\"",
        "created_at": "2026-01-01T00:00:00.002Z", "expires_at": null,
        "user": {"name": "Ada", "email": "ada@example.com"}});
    assert_eq!(super::json(world.send("GET", "/v2/access-token", "").await).await, expected);
    let response = world.send("DELETE", "/v2/access-token", "").await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (204, ""));
    assert_eq!(world.script.last::<RevokeApiTokenRequest>().0.bearer(), Some(TOKEN));
}

#[tokio::test]
async fn an_organizations_tokens_are_listed_and_let_go() {
    let world = World::new().await;
    world.script.plan(Plan { total: 31, ..Plan::default() });
    let response = world.send("GET", &format!("{ACME}/api-access-tokens"), "").await;
    assert!(header(&response, "link").unwrap().contains("/acme/api-access-tokens?page=2&per_page=30>; rel=\"next\""));
    let expected = json!([{"uuid": "a-1", "description": "=cmd, \"x\"", "last_four": "vATv",
        "scopes": ["read_portals", "read_user"], "user": {"id": "u-1", "name": "Ada", "email": "ada@example.com"},
        "created_at": "2026-01-01T00:00:00.002Z", "expires_at": null, "last_used_at": "2026-01-01T00:00:00.003Z",
        "last_used_ip": "192.0.2.1", "allowed_ip_addresses": null}]);
    assert_eq!(super::json(response).await, expected);
    let expected = ListApiTokensRequest { organization_uuid: ORGANIZATION.into(), page: 1, per_page: 30 };
    assert_eq!(world.script.last::<ListApiTokensRequest>().1, expected);
    for (path, uuid) in [(UUID, UUID), ("x", NIL), (".csv", NIL)] {
        assert_eq!(world.send("DELETE", &format!("{ACME}/api-access-tokens/{path}"), "").await.status(), 204);
        let expected =
            RemoveApiTokenOrganizationRequest { organization_uuid: ORGANIZATION.into(), token_uuid: uuid.into() };
        assert_eq!(world.script.last::<RemoveApiTokenOrganizationRequest>().1, expected);
    }
}

#[tokio::test]
async fn all_tokens_are_exported_as_csv_that_runs_nothing() {
    let world = World::new().await;
    world.script.plan(Plan { total: 3, figures: vec![("ratelimit-remaining", "9")], ..Plan::default() });
    let response = world.send("GET", &format!("{ACME}/api-access-tokens.csv"), "").await;
    assert_eq!(header(&response, "content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(header(&response, "content-disposition"), Some("attachment; filename=\"api-access-tokens.csv\""));
    assert_eq!(header(&response, "ratelimit-remaining"), Some("9"));
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "uuid,description,last_four,scopes,user_name,user_email,created_at,expires_at,last_used_at,last_used_ip,\
         allowed_ip_addresses"
    );
    let row = "a-1,\"'=cmd, \"\"x\"\"\",vATv,read_portals read_user,Ada,ada@example.com,2026-01-01T00:00:00.002Z,,\
               2026-01-01T00:00:00.003Z,192.0.2.1,";
    // One row of each of the three parts, and the end of the last line.
    assert_eq!(&lines[1..], [row, row, row, ""]);
    let (_, asked) = world.script.last::<ExportApiTokensRequest>();
    assert_eq!((asked.organization_uuid.as_str(), world.script.count::<ExportApiTokensRequest>()), (ORGANIZATION, 1));
    world.script.plan(Plan { total: 3, result: "broken", ..Plan::default() });
    let broken = world.send("GET", &format!("{ACME}/api-access-tokens.csv"), "").await;
    assert_eq!(broken.status(), 502);
    world.script.plan(Plan::default());
    world.script.refuse(Refuse::new(Code::Forbidden, "forbidden"));
    let refused = world.send("GET", &format!("{ACME}/api-access-tokens.csv"), "").await;
    assert_eq!(code(refused).await, (403, "forbidden".into()));
}

#[tokio::test]
async fn members_are_shown() {
    let world = World::new().await;
    world.script.plan(Plan { total: 31, ..Plan::default() });
    let ada = json!({"id": "u-1", "name": "Ada", "email": "ada@example.com", "role": "admin", "sso_mode": null});
    let response = world.send("GET", &format!("{ACME}/members"), "").await;
    assert!(header(&response, "link").unwrap().contains("/acme/members?page=2&per_page=30>; rel=\"next\""));
    assert_eq!(super::json(response).await, json!([ada]));
    assert_eq!(world.script.last::<ListMembersRequest>().1.organization_uuid, ORGANIZATION);
    for (path, uuid) in [(UUID, UUID), ("x", NIL)] {
        assert_eq!(super::json(world.send("GET", &format!("{ACME}/members/{path}"), "").await).await, ada);
        let expected = GetMemberRequest { organization_uuid: ORGANIZATION.into(), user_uuid: uuid.into() };
        assert_eq!(world.script.last::<GetMemberRequest>().1, expected);
    }
    // The slug alone is looked up.
    assert_eq!(world.script.count::<ResolvePortalRequest>(), 3);
}

#[tokio::test]
async fn members_come_change_and_go() {
    let world = World::new().await;
    let organization_uuid = ORGANIZATION.to_owned();
    for (body, name, role) in [
        (json!({"email": "a@b.c", "name": "A", "role": "admin", "id": "ignored"}), "A", Role::Admin),
        (json!({"email": "a@b.c", "name": "B", "role": "member"}), "B", Role::Member),
        (json!({"email": "a@b.c", "name": "B"}), "B", Role::Member),
    ] {
        let response = world.send("POST", &format!("{ACME}/members"), &body.to_string()).await;
        assert_eq!(response.status(), 201);
        let expected = CreateMemberRequest {
            organization_uuid: organization_uuid.clone(),
            email: "a@b.c".into(),
            name: name.into(),
            role: role.into(),
        };
        assert_eq!(world.script.last::<CreateMemberRequest>().1, expected);
    }
    let one = format!("{ACME}/members/{UUID}");
    assert_eq!(world.send("PATCH", &one, "{\"role\":\"member\"}").await.status(), 200);
    let (_, asked) = world.script.last::<UpdateMemberRequest>();
    assert_eq!((asked.user_uuid.as_str(), asked.role()), (UUID, Role::Member));
    assert_eq!(world.send("DELETE", &format!("{one}?wait=true"), "").await.status(), 204);
    let expected = DeleteMemberRequest { organization_uuid, user_uuid: UUID.into(), wait: true };
    assert_eq!(world.script.last::<DeleteMemberRequest>().1, expected);
}

#[tokio::test]
async fn what_is_wrong_with_a_member_is_said() {
    let world = World::new().await;
    let one = format!("{ACME}/members/{UUID}");
    let all = format!("{ACME}/members");
    for (method, path, body, fields) in [
        ("POST", &all, json!({"role": "owner"}), vec!["email", "name", "role"]),
        ("POST", &all, json!({"email": 1, "name": 1, "role": null}), vec!["email", "name", "role"]),
        ("POST", &all, json!({"email": "a@b.c", "name": null, "role": ""}), vec!["name", "role"]),
        ("PATCH", &one, json!({}), vec!["role"]),
        ("PATCH", &one, json!({"role": null}), vec!["role"]),
        ("PATCH", &one, json!({"role": "Admin"}), vec!["role"]),
        ("PATCH", &one, json!({"role": ""}), vec!["role"]),
        ("PATCH", &one, json!({"role": 1}), vec!["role"]),
    ] {
        let response = world.send(method, path, &body.to_string()).await;
        assert_eq!(response.status(), 422, "{body}");
        let reply = super::json(response).await;
        let found: Vec<_> = reply["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields, "{body}");
    }
    assert_eq!(world.script.count::<CreateMemberRequest>() + world.script.count::<UpdateMemberRequest>(), 0);
}

#[tokio::test]
async fn no_token_and_a_bad_token_look_alike() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let member = format!("members/{UUID}");
    let token = format!("api-access-tokens/{UUID}");
    for (method, path) in [
        ("GET", "api-access-tokens"),
        ("GET", "api-access-tokens.csv"),
        ("DELETE", &token),
        ("GET", "api-settings"),
        ("GET", "audit_events"),
        ("GET", "audit_events.csv"),
        ("GET", "rate_limit"),
        ("PATCH", "api-settings"),
        ("GET", "members"),
        ("POST", "members"),
        ("GET", &member),
        ("PATCH", &member),
        ("DELETE", &member),
        ("GET", "../../access-token"),
        ("DELETE", "../../access-token"),
    ] {
        let path = format!("{ACME}/{path}");
        let cookie = world.request(method, &path).header("cookie", "__Host-portals=Session1").send().await.unwrap();
        let bearer = world.send(method, &path, "").await;
        for (response, error) in [(cookie, ""), (bearer, ", error=\"invalid_token\"")] {
            let challenge = format!("Bearer realm=\"api\"{error}");
            assert_eq!(header(&response, "www-authenticate"), Some(challenge.as_str()), "{method} {path}");
            assert_eq!(code(response).await, (401, "authentication_required".into()));
        }
    }
}
