//! Ephemeral and user tokens that live: listed, removed one by one and all at once.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Installation, Portal, credentials};

const QUERY: &str = "{ viewer { id } }";

async fn list(house: &Installation, portal: &Portal) -> Vec<Value> {
    house.get(&credentials(portal, "live_tokens")).await.expect(200).as_array().unwrap().clone()
}

async fn revoke_all(house: &Installation, portal: &Portal) -> Value {
    let path = format!("{}?wait=true", credentials(portal, "revoke_all"));
    house.rest(Method::POST, &path, None).await.expect(200)
}

#[tokio::test]
async fn live_tokens_are_listed_newest_first_and_without_their_value() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    assert_eq!(list(&house, &portal).await, Vec::<Value>::new(), "a service token is none");
    let tokens = [house.ephemeral(&portal, &secret).await, house.ephemeral(&portal, &secret).await];
    let answer = house.get(&credentials(&portal, "live_tokens")).await;
    let listed = answer.expect(200);
    let last_fours: Vec<_> = listed.as_array().unwrap().iter().map(|token| token["last_four"].clone()).collect();
    assert_eq!(last_fours, [&tokens[1], &tokens[0]].map(|token| json!(token[token.len() - 4..])));
    for token in &tokens {
        assert!(!answer.text.contains(token.as_str()), "a value in the list");
    }
    for member in ["uuid", "kind", "last_four", "created_at", "created_by", "expires_at", "last_used_at"] {
        assert!(listed[0].get(member).is_some(), "no {member} in {listed:#}");
    }
    assert_eq!(listed[0]["kind"], "ephemeral");
}

#[tokio::test]
async fn one_that_is_removed_is_refused_and_the_others_go_on() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let (stays, goes) = (house.ephemeral(&portal, &secret).await, house.ephemeral(&portal, &secret).await);
    house.call_with(&portal, &goes).await.data();
    let uuid = list(&house, &portal).await[0]["uuid"].as_str().unwrap().to_owned();
    house.remove(&portal, "live_tokens", &uuid, "?wait=true").await.expect(204);
    house.call_with(&portal, &goes).await.error_code(401, "authentication_required");
    house.call_with(&portal, &stays).await.data();
    house.remove(&portal, "live_tokens", &uuid, "").await.error_code(404, "not_found");
    assert_eq!(list(&house, &portal).await.len(), 1);
}

#[tokio::test]
async fn all_of_a_portal_are_revoked_at_once_and_nothing_else_is() {
    let house = Installation::shared();
    let (portal, other) = (house.portal_of(QUERY).await, house.portal_of(QUERY).await);
    let (secret, of_other) = (house.secret(&portal).await, house.secret(&other).await);
    let mut tokens = Vec::new();
    for _ in 0..3 {
        tokens.push(house.ephemeral(&portal, &secret).await);
    }
    let elsewhere = house.ephemeral(&other, &of_other).await;
    for token in &tokens {
        house.call_with(&portal, token).await.data();
    }
    assert_eq!(revoke_all(&house, &portal).await, json!({"revoked_tokens": 3}));
    for token in &tokens {
        house.call_with(&portal, token).await.error_code(401, "authentication_required");
    }
    house.call_with(&other, &elsewhere).await.data();
    house.call(&portal, json!({})).await.data();
    assert_eq!(revoke_all(&house, &portal).await, json!({"revoked_tokens": 0}));
    assert_eq!(list(&house, &portal).await, Vec::<Value>::new());
    // The secret is still good.
    let again = house.ephemeral(&portal, &secret).await;
    house.call_with(&portal, &again).await.data();
}

#[tokio::test]
async fn a_service_token_is_no_live_token() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let token = house.issue(&portal, "service_tokens", json!({})).await;
    house.remove(&portal, "live_tokens", &token.uuid, "").await.error_code(404, "not_found");
    house.call_with(&portal, &token.value).await.data();
}

#[tokio::test]
async fn a_removed_portal_takes_all_its_credentials_with_it() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let token = house.ephemeral(&portal, &secret).await;
    house.rest(Method::DELETE, &format!("{}/{}", suite::PORTALS, portal.slug), None).await.expect(204);
    let again = house.portal(json!({"name": "again", "slug": portal.slug, "query": QUERY})).await;
    for credential in [&token, &portal.token] {
        house.call_with(&again, credential).await.error(401);
    }
    house.exchange(&again, suite::grant(&portal, &secret.value)).await.error_code(401, "invalid_client");
    house.exchange(&again, suite::grant(&again, &secret.value)).await.error_code(401, "invalid_client");
    house.call(&again, json!({})).await.data();
}
