//! What `/tokens` refuses, and that nobody learns from a refusal which part was wrong (S5).

use base64::{Engine, engine::general_purpose};
use kit::credential::{Kind, Plain};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use suite::{Answer, Installation, Issued, Portal, browser::form, grant, path, raw};

const QUERY: &str = "{ viewer { id } }";
const NOBODY: &str = "018f2b5e-0000-7000-8000-000000000000";

/// The whole answer to an exchange, with the request id and the date masked.
fn answer(house: &Installation, path: &str, headers: &[&str], body: &Value) -> String {
    let headers = [&["Content-Type: application/json"], headers].concat();
    let request = raw::request(&format!("POST {path}/tokens"), &headers, &body.to_string());
    raw::masked(&raw::exchange(house.bootstrap().address("gateway"), &request).unwrap())
}

#[track_caller]
fn all_equal(answers: &[(&str, String)]) {
    let (first, expected) = &answers[0];
    for (what, answer) in answers {
        assert_eq!(answer, expected, "{what} differs from {first}");
    }
}

fn basic(id: &str, secret: &str) -> String {
    let pair = general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    format!("Authorization: Basic {pair}")
}

/// What a refused exchange is called, its path, client id and secret.
type Case = (&'static str, String, String, String);

/// A portal with a secret that works, and every way to be refused.
async fn cases(house: &Installation) -> (Portal, Issued, Vec<Case>) {
    let (portal, other, removed) =
        (house.portal_of(QUERY).await, house.portal_of(QUERY).await, house.portal_of(QUERY).await);
    let [good, foreign, gone, of_removed] = [
        house.secret(&portal).await,
        house.secret(&other).await,
        house.secret(&portal).await,
        house.secret(&removed).await,
    ];
    house.remove(&portal, "secrets", &gone.uuid, "").await.expect(200);
    house.rest(Method::DELETE, &format!("{}/{}", suite::PORTALS, removed.slug), None).await.expect(204);
    let unknown = Plain::secret("bk", [9; 6], &[9; 32]).expose().to_owned();
    let mut random = [7; 32];
    random[0] = 1;
    let wrong = same_selector(&good.value, &random);
    let token = Plain::token("bk", Kind::Portal, &[9; 32]).expose().to_owned();
    let (here, id) = (path(&portal.slug), portal.uuid().to_owned());
    let case = |what, path: &str, id: &str, secret: &str| (what, path.to_owned(), id.to_owned(), secret.to_owned());
    let cases = vec![
        case("a wrong secret of a known selector", &here, &id, &wrong),
        case("an unknown secret", &here, &id, &unknown),
        case("a secret of no form", &here, &id, "nonsense"),
        case("a token", &here, &id, &token),
        case("an API access token", &here, &id, house.api_token()),
        case("a service token", &here, &id, &portal.token),
        case("a removed secret", &here, &id, &gone.value),
        case("another portal's secret", &here, &id, &foreign.value),
        case("another portal's client id", &here, other.uuid(), &good.value),
        case("another portal's client id and secret", &here, other.uuid(), &foreign.value),
        case("another portal's path", &path(&other.slug), &id, &good.value),
        case("an unknown client id", &here, NOBODY, &good.value),
        case("the nil client id", &here, "00000000-0000-0000-0000-000000000000", &good.value),
        case("a client id that is no UUID", &here, "nonsense", &good.value),
        case("an unknown portal", &path("no-such-portal"), &id, &good.value),
        case("an unknown organization", "/organizations/nobody/portals/x", &id, &good.value),
        case("an odd path", &path("No%20Slug"), &id, &good.value),
        case("a deleted portal", &path(&removed.slug), removed.uuid(), &of_removed.value),
    ];
    (portal, good, cases)
}

/// Another secret with the selector of this one, and a right checksum.
fn same_selector(secret: &str, random: &[u8; 32]) -> String {
    let selector = &secret[5..14];
    let bytes = selector.bytes().fold(0_u128, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            _ => digit - b'a' + 36,
        };
        number * 62 + u128::from(digit)
    });
    let selector_bytes: [u8; 6] = bytes.to_be_bytes()[10..].try_into().unwrap();
    let made = Plain::secret("bk", selector_bytes, random).expose().to_owned();
    assert_eq!(&made[5..14], selector, "the selector was read wrongly");
    made
}

