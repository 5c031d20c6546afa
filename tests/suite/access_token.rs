//! API access tokens: inspecting and revoking oneself, what an organization sees and can take away.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, admin::User};

const ORGANIZATION: &str = "/v2/organizations/my-organization";

/// A user who administers the first organization, and a token of theirs.
fn somebody(house: &Installation) -> (User, String) {
    let user = house.admin().user_as("admin", "somebody");
    let token = house.admin().api_token(&user);
    (user, token)
}

#[tokio::test]
async fn a_token_inspects_itself() {
    let house = Installation::shared();
    let body = house.get("/v2/access-token").await.expect(200);
    for member in ["uuid", "scopes", "description", "created_at", "expires_at", "user"] {
        assert!(body.get(member).is_some(), "no {member} in {body:#}");
    }
    assert_eq!(body["expires_at"], Value::Null, "the first one has no end");
    assert_eq!(body["user"]["email"], house.bootstrap().text("email"));
    assert!(body["scopes"].as_array().unwrap().contains(&json!("write_portals")));
    let (user, token) = somebody(&house);
    let caller = house.with(&token);
    let body = caller.get("/v2/access-token").await.expect(200);
    assert_eq!((&body["user"]["email"], &body["description"]), (&json!(user.email), &json!("of a test")));
    let at = |member: &str| chrono::DateTime::parse_from_rfc3339(body[member].as_str().unwrap()).unwrap();
    // The end counts from the asking, which is a moment before the making.
    let life = at("expires_at") - at("created_at") + chrono::TimeDelta::minutes(1);
    assert_eq!(life.num_days(), 7, "seven days when left unset");
}

#[tokio::test]
async fn no_scope_is_needed_to_inspect_or_to_revoke_oneself() {
    let house = Installation::shared();
    let (user, _) = somebody(&house);
    let token = house.admin().api_token_with(&user, &["read_builds"], &["--never-expires"]);
    let caller = house.with(&token);
    let body = caller.get("/v2/access-token").await.expect(200);
    assert_eq!((&body["scopes"], &body["expires_at"]), (&json!(["read_builds"]), &Value::Null));
    caller.get("/v2/user").await.error_code(403, "missing_scope");
    caller.rest(Method::DELETE, "/v2/access-token", None).await.expect(204);
    for path in ["/v2/access-token", "/v2/user", PORTALS] {
        let refused = caller.get(path).await.error_code(401, "authentication_required");
        assert_eq!(refused["message"], "Authentication required. Please supply a valid API access token", "{path}");
    }
    caller.rest(Method::DELETE, "/v2/access-token", None).await.error(401);
    house.get("/v2/access-token").await.expect(200);
}

#[tokio::test]
async fn an_organization_lists_the_tokens_that_reach_it() {
    let house = Installation::shared();
    let (user, token) = somebody(&house);
    let uuid = house.with(&token).get("/v2/access-token").await.expect(200)["uuid"].clone();
    let list = house.get(&format!("{ORGANIZATION}/api-access-tokens?per_page=100")).await;
    let listed = list.expect(200);
    let found = listed.as_array().unwrap().iter().find(|listed| listed["uuid"] == uuid);
    let found = found.unwrap_or_else(|| panic!("{uuid} isn't in {listed:#}"));
    assert_eq!(found["last_four"], token[token.len() - 4..]);
    assert_eq!(found["user"]["email"], user.email);
    assert!(!list.text.contains(&token) && !list.text.contains(house.api_token()), "a value in the list");
    let member = house.with(&house.admin().api_token(&house.admin().user_as("member", "member")));
    for path in ["api-access-tokens", "api-access-tokens.csv"] {
        member.get(&format!("{ORGANIZATION}/{path}")).await.error_code(403, "forbidden");
    }
}

#[tokio::test]
async fn the_same_list_is_had_as_csv_that_no_spreadsheet_runs() {
    let house = Installation::start();
    let admin = house.admin();
    let user = admin.user_as("admin", "evil");
    let formula = "=HYPERLINK(\"http://example.com\",\"a\nb\")";
    admin.ok(&["create-api-token", "--email", &user.email, "--all-scopes", "--description", formula], "");
    let answer = house.get(&format!("{ORGANIZATION}/api-access-tokens.csv")).await;
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"), "{answer:#?}");
    let header = answer.text.lines().next().unwrap();
    assert!(header.contains("uuid") && header.contains("description"), "{header}");
    assert!(!answer.text.contains(house.api_token()));
    // Quoted as RFC 4180 says, and not begun by what a spreadsheet takes for a formula.
    assert!(answer.text.contains("HYPERLINK(\"\"http://example.com\"\""), "{}", answer.text);
    assert!(!answer.text.contains(",=HYPER") && !answer.text.contains("\"=HYPER"), "{}", answer.text);
}

#[tokio::test]
async fn a_removed_organization_is_out_of_reach_for_good() {
    let house = Installation::start();
    let (user, token) = somebody(&house);
    house.admin().organization("second");
    house.admin().member(&user, "second", "admin");
    let wide = house.with(&house.admin().api_token(&user));
    let uuid = wide.get("/v2/access-token").await.expect(200)["uuid"].as_str().unwrap().to_owned();
    wide.get(ORGANIZATION).await.expect(200);
    let one = format!("{ORGANIZATION}/api-access-tokens/{uuid}");
    house.rest(Method::DELETE, &one, None).await.expect(204);
    wide.get(ORGANIZATION).await.error_code(404, "not_found");
    wide.get(PORTALS).await.error_code(404, "not_found");
    wide.get("/v2/organizations/second").await.expect(200);
    // The user's other token isn't touched, and the first can't be put back.
    house.with(&token).get(ORGANIZATION).await.expect(200);
    house.rest(Method::DELETE, &one, None).await.error_code(404, "not_found");
    house.admin().member(&user, "my-organization", "admin");
    wide.get(ORGANIZATION).await.error_code(404, "not_found");
}

#[tokio::test]
async fn the_settings_of_an_organization_are_read_and_changed() {
    let house = Installation::start();
    let path = format!("{ORGANIZATION}/api-settings");
    let member = "revoke_inactive_tokens_after_days";
    let body = house.get(&path).await.expect(200);
    for member in ["url", "allowed_ip_addresses", member, "restrict_user_api_token_creation", "features"] {
        assert!(body.get(member).is_some(), "no {member} in {body:#}");
    }
    assert_eq!(body[member], Value::Null);
    for (value, status) in [(json!(90), 200), (json!(91), 422), (json!("30"), 422), (json!(0), 422), (Value::Null, 200)]
    {
        let answer = house.rest(Method::PATCH, &path, Some(json!({member: value}))).await;
        assert_eq!(answer.status, status, "{value}: {answer:#?}");
        if status == 200 {
            assert_eq!(house.get(&path).await.expect(200)[member], value);
        }
    }
}

#[tokio::test]
async fn a_token_with_an_address_list_works_from_there_only() {
    let house = Installation::shared();
    let (user, _) = somebody(&house);
    let token = house.admin().api_token_with(&user, &["read_user"], &["--allowed-ip", "127.0.0.2"]);
    house.with(&token).get("/v2/user").await.error_code(403, "ip_not_allowed");
    let from = house.request_from([127, 0, 0, 2].into(), Method::GET, "/v2/user").bearer_auth(&token);
    Answer::of(from).await.expect(200);
}
