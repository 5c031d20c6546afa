//! Bodies have exactly the documented members, no less and no more: programs with types of their own read them.

use serde_json::{Value, json};
use suite::Installation;

const ORGANIZATION: &str = "/v2/organizations/my-organization";

#[track_caller]
fn has(body: &Value, members: &str) {
    let mut found: Vec<_> = body.as_object().unwrap_or_else(|| panic!("{body:#}")).keys().map(String::as_str).collect();
    let mut expected: Vec<_> = members.split_whitespace().collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

const USER: &str = "id graphql_id name email avatar_url created_at";

#[tokio::test]
async fn a_user_has_these_members() {
    let house = Installation::shared();
    let user = house.get("/v2/user").await.expect(200);
    has(&user, USER);
    assert!(is_instant(&user["created_at"]) && user["avatar_url"].is_null(), "{user:#}");
    let data = house.graphql("{ viewer { user { id uuid name email } } }", json!({})).await;
    let same = json!({"id": user["graphql_id"], "uuid": user["id"], "name": user["name"], "email": user["email"]});
    assert_eq!(data["viewer"]["user"], same);
}

#[tokio::test]
async fn an_access_token_has_these_members() {
    let house = Installation::shared();
    let token = house.get("/v2/access-token").await.expect(200);
    has(&token, "uuid scopes description created_at expires_at user");
    has(&token["user"], "name email");
    assert!(is_instant(&token["created_at"]) && token["expires_at"].is_null(), "{token:#}");
    assert!(token["scopes"].as_array().unwrap().contains(&json!("write_builds")), "{token:#}");
    let user = house.admin().user_as("member", "scoped");
    let brief = house.admin().api_token_with(&user, &["read_user"], &["--expires-in-days", "7"]);
    let token = house.with(&brief).get("/v2/access-token").await.expect(200);
    assert!(is_instant(&token["expires_at"]) && token["scopes"] == json!(["read_user"]), "{token:#}");
}

#[tokio::test]
async fn an_organization_has_these_members() {
    let house = Installation::shared();
    let one = house.get(ORGANIZATION).await.expect(200);
    has(&one, "id graphql_id url web_url name slug pipelines_url agents_url emojis_url created_at");
    assert!(is_instant(&one["created_at"]) && one["agents_url"].is_null() && one["emojis_url"].is_null(), "{one:#}");
    let list = house.get("/v2/organizations").await.expect(200);
    assert!(list.as_array().unwrap().contains(&one), "{list:#}");
    // Its URLs lead somewhere.
    for url in ["url", "pipelines_url"] {
        let path = one[url].as_str().unwrap().strip_prefix(house.gateway()).unwrap();
        house.get(path).await.expect(200);
    }
    let data = house.graphql("{ organization(slug: \"my-organization\") { id uuid name } }", json!({})).await;
    assert_eq!(data["organization"], json!({"id": one["graphql_id"], "uuid": one["id"], "name": one["name"]}));
}

#[tokio::test]
async fn a_member_has_these_members() {
    let house = Installation::shared();
    let user = house.get("/v2/user").await.expect(200);
    let one = house.get(&format!("{ORGANIZATION}/members/{}", user["id"].as_str().unwrap())).await.expect(200);
    let expected =
        json!({"id": user["id"], "name": user["name"], "email": user["email"], "role": "admin", "sso_mode": null});
    assert_eq!(one, expected);
    let list = house.get(&format!("{ORGANIZATION}/members?per_page=100")).await.expect(200);
    assert!(list.as_array().unwrap().contains(&one), "{list:#}");
}

#[tokio::test]
async fn a_pipeline_has_these_members() {
    let house = Installation::shared();
    let one = house.get(&format!("{ORGANIZATION}/pipelines/my-pipeline")).await.expect(200);
    has(
        &one,
        "id graphql_id url web_url name description slug repository cluster_id branch_configuration default_branch \
         skip_queued_branch_builds skip_queued_branch_builds_filter cancel_running_branch_builds \
         cancel_running_branch_builds_filter allow_rebuilds provider builds_url badge_url created_by created_at \
         archived_at env scheduled_builds_count running_builds_count scheduled_jobs_count running_jobs_count \
         waiting_jobs_count visibility configuration",
    );
    has(&one["provider"], "id webhook_url settings");
    assert!(is_instant(&one["created_at"]) && one["visibility"] == "private", "{one:#}");
    for url in ["url", "builds_url"] {
        let path = one[url].as_str().unwrap().strip_prefix(house.gateway()).unwrap();
        house.get(path).await.expect(200);
    }
    let query = "{ pipeline(slug: \"my-organization/my-pipeline\") { id uuid url name repository { url } } }";
    let same = json!({"id": one["graphql_id"], "uuid": one["id"], "url": one["web_url"], "name": one["name"],
        "repository": {"url": one["repository"]}});
    assert_eq!(house.graphql(query, json!({})).await["pipeline"], same);
}

#[tokio::test]
async fn a_build_has_these_members() {
    let house = Installation::shared();
    let builds = format!("{ORGANIZATION}/pipelines/my-pipeline/builds");
    let body = json!({"commit": "HEAD", "branch": "main"});
    let made = house.rest(reqwest::Method::POST, &builds, Some(body)).await.expect(201);
    let members = "id graphql_id url web_url number state cancel_reason blocked message commit branch env source creator \
                   author jobs created_at scheduled_at started_at failing_at finished_at meta_data pull_request \
                   merge_queue rebuilt_from pipeline";
    has(&made, members);
    has(&made["creator"], USER);
    has(&made["author"], "name email");
    assert_eq!((&made["jobs"], &made["env"], &made["meta_data"]), (&json!([]), &json!({}), &json!({})));
    assert_eq!((&made["source"], &made["blocked"]), (&json!("api"), &json!(false)));
    for null in [
        "cancel_reason",
        "message",
        "started_at",
        "failing_at",
        "finished_at",
        "pull_request",
        "merge_queue",
        "rebuilt_from",
    ] {
        assert!(made[null].is_null(), "{null}");
    }
    assert!(is_instant(&made["created_at"]) && is_instant(&made["scheduled_at"]), "{made:#}");
    let path = made["url"].as_str().unwrap().strip_prefix(house.gateway()).unwrap();
    let read = house.get(path).await.expect(200);
    has(&read, members);
    assert_eq!(read["id"], made["id"]);
    // As a part of a build, a pipeline has all of its members.
    let pipeline = house.get(&format!("{ORGANIZATION}/pipelines/my-pipeline")).await.expect(200);
    has(&read["pipeline"], &pipeline.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" "));
    let again = house.rest(reqwest::Method::PUT, &format!("{path}/rebuild"), None).await.expect(200);
    assert_eq!(again["rebuilt_from"], json!({"id": made["id"], "number": made["number"], "url": made["url"]}));
    let query = "query($id: ID!) { node(id: $id) { ... on Build { uuid url number state } } }";
    let same = json!({"uuid": read["id"], "url": read["web_url"], "number": read["number"], "state": "SCHEDULED"});
    assert_eq!(house.graphql(query, json!({"id": read["graphql_id"]})).await["node"], same);
}