#[tokio::test]
async fn every_wrong_credential_is_answered_with_the_same_bytes() {
    let house = Installation::shared();
    let (portal, good, cases) = cases(&house).await;
    let sent = |id: &str, secret: &str| json!({"grant_type": "client_credentials", "client_id": id, "secret": secret});
    let in_body: Vec<_> =
        cases.iter().map(|(what, path, id, secret)| (*what, answer(&house, path, &[], &sent(id, secret)))).collect();
    all_equal(&in_body);
    let said = in_body[0].1.to_lowercase();
    assert_eq!(raw::status(&in_body[0].1), 401);
    assert!(said.contains("\"error\":\"invalid_client\"") && said.contains("cache-control: no-store"), "{said}");
    assert!(!said.contains("www-authenticate") && !said.contains("ratelimit"), "{said}");
    let only_grant = json!({"grant_type": "client_credentials"});
    let with_basic: Vec<_> = cases
        .iter()
        .map(|(what, path, id, secret)| (*what, answer(&house, path, &[&basic(id, secret)], &only_grant)))
        .collect();
    all_equal(&with_basic);
    assert!(with_basic[0].1.to_lowercase().contains("www-authenticate: basic"), "{}", with_basic[0].1);
    assert_eq!(raw::status(&with_basic[0].1), 401);
    house.ephemeral(&portal, &good).await;
}

#[tokio::test]
async fn the_error_has_the_members_of_rfc_6749_and_ours() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let refused = house.exchange(&portal, grant(&portal, "nonsense")).await;
    let body = refused.error_code(401, "invalid_client");
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "error", "error_description", "message", "request_id"]);
    assert_eq!((&body["error"], &body["error_description"]), (&body["code"], &body["message"]));
    assert_eq!(refused.header("portal-error-source"), Some("gateway"));
}

#[tokio::test]
async fn what_is_missing_or_double_is_an_invalid_request() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await.value;
    let good = grant(&portal, &secret);
    let without = |member: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(member);
        body
    };
    for body in [without("grant_type"), without("client_id"), without("secret"), json!({}), json!([]), json!("x")] {
        let answer = house.exchange(&portal, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:#?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    for (body, error) in [(without("grant_type"), "invalid_request"), (without("client_id"), "invalid_request")] {
        house.exchange(&portal, body).await.error_code(400, error);
    }
    let twice = Answer::of(house.exchanging(&portal).basic_auth(portal.uuid(), Some(&secret)).json(&good)).await;
    twice.error_code(400, "invalid_request");
    for kind in ["password", "authorization_code", "", "CLIENT_CREDENTIALS"] {
        let mut body = good.clone();
        body["grant_type"] = json!(kind);
        let answer = house.exchange(&portal, body).await;
        assert!(kind.is_empty() || answer.error(400)["code"] == "unsupported_grant_type", "{kind}: {answer:#?}");
        assert_eq!(answer.status, 400);
    }
    let doubled = form(&[("client_id", portal.uuid()), ("client_secret", &secret)]);
    let doubled = format!("grant_type=client_credentials&grant_type=client_credentials&{doubled}");
    let request = house.exchanging(&portal).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(doubled);
    Answer::of(request).await.error_code(400, "invalid_request");
    house.exchange(&portal, good).await.expect(200);
}

#[tokio::test]
async fn method_type_and_size_are_checked_before_anything_else() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let tokens = format!("{}/tokens", path(&portal.slug));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = Answer::of(house.request(method, &tokens)).await;
        answer.error(405);
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let plain = house.exchanging(&portal).header(CONTENT_TYPE, "text/plain").body("{}");
    Answer::of(plain).await.error(415);
    let big = json!({"grant_type": "client_credentials", "padding": "x".repeat(4 << 10)});
    house.exchange(&portal, big).await.error(413);
    let in_url = house.request(Method::POST, &format!("{tokens}?client_secret=x")).json(&json!({}));
    Answer::of(in_url).await.error_code(400, "credential_in_url");
}

#[tokio::test]
async fn unknown_members_and_charsets_do_not_matter() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await.value;
    let mut body = grant(&portal, &secret);
    body["scope"] = json!("anything");
    body["kind"] = json!("service");
    let request = house.exchanging(&portal).header(CONTENT_TYPE, "application/json; charset=utf-8");
    let answer = Answer::of(request.body(body.to_string())).await;
    assert_eq!(answer.expect(200)["expires_in"].as_i64().map(|seconds| (3_599..=3_600).contains(&seconds)), Some(true));
}
