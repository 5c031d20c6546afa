//! Who belongs to an organization: listed, added, changed, removed, and what ends with a membership.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Browser, Installation, PORTALS, admin::User};

const ORGANIZATION: &str = "/v2/organizations/my-organization";

fn member(house: &Installation, role: &str) -> (User, String) {
    let user = house.admin().user_as(role, "member");
    let token = house.admin().api_token(&user);
    (user, token)
}

async fn id_of(house: &Installation, user: &User) -> String {
    let all = house.get(&format!("{ORGANIZATION}/members?per_page=100")).await.expect(200);
    let found = all.as_array().unwrap().iter().find(|member| member["email"] == user.email);
    found.unwrap_or_else(|| panic!("{} isn't in {all:#}", user.email))["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn members_are_listed_and_read() {
    let house = Installation::shared();
    let (user, _) = member(&house, "member");
    let id = id_of(&house, &user).await;
    let one = house.get(&format!("{ORGANIZATION}/members/{id}")).await.expect(200);
    for (name, value) in
        [("id", json!(id)), ("email", json!(user.email)), ("role", json!("member")), ("sso_mode", Value::Null)]
    {
        assert_eq!(one[name], value, "{name} of {one:#}");
    }
    assert!(one["name"].is_string());
    for unknown in ["nonsense", "018f2b5e-0000-7000-8000-000000000000"] {
        house.get(&format!("{ORGANIZATION}/members/{unknown}")).await.error_code(404, "not_found");
    }
}

#[tokio::test]
async fn an_administrator_adds_changes_and_removes() {
    let house = Installation::start();
    let members = format!("{ORGANIZATION}/members");
    let body = json!({"email": "  New.One@Example.com ", "name": "New One", "role": "member"});
    let made = house.rest(Method::POST, &members, Some(body.clone())).await.expect(201);
    assert_eq!((&made["email"], &made["role"]), (&json!("new.one@example.com"), &json!("member")));
    house.rest(Method::POST, &members, Some(body)).await.error_code(422, "validation_failed");
    let one = format!("{members}/{}", made["id"].as_str().unwrap());
    let changed = house.rest(Method::PATCH, &one, Some(json!({"role": "admin"}))).await.expect(200);
    assert_eq!(changed["role"], "admin");
    house.rest(Method::PATCH, &one, Some(json!({"role": "owner"}))).await.error_code(422, "validation_failed");
    house.rest(Method::DELETE, &one, None).await.expect(204);
    house.get(&one).await.error_code(404, "not_found");
    house.rest(Method::DELETE, &one, None).await.error_code(404, "not_found");
    for wrong in [json!({}), json!({"email": "nonsense", "name": "x"}), json!({"email": 1})] {
        house.rest(Method::POST, &members, Some(wrong)).await.error_code(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_member_changes_nothing() {
    let house = Installation::shared();
    let (user, token) = member(&house, "member");
    let (caller, id) = (house.with(&token), id_of(&house, &user).await);
    caller.get(&format!("{ORGANIZATION}/members")).await.expect(200);
    let one = format!("{ORGANIZATION}/members/{id}");
    let make = json!({"email": "a@example.com", "name": "a", "role": "admin"});
    for answer in [
        caller.rest(Method::POST, &format!("{ORGANIZATION}/members"), Some(make)).await,
        caller.rest(Method::PATCH, &one, Some(json!({"role": "admin"}))).await,
        caller.rest(Method::DELETE, &one, None).await,
    ] {
        answer.error_code(403, "forbidden");
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let house = Installation::start();
    let me = house.get("/v2/user").await.expect(200)["id"].as_str().unwrap().to_owned();
    let one = format!("{ORGANIZATION}/members/{me}");
    house.rest(Method::DELETE, &one, None).await.error(422);
    house.rest(Method::PATCH, &one, Some(json!({"role": "member"}))).await.error(422);
    house.get(PORTALS).await.expect(200);
    member(&house, "admin");
    house.rest(Method::PATCH, &one, Some(json!({"role": "member"}))).await.expect(200);
    house.create(json!({"name": "x", "query": "{ viewer { id } }"})).await.error_code(403, "forbidden");
}

#[tokio::test]
async fn with_the_membership_ends_what_acted_for_the_user_there() {
    let house = Installation::shared();
    let (user, token) = member(&house, "admin");
    let caller = house.with(&token);
    let portal = caller.portal_of("{ viewer { id } }").await;
    let id = id_of(&house, &user).await;
    house.rest(Method::DELETE, &format!("{ORGANIZATION}/members/{id}"), None).await.expect(204);
    caller.get(ORGANIZATION).await.error_code(404, "not_found");
    caller.get(PORTALS).await.error_code(404, "not_found");
    // The portal is the organization's.
    house.call(&portal, json!({})).await.data();
    // They can still sign in, and belong nowhere.
    let browser = Browser::signed_in(&house, &user.email, &user.password).await;
    let page = browser.open("/console/").await;
    assert!(page.status == 200 && !page.text.contains("my-organization"), "{page:#?}");
}
