//! Credentials in URLs end up in logs and histories (S10): every kind of route refuses them, and our own log doesn't have them.

use kit::credential::{Kind, Plain};
use reqwest::Method;
use serde_json::json;
use suite::{Answer, Caller, Installation, PORTALS, leaks, path};

/// Spellings of a parameter that is named like a credential, with a value that isn't one.
const NAMED: [&str; 12] = [
    "access_token=x",
    "token=x",
    "secret=x",
    "client_secret=x",
    "api_key=x",
    "password=x",
    "authorization=Bearer%20x",
    "ACCESS_TOKEN=x",
    "%61ccess_token=x",
    "access%5Ftoken=x",
    "page=1&token=x",
    "token",
];

/// A route of each kind, and what a refusal looks like there.
fn routes() -> Vec<(Method, String)> {
    let portal = path("any");
    vec![
        (Method::POST, portal.clone()),
        (Method::POST, format!("{portal}/")),
        (Method::POST, format!("{portal}/tokens")),
        (Method::POST, format!("{portal}/codes")),
        (Method::GET, PORTALS.to_owned()),
        (Method::POST, PORTALS.to_owned()),
        (Method::GET, "/v2/user".to_owned()),
        (Method::DELETE, "/v2/access-token".to_owned()),
        (Method::POST, "/graphql".to_owned()),
        (Method::POST, "/v1".to_owned()),
        (Method::POST, "/secret_scanning".to_owned()),
        (Method::GET, "/".to_owned()),
        (Method::GET, "/.well-known/jwks.json".to_owned()),
        (Method::GET, "/console/sign-in".to_owned()),
        (Method::GET, "/console/authorize".to_owned()),
        (Method::POST, "/portals.token.v1.TokenService/GetAuthenticatedUser".to_owned()),
    ]
}

async fn refused(house: &Caller, method: &Method, url: &str) {
    let request = house.request(method.clone(), url).bearer_auth(house.api_token());
    let is_grpc = url.starts_with("/portals.");
    let kind = if is_grpc { "application/grpc-web+proto" } else { "application/json" };
    let request = request.header("content-type", kind);
    let body = if is_grpc { vec![0; 5] } else { b"{}".to_vec() };
    let answer = Answer::of(if *method == Method::POST { request.body(body) } else { request }).await;
    if is_grpc {
        assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("3")), "{url}: {answer:#?}");
    } else if url.starts_with("/console") {
        assert!(answer.status == 400 && answer.text.contains("belong in a URL"), "{method} {url}: {answer:#?}");
    } else {
        answer.error_code(400, "credential_in_url");
    }
}

#[tokio::test]
async fn every_kind_of_route_refuses_credentials_in_the_query() {
    let house = Installation::shared();
    for (method, route) in routes() {
        for query in NAMED {
            refused(&house, &method, &format!("{route}?{query}")).await;
        }
    }
}

#[tokio::test]
async fn what_has_the_form_of_a_credential_is_refused_under_any_name_and_never_logged() {
    let house = Installation::start_with(&[("RUST_LOG", "trace")]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await.value;
    let unknown = Plain::token("acme", Kind::Portal, &[0x5a; 32]);
    let api = house.api_token();
    for token in [portal.token.as_str(), &secret, api, unknown.expose()] {
        let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (method, route) in routes() {
            for query in [format!("q={token}"), format!("q=Bearer+{token}"), format!("a=b&q={encoded}")] {
                refused(&house, &method, &format!("{route}?{query}")).await;
            }
        }
        for place in
            [format!("/organizations/my-organization/portals/{token}"), format!("/organizations/{encoded}/portals/x")]
        {
            refused(&house, &Method::POST, &place).await;
        }
        for place in [format!("{PORTALS}/{token}"), format!("{PORTALS}/x/versions/{encoded}")] {
            refused(&house, &Method::GET, &place).await;
        }
        // Nobody knows these routes; a credential is one there, too.
        for place in [format!("/{token}"), format!("/x/{encoded}/y"), format!("/x?token={token}")] {
            Answer::of(house.request(Method::GET, &place)).await.error_code(400, "credential_in_url");
        }
        Answer::of(house.request(Method::GET, &format!("{}?q={token}", path("any")))).await.error(405);
    }
    let secrets = [
        ("portal token", portal.token.as_str()),
        ("secret", &secret),
        ("API token", api),
        ("unknown", unknown.expose()),
    ];
    let log = house.process().stderr();
    assert!(log.contains("(redacted)"), "no redacted path in the log");
    assert_eq!(leaks::find(log.as_bytes(), &secrets, "the log"), Vec::<String>::new());
    let encoded: String = portal.token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert!(!log.contains(&encoded), "percent-encoded, the token is in the log");
    house.call(&portal, json!({})).await.data();
}
