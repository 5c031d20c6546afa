//! The documented page on ephemeral portal tokens, to the letter.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use kit::ambient::Ambient;
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use suite::{Answer, Fleet, Installation, Part, Portal, browser::form, count, credentials, grant, unique};

const QUERY: &str = "{ viewer { id } }";

/// The members of a reply.
const MEMBERS: [&str; 5] = ["access_token", "expires_at", "expires_in", "token", "token_type"];

fn instant(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_utc()
}

fn date(answer: &Answer) -> DateTime<Utc> {
    DateTime::parse_from_rfc2822(answer.header("date").unwrap()).unwrap().to_utc()
}

/// Fails unless this is the reply of section 5 for a life of `minutes`. Gives the token.
#[track_caller]
fn token_of(answer: &Answer, minutes: i64) -> String {
    let body = answer.expect(200);
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, MEMBERS, "{body:#}");
    assert_eq!(body["token"], body["access_token"]);
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["token"].as_str().unwrap().starts_with("bkpat_"), "not of the prefix");
    let text = body["expires_at"].as_str().unwrap();
    assert!(text.len() == "2026-01-01T12:15:00Z".len() && text.ends_with('Z'), "no whole seconds: {text}");
    let (seconds, left) = (body["expires_in"].as_i64().unwrap(), (instant(text) - date(answer)).num_seconds());
    assert!((minutes * 60 - 1..=minutes * 60).contains(&seconds), "{seconds} s for {minutes} min");
    assert!((minutes * 60 - 3..=minutes * 60 + 1).contains(&left), "it ends in {left} s, not in {minutes} min");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    body["token"].as_str().unwrap().to_owned()
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

#[tokio::test]
async fn the_documented_steps_work() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let created = house.rest(Method::POST, &credentials(&portal, "secrets"), Some(json!({"description": "CI"}))).await;
    let body = created.expect(201);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let secret = body["secret"].as_str().unwrap();
    assert!(secret.starts_with("bkps_"));
    let sent = with(grant(&portal, secret), "expires_in", json!(15));
    let token = token_of(&house.exchange(&portal, sent).await, 15);
    assert_eq!(house.call_with(&portal, &token).await.data()["viewer"]["id"].as_str().map(str::is_empty), Some(false));
}

#[tokio::test]
async fn a_secret_is_shown_once_and_listed_by_its_last_four() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret =
        house.issue(&portal, "secrets", json!({"description": "deploys", "expires_at": "2999-01-02T03:04:05Z"})).await;
    let expected = "uuid description last_four created_at created_by expires_at last_used_at secret";
    let members: BTreeSet<_> = secret.body.as_object().unwrap().keys().map(String::as_str).collect();
    for member in expected.split(' ') {
        assert!(members.contains(member), "no {member} in {members:?}");
    }
    assert_eq!(secret.body["last_four"], secret.value[secret.value.len() - 4..]);
    assert_eq!(secret.body["expires_at"], "2999-01-02T03:04:05.000Z");
    assert_eq!(secret.body["created_by"]["email"], house.bootstrap().text("email"));
    let mut shown = secret.body.clone();
    shown.as_object_mut().unwrap().remove("secret");
    let list = house.get(&credentials(&portal, "secrets")).await;
    assert_eq!(list.expect(200), json!([shown]));
    assert!(!list.text.contains(&secret.value));
    house.ephemeral(&portal, &secret).await;
    let used = house.get(&credentials(&portal, "secrets")).await.expect(200);
    assert!(used[0]["last_used_at"].is_string(), "{used:#}");
}

