//! The management services in a browser's language, with a client that isn't ours: Connect-Web from npm, its code made of
//! the contracts.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Browser, Caller, Fleet, Installation, Part, clients, unique};

const LIST: &str = "/portals.registry.v1.RegistryService/ListPortals";

#[track_caller]
fn refused(outcome: &Value, code: &str, reason: &str) {
    let expected = (&json!(code), &json!(reason), &json!("portals"));
    assert_eq!((&outcome["code"], &outcome["reason"], &outcome["domain"]), expected, "{outcome:#}");
}

#[tokio::test]
async fn connect_web_administers_portals() {
    let house = Installation::shared();
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let (cookie, session) = browser.cookies().remove(0);
    let name = unique("by-grpc-web");
    let input = json!({"token": house.api_token(), "cookie": format!("{cookie}={session}"), "name": name});
    let ran = clients::connect_web("grpc_web.mjs", &[house.gateway()], &input.to_string());
    let message = |what: &str| {
        let message = &ran[what]["message"];
        assert!(message.is_object(), "{what}: {:#}", ran[what]);
        message.clone()
    };
    let made = message("made");
    assert_eq!(made["portal"]["slug"], name);
    let listed = message("listed")["portals"].as_array().unwrap().clone();
    assert!(listed.iter().any(|portal| portal["slug"] == name), "{listed:#?}");
    assert_eq!(message("changed")["portal"]["description"], "changed");
    assert!(message("secret")["value"].as_str().unwrap().starts_with("bkps_"));
    let email = house.bootstrap().text("email");
    assert!(message("members").to_string().contains(email));
    assert_eq!(message("user")["user"]["email"], email);
    refused(&ran["invalid"], "FailedPrecondition", "VALIDATION_FAILED");
    assert_eq!((&ran["invalid"]["fields"], &ran["invalid"]["facts"]["position.0"]), (&json!(["query"]), &json!("1:3")));
    refused(&ran["anonymous"], "Unauthenticated", "AUTHENTICATION_REQUIRED");
    refused(&ran["late"], "DeadlineExceeded", "TIMEOUT");
    for hidden in ["services", "execution"] {
        assert_eq!((&ran[hidden]["code"], &ran[hidden]["reason"]), (&json!("Unimplemented"), &Value::Null), "{hidden}");
    }
    assert_eq!(message("signedIn")["user"]["email"], email);
    assert_eq!(message("bySession")["portal"]["description"], "changed");
    message("changedBySession");
    for foreign in ["elsewhere", "nowhere"] {
        refused(&ran[foreign], "PermissionDenied", "FOREIGN_ORIGIN");
    }
    message("deleted");
    house.get(&format!("{}/{name}", suite::PORTALS)).await.error(404);
}

/// What a browser asks before a page of `origin` may send a call.
async fn preflight(house: &Installation, origin: &str) -> Answer {
    let request = house.request(Method::OPTIONS, LIST).header("Origin", origin);
    let request = request.header("Access-Control-Request-Method", "POST");
    Answer::of(request.header("Access-Control-Request-Headers", "authorization,content-type,x-grpc-web")).await
}

#[tokio::test]
async fn pages_of_other_origins_may_call_where_they_are_named_only() {
    let closed = Installation::shared();
    let answer = preflight(&closed, "https://app.example.com").await;
    answer.error_code(405, "method_not_allowed");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let open = Installation::start_with(&[("GATEWAY_CORS__ALLOWED_ORIGINS", "https://app.example.com")]);
    let answer = preflight(&open, "https://app.example.com").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("https://app.example.com")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let answer = preflight(&open, "https://evil.example").await;
    answer.error_code(403, "foreign_origin");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    // REST stays closed to all.
    let rest = open.request(Method::GET, "/v2/user").bearer_auth(open.api_token());
    let rest = Answer::of(rest.header("Origin", "https://app.example.com")).await;
    assert_eq!((rest.status, rest.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn an_origin_that_is_none_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let launch = suite::Launch::new(&directory.path().join("data")).set("GATEWAY_CORS__ALLOWED_ORIGINS", "*");
    let ended = launch.run();
    assert_eq!(ended.status.code(), Some(78), "{}", ended.stderr);
    assert!(ended.stderr.contains("GATEWAY_CORS__ALLOWED_ORIGINS"), "{}", ended.stderr);
}

/// A call of the API access token's user, as a browser sends it.
async fn who(house: &Caller, token: &str) -> Answer {
    let request = house.request(Method::POST, "/portals.token.v1.TokenService/GetAuthenticatedUser");
    let request = request.header("Content-Type", "application/grpc-web+proto").bearer_auth(token);
    Answer::of(request.body(vec![0; 5])).await
}

#[tokio::test]
async fn parts_of_their_own_pass_calls_on_and_say_which_is_gone() {
    let mut fleet = Fleet::start(|_| ());
    let token = fleet.api_token().to_owned();
    let answer = who(&fleet, &token).await;
    assert!(answer.header("grpc-status").is_none() && answer.text.contains("grpc-status:0"), "{answer:#?}");
    fleet.split.stop(Part::Token);
    let answer = who(&fleet, &token).await;
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("14")), "{answer:#?}");
    assert!(!answer.header("grpc-message").unwrap().contains("127.0.0.1"), "{answer:#?}");
}

/// Signed out, a session is nothing here either.
#[tokio::test]
async fn a_session_that_ended_opens_nothing() {
    let house = Installation::shared();
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let (cookie, session) = browser.cookies().remove(0);
    let call = || {
        let request = house.request(Method::POST, "/portals.token.v1.TokenService/GetAuthenticatedUser");
        let request = request.header("Cookie", format!("{cookie}={session}")).header("Origin", house.gateway());
        Answer::of(request.header("Content-Type", "application/grpc-web+proto").body(vec![0; 5]))
    };
    assert_eq!(call().await.header("grpc-status"), None, "it ran");
    let page = browser.get("/console/").await;
    let leave = suite::browser::filled(&page.text, &[]);
    assert!(browser.submit("/console/sign-out", &leave).await.status < 400);
    assert_eq!(call().await.header("grpc-status"), Some("16"));
}
