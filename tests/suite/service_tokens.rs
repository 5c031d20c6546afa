//! Service tokens: several per portal, listed without their value, removed for good.

use std::net::IpAddr;

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Fleet, Installation, Part, Portal, Split, credentials, path};

const QUERY: &str = "{ viewer { id } }";

/// The most that a portal may have.
const MOST: usize = 10;

async fn list(house: &Installation, portal: &Portal) -> Vec<Value> {
    house.get(&credentials(portal, "service_tokens")).await.expect(200).as_array().unwrap().clone()
}

#[tokio::test]
async fn the_token_of_the_creation_is_the_first_of_several() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let first = list(&house, &portal).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["last_four"], portal.token[portal.token.len() - 4..]);
    let second = house.issue(&portal, "service_tokens", json!({"description": "the other one"})).await;
    assert_eq!(second.body["description"], "the other one");
    assert_eq!((&second.body["expires_at"], &second.body["allowed_ip_addresses"]), (&Value::Null, &Value::Null));
    let both = list(&house, &portal).await;
    let mut shown = second.body.clone();
    shown.as_object_mut().unwrap().remove("token");
    assert_eq!((both.len(), &both[1]), (2, &shown), "oldest first, without the value");
    for token in [&portal.token, &second.value] {
        house.call_with(&portal, token).await.data();
    }
}

#[tokio::test]
async fn a_removed_token_is_refused_and_the_others_go_on() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let token = house.issue(&portal, "service_tokens", json!({})).await;
    house.call_with(&portal, &token.value).await.data();
    house.remove(&portal, "service_tokens", &token.uuid, "?wait=true").await.expect(204);
    house.call_with(&portal, &token.value).await.error_code(401, "authentication_required");
    house.call(&portal, json!({})).await.data();
    assert_eq!(list(&house, &portal).await.len(), 1);
    house.remove(&portal, "service_tokens", &token.uuid, "").await.error_code(404, "not_found");
    let first = list(&house, &portal).await[0]["uuid"].as_str().unwrap().to_owned();
    house.remove(&portal, "service_tokens", &first, "?wait=true").await.expect(204);
    house.call(&portal, json!({})).await.error(401);
    assert_eq!(list(&house, &portal).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_portal_has_ten_at_most() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for _ in 1..MOST {
        house.issue(&portal, "service_tokens", json!({})).await;
    }
    let over = house.rest(Method::POST, &credentials(&portal, "service_tokens"), Some(json!({}))).await;
    assert!(over.error(422)["message"].as_str().unwrap().starts_with("Validation failed: "), "{over:#?}");
    assert_eq!(list(&house, &portal).await.len(), MOST);
}

#[tokio::test]
async fn a_token_s_own_address_list_counts() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let body = json!({"allowed_ip_addresses": "127.0.0.2/32 2001:db8::/32"});
    let token = house.issue(&portal, "service_tokens", body).await;
    assert_eq!(token.body["allowed_ip_addresses"], "127.0.0.2/32 2001:db8::/32");
    house.call_with(&portal, &token.value).await.error_code(403, "ip_not_allowed");
    let from = house.request_from(IpAddr::from([127, 0, 0, 2]), Method::POST, &path(&portal.slug));
    Answer::of(from.bearer_auth(&token.value).json(&json!({}))).await.data();
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn what_a_token_cannot_be_is_refused_by_field() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for (member, value) in [
        ("description", json!("x".repeat(256))),
        ("description", json!(1)),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("allowed_ip_addresses", json!("10.0.0.1/8")),
        ("allowed_ip_addresses", json!("nonsense")),
        ("allowed_ip_addresses", json!(["10.0.0.1"; 25].join(" "))),
    ] {
        let mut body = json!({});
        body[member] = value.clone();
        let answer = house.rest(Method::POST, &credentials(&portal, "service_tokens"), Some(body)).await;
        answer.error_code(422, "validation_failed");
        assert!(answer.fields().contains(member), "{member} {value}: {answer:#?}");
    }
    // What isn't a field sets nothing (S22).
    let more = json!({"kind": "user", "uuid": "x", "token": "x", "created_by": {}, "portal_uuid": "x"});
    let token = house.issue(&portal, "service_tokens", more).await;
    house.call_with(&portal, &token.value).await.data();
}

#[tokio::test]
async fn a_token_ends_when_it_said() {
    let fleet = Fleet::start(Split::fake_clocks);
    let portal = fleet.portal_of(QUERY).await;
    let expires_at = (kit::ambient::Ambient::system().now() + chrono::TimeDelta::minutes(10)).to_rfc3339();
    let token = fleet.issue(&portal, "service_tokens", json!({"expires_at": expires_at})).await;
    fleet.call_with(&portal, &token.value).await.data();
    for part in [Part::Token, Part::Portal] {
        fleet.split.step(part, "+11m");
    }
    fleet.call_with(&portal, &token.value).await.error_code(401, "authentication_required");
    fleet.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let unknown = Portal { slug: "no-such-portal".to_owned(), ..portal.clone() };
    for kind in ["service_tokens", "secrets", "live_tokens"] {
        let path = credentials(&unknown, kind);
        assert_eq!(house.get(&path).await.error_code(404, "not_found")["message"], "No portal found");
        house.remove(&portal, kind, "nonsense", "").await.error_code(404, "not_found");
        house.remove(&portal, kind, portal.uuid(), "").await.error_code(404, "not_found");
    }
    for kind in ["service_tokens", "secrets"] {
        house.rest(Method::POST, &credentials(&unknown, kind), Some(json!({}))).await.error_code(404, "not_found");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for _ in 0..3 {
        house.issue(&portal, "service_tokens", json!({})).await;
    }
    let all = list(&house, &portal).await;
    let path = credentials(&portal, "service_tokens");
    let page = house.get(&format!("{path}?page=2&per_page=3")).await;
    assert_eq!(page.expect(200), json!([all[3]]));
    assert!(page.header("link").unwrap().contains("rel=\"prev\""), "{page:#?}");
    let first = house.get(&format!("{path}?per_page=3")).await;
    assert_eq!(first.expect(200), json!(all[..3]));
    assert!(first.header("link").unwrap().contains("rel=\"next\""), "{first:#?}");
}