#[tokio::test]
async fn json_form_and_basic_are_three_ways_to_say_the_same() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await.value;
    let id = portal.uuid().to_owned();
    let (kind, form_type) = (("grant_type", "client_credentials"), "application/x-www-form-urlencoded");
    let as_form =
        |fields: &[(&str, &str)]| house.exchanging(&portal).header(CONTENT_TYPE, form_type).body(form(fields));
    let renamed = json!({"grant_type": kind.1, "client_id": id, "client_secret": secret, "expires_in": 15});
    let ways = [
        ("JSON", house.exchanging(&portal).json(&with(grant(&portal, &secret), "expires_in", json!(15)))),
        ("JSON with client_secret", house.exchanging(&portal).json(&renamed)),
        (
            "JSON and Basic",
            house
                .exchanging(&portal)
                .basic_auth(&id, Some(&secret))
                .json(&json!({"grant_type": kind.1, "expires_in": 15})),
        ),
        (
            "a form with client_secret",
            as_form(&[kind, ("client_id", &id), ("client_secret", &secret), ("expires_in", "15")]),
        ),
        ("a form with secret", as_form(&[kind, ("client_id", &id), ("secret", &secret), ("expires_in", "15")])),
        ("a form and Basic", as_form(&[kind, ("expires_in", "15")]).basic_auth(&id, Some(&secret))),
    ];
    for (way, request) in ways {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{way}: {answer:#?}");
        let token = token_of(&answer, 15);
        assert_eq!(house.call_with(&portal, &token).await.status, 200, "{way}");
    }
}

#[tokio::test]
async fn expires_in_is_minutes_from_one_to_sixty_and_nothing_is_clamped() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await.value;
    let body = |value: Value| with(grant(&portal, &secret), "expires_in", value);
    token_of(&house.exchange(&portal, grant(&portal, &secret)).await, 60);
    for (value, minutes) in [(Value::Null, 60), (json!(1), 1), (json!(60), 60)] {
        token_of(&house.exchange(&portal, body(value)).await, minutes);
    }
    let wrong =
        [json!(0), json!(61), json!(3600), json!(-1), json!(1.5), json!("15"), json!(true), json!([15]), json!({})];
    for value in wrong {
        let answer = house.exchange(&portal, body(value.clone())).await;
        assert_eq!(answer.status, 400, "{value}: {answer:#?}");
        assert_eq!(answer.error_code(400, "invalid_request")["error"], "invalid_request", "{value}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{value}");
    }
    let as_form = |value: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", portal.uuid()),
            ("client_secret", &secret),
            ("expires_in", value),
        ];
        house.exchanging(&portal).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(&fields))
    };
    token_of(&Answer::of(as_form("60")).await, 60);
    for value in ["0", "61", "3600", "1.5", "+5", "-1", "true", "null", "0x5", " 5"] {
        let answer = Answer::of(as_form(value)).await;
        assert_eq!(answer.status, 400, "{value:?}: {answer:#?}");
        answer.error_code(400, "invalid_request");
    }
}

#[tokio::test]
async fn two_secrets_rotate_without_an_outage_and_a_third_is_refused() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let old = house.secret(&portal).await;
    let of_old = house.ephemeral(&portal, &old).await;
    let new = house.secret(&portal).await;
    // Making the second disturbs nothing.
    for secret in [&old, &new] {
        let token = house.ephemeral(&portal, secret).await;
        house.call_with(&portal, &token).await.data();
    }
    let third = house.rest(Method::POST, &credentials(&portal, "secrets"), Some(json!({}))).await;
    assert!(third.error(422)["message"].as_str().unwrap().starts_with("Validation failed: "), "{third:#?}");
    let removed = house.remove(&portal, "secrets", &old.uuid, "?tokens=keep").await.expect(200);
    assert_eq!(removed, json!({"revoked_tokens": 0}));
    house.call_with(&portal, &of_old).await.data();
    house.exchange(&portal, grant(&portal, &old.value)).await.error_code(401, "invalid_client");
    house.ephemeral(&portal, &new).await;
    // The place is free again.
    house.secret(&portal).await;
}

