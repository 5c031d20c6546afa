//! Every failure of authentication looks alike: one 401 in two fixed forms.

use kit::credential::{Kind, Plain};
use reqwest::Method;
use serde_json::json;
use suite::{Answer, Installation, PORTALS, path, raw};

const QUERY: &str = "{ viewer { id } }";

/// The whole answer to a call, with the request id and the date masked.
fn answer(house: &Installation, path: &str, authorization: Option<&str>) -> String {
    let authorization = authorization.map(|value| format!("Authorization: {value}"));
    let headers: Vec<&str> = ["Content-Type: application/json"].into_iter().chain(authorization.as_deref()).collect();
    let request = raw::request(&format!("POST {path}"), &headers, "{}");
    raw::masked(&raw::exchange(house.bootstrap().address("gateway"), &request).unwrap())
}

#[track_caller]
fn all_equal(answers: &[(String, String)]) {
    let (first, expected) = &answers[0];
    for (what, answer) in answers {
        assert_eq!(answer, expected, "{what} differs from {first}");
    }
}

#[track_caller]
fn has_line(answer: &str, line: &str) {
    assert!(answer.lines().any(|found| found.eq_ignore_ascii_case(line)), "no {line:?} in {answer}");
}

#[tokio::test]
async fn without_authorization_all_answers_are_the_same_bytes() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let paths =
        [path(&portal.slug), path("no-such-portal"), "/organizations/nobody/portals/x".to_owned(), path("No%20Slug")];
    let answers: Vec<_> = paths.iter().map(|path| (path.clone(), answer(&house, path, None))).collect();
    all_equal(&answers);
    assert_eq!(raw::status(&answers[0].1), 401);
    has_line(&answers[0].1, "WWW-Authenticate: Bearer realm=\"portal\"");
    has_line(&answers[0].1, "Portal-Error-Source: gateway");
    assert!(!answers[0].1.to_lowercase().contains("ratelimit"));
}

#[tokio::test]
async fn with_authorization_all_answers_are_the_same_bytes() {
    let house = Installation::shared();
    let (portal, other, deleted) =
        (house.portal_of(QUERY).await, house.portal_of(QUERY).await, house.portal_of(QUERY).await);
    house.rest(Method::DELETE, &format!("{PORTALS}/{}", deleted.slug), None).await.expect(204);
    let bearer = |token: &str| format!("Bearer {token}");
    let unknown = Plain::token("bk", Kind::Portal, &[9; 32]);
    let secret = Plain::secret("bk", [9; 6], &[9; 32]);
    let mistyped = format!("{}0", &portal.token[..portal.token.len() - 1]);
    let mistyped = if mistyped == portal.token { mistyped.replace("bkpat_", "bkpat_1") } else { mistyped };
    let here = path(&portal.slug);
    let cases = [
        ("another portal's token", &here, bearer(&other.token)),
        ("no token", &here, "Bearer".to_owned()),
        ("a token of no form", &here, bearer("nonsense")),
        ("a long token", &here, bearer(&"a".repeat(4000))),
        ("a mistyped token", &here, bearer(&mistyped)),
        ("an unknown token", &here, bearer(unknown.expose())),
        ("a secret", &here, bearer(secret.expose())),
        ("an API access token", &here, bearer(house.api_token())),
        ("another scheme", &here, format!("Basic {}", portal.token)),
        ("no scheme", &here, portal.token.clone()),
        ("the token twice", &here, format!("{}, {}", bearer(&portal.token), bearer(&portal.token))),
        ("a deleted portal's token there", &path(&deleted.slug), bearer(&deleted.token)),
        ("a deleted portal's token here", &here, bearer(&deleted.token)),
        ("an unknown portal", &path("no-such-portal"), bearer(&portal.token)),
        ("an unknown organization", &"/organizations/nobody/portals/x".to_owned(), bearer(&portal.token)),
        ("an odd path", &path("No%20Slug%00"), bearer(&portal.token)),
    ]
    .map(|(what, path, authorization)| (what.to_owned(), answer(&house, path, Some(&authorization))));
    all_equal(&cases);
    let expected = &cases[0].1;
    assert_eq!(raw::status(expected), 401);
    has_line(expected, "WWW-Authenticate: Bearer realm=\"portal\", error=\"invalid_token\"");
    has_line(expected, "Portal-Error-Source: gateway");
    assert!(!expected.to_lowercase().contains("ratelimit"));
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn the_body_of_the_401_is_the_documented_one() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for authorization in [None, Some("Bearer nonsense")] {
        let request = house.request(Method::POST, &path(&portal.slug)).json(&json!({}));
        let request = authorization.into_iter().fold(request, |request, value| request.header("Authorization", value));
        let body = Answer::of(request).await.error_code(401, "authentication_required");
        assert_eq!(body["message"], "Authentication required. Please supply a valid portal token");
        let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["code", "message", "request_id"]);
    }
}

#[tokio::test]
async fn a_401_is_the_same_when_limits_are_on_and_spends_nothing() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1000")]);
    let portal = house.portal_of(QUERY).await;
    let here = path(&portal.slug);
    let answers: Vec<_> =
        [&here, &path("none")].map(|path| (path.clone(), answer(&house, path, Some("Bearer nonsense")))).to_vec();
    all_equal(&answers);
    assert!(!answers[0].1.to_lowercase().contains("ratelimit"));
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for scheme in ["bearer", "BEARER"] {
        let request = house.request(Method::POST, &path(&portal.slug));
        Answer::of(request.header("Authorization", format!("{scheme} {}", portal.token))).await.data();
    }
}

#[tokio::test]
async fn two_authorization_headers_are_no_credential() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let header = format!("Authorization: Bearer {}", portal.token);
    let request = raw::request(&format!("POST {}", path(&portal.slug)), &[&header, "Authorization: Bearer x"], "");
    let answer = raw::exchange(house.bootstrap().address("gateway"), &request).unwrap();
    assert!([400, 401].contains(&raw::status(&answer)), "{answer}");
}

#[tokio::test]
async fn a_portal_token_opens_nothing_but_its_portal() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    for (method, path) in [
        (Method::GET, "/v2/user".to_owned()),
        (Method::GET, "/v2/organizations".to_owned()),
        (Method::GET, PORTALS.to_owned()),
        (Method::DELETE, format!("{PORTALS}/{}", portal.slug)),
        (Method::POST, "/graphql".to_owned()),
    ] {
        let request =
            house.request(method, &path).bearer_auth(&portal.token).json(&json!({"query": "{ viewer { id } }"}));
        Answer::of(request).await.error(401);
    }
    house.call(&portal, json!({})).await.data();
}