#[tokio::test]
async fn removing_a_secret_ends_its_tokens_and_says_how_many() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let (removed, kept) = (house.secret(&portal).await, house.secret(&portal).await);
    let mut ended = Vec::new();
    for _ in 0..3 {
        ended.push(house.ephemeral(&portal, &removed).await);
    }
    let stays = house.ephemeral(&portal, &kept).await;
    for token in ended.iter().chain([&stays]) {
        house.call_with(&portal, token).await.data();
    }
    // With `wait` nobody accepts them any more when this is answered.
    let answer = house.remove(&portal, "secrets", &removed.uuid, "?wait=true").await;
    assert_eq!(answer.expect(200), json!({"revoked_tokens": 3}));
    for token in &ended {
        house.call_with(&portal, token).await.error_code(401, "authentication_required");
    }
    house.call_with(&portal, &stays).await.data();
    house.call(&portal, json!({})).await.data();
    house.remove(&portal, "secrets", &removed.uuid, "").await.error_code(404, "not_found");
    let other = house.portal_of(QUERY).await;
    house.remove(&other, "secrets", &kept.uuid, "").await.error_code(404, "not_found");
    house.ephemeral(&portal, &kept).await;
}

#[tokio::test]
async fn a_token_works_until_it_ends_and_not_longer() {
    let fleet = Fleet::start(suite::Split::fake_clocks);
    let portal = fleet.portal_of(QUERY).await;
    let secret = fleet.secret(&portal).await;
    let sent = with(grant(&portal, &secret.value), "expires_in", json!(1));
    let token = token_of(&fleet.exchange(&portal, sent).await, 1);
    let longer = fleet.ephemeral(&portal, &secret).await;
    let step = |offset| {
        for part in [Part::Token, Part::Portal, Part::Gateway] {
            fleet.split.step(part, offset);
        }
    };
    for (offset, status) in [("+0", 200), ("+45", 200), ("+61", 401), ("+10m", 401)] {
        step(offset);
        assert_eq!(fleet.call_with(&portal, &token).await.status, status, "{offset}");
    }
    // The verdict on this one was cached all the while: the instant counts, not the age of the verdict.
    for (offset, status) in [("+59m", 200), ("+61m", 401)] {
        step(offset);
        assert_eq!(fleet.call_with(&portal, &longer).await.status, status, "{offset}");
    }
}

#[tokio::test]
async fn an_expired_secret_exchanges_nothing_and_keeps_its_place() {
    let fleet = Fleet::start(suite::Split::fake_clocks);
    let portal = fleet.portal_of(QUERY).await;
    let soon = (Ambient::system().now() + TimeDelta::minutes(10)).to_rfc3339();
    let body = json!({"expires_at": soon});
    let secret = fleet.issue(&portal, "secrets", body).await;
    fleet.secret(&portal).await;
    fleet.ephemeral(&portal, &secret).await;
    fleet.split.step(Part::Token, "+11m");
    fleet.exchange(&portal, grant(&portal, &secret.value)).await.error_code(401, "invalid_client");
    fleet.rest(Method::POST, &credentials(&portal, "secrets"), Some(json!({}))).await.error(422);
    for past in ["2001-01-01T00:00:00Z", "tomorrow", "2999-01-01"] {
        let other = fleet.portal_of(QUERY).await;
        let sent = json!({"expires_at": past});
        fleet.rest(Method::POST, &credentials(&other, "secrets"), Some(sent)).await.error(422);
    }
}

#[tokio::test]
async fn a_portal_s_address_list_counts_for_calls_and_not_for_the_exchange() {
    let house = Installation::shared();
    let far = json!({"name": unique("far"), "query": QUERY, "allowed_ip_addresses": "192.0.2.1"});
    let portal: Portal = house.portal(far).await;
    let secret = house.secret(&portal).await;
    let token = house.ephemeral(&portal, &secret).await;
    house.call_with(&portal, &token).await.error_code(403, "ip_not_allowed");
}

#[tokio::test]
async fn tokens_of_one_secret_are_many_and_differ() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let mut tokens = BTreeSet::new();
    for _ in 0..count(5, 50) {
        assert!(tokens.insert(house.ephemeral(&portal, &secret).await), "the same token twice");
    }
}
