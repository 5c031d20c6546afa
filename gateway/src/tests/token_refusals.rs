//! `POST …/tokens` that is refused (spec §5).

use contracts::{registry::v1::ResolvePortalRequest, token::v1::ExchangeSecretRequest};
use kit::error::Code;
use serde_json::json;

use super::{
    World, header, masked,
    script::{Place, Plan, Refuse},
};

use super::tokens::{CLIENT, FORM, JSON, PATH, SECRET, basic, good, refusal, refused_as, with};

#[tokio::test]
async fn what_cannot_be_read_is_an_invalid_request() {
    let world = World::new().await;
    for (content_type, body) in [
        (JSON, String::new()),
        (JSON, "{}".to_owned()),
        (JSON, "[]".to_owned()),
        (JSON, "{".to_owned()),
        (JSON, with(&json!({"grant_type": null}))),
        (JSON, with(&json!({"grant_type": ["client_credentials"]}))),
        (JSON, with(&json!({"client_id": null}))),
        (JSON, with(&json!({"client_id": ""}))),
        (JSON, with(&json!({"client_id": 7}))),
        (JSON, with(&json!({"secret": null}))),
        (JSON, with(&json!({"secret": ""}))),
        (JSON, with(&json!({"secret": 7}))),
        (JSON, with(&json!({"client_secret": SECRET}))),
        (JSON, with(&json!({"grant_type": "device_code", "client_secret": SECRET}))),
        (JSON, with(&json!({"grant_type": "device_code"}))),
        (JSON, with(&json!({"grant_type": "device_code", "code": "a", "device_code": "a"}))),
        (JSON, good().to_string().replacen('{', "{\"secret\":\"\",", 1)),
        (JSON, good().to_string().replacen('{', "{\"x\":1,\"\\u0078\":{},", 1)),
        (FORM, String::new()),
        (FORM, format!("grant_type=client_credentials&client_id=c&secret={SECRET}&secret={SECRET}")),
        (FORM, format!("grant_type=client_credentials&client_id=c&secret={SECRET}&x=1&x=1")),
        (FORM, good().to_string()),
    ] {
        refused_as(world.post(PATH, content_type, &body).await, 400, "invalid_request", &body).await;
    }
    for grant in ["password", "refresh_token", "Client_Credentials"] {
        let body = with(&json!({"grant_type": grant, "secret": null}));
        refused_as(world.post(PATH, JSON, &body).await, 400, "unsupported_grant_type", grant).await;
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn every_401_is_the_same() {
    let world = World::new().await;
    let refuse = Refuse { message: "No such secret", ..Refuse::new(Code::Unauthenticated, "invalid_client") };
    let figures = vec![("ratelimit-limit", "200")];
    let plan = Plan { refuse: Some(refuse), figures, ..Plan::default() };
    world.script.plan(plan.clone());
    let call = async |path: &str, headers: &str, content_type: &str, body: &str| {
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\ncontent-type: {content_type}");
        masked(&world.raw(&format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await)
    };
    let one = call(PATH, "", JSON, &good().to_string()).await;
    let unknown = with(&json!({"client_id": "nonsense"}));
    let garbage = with(&json!({"secret": format!("{SECRET}x")}));
    let bare = json!({"grant_type": "client_credentials"}).to_string();
    for (path, headers, content_type, body) in [
        (PATH, "", JSON, unknown.as_str()),
        (PATH, "", JSON, &garbage),
        ("/organizations/%ff/portals/%ff/tokens", "", JSON, &good().to_string()),
        (PATH, "", FORM, &format!("grant_type=client_credentials&client_id=x&secret={SECRET}")),
    ] {
        assert_eq!(one, call(path, headers, content_type, body).await, "{path} {headers} {body}");
    }
    world.script.plan(Plan { place: Place::Nowhere, ..plan });
    assert_eq!(one, call(PATH, "", JSON, &good().to_string()).await);
    assert!(
        one.starts_with("HTTP/1.1 401") && !one.contains("ratelimit") && !one.contains("www-authenticate"),
        "{one}"
    );
    assert!(one.contains("portal-error-source: gateway"));
    assert!(one.ends_with(
        "{\"error\":\"invalid_client\",\"error_description\":\"Client authentication failed\",\
         \"message\":\"Client authentication failed\",\"code\":\"invalid_client\",\"request_id\":\"(id)\"}"
    ));

    // After a header there is a challenge, and nothing else is different (RFC 6749 §5.2, RFC 9110 §15.5.2).
    let full = good().to_string();
    for (authorization, body) in [
        (basic(CLIENT, SECRET), &bare),
        (basic("x", "y"), &bare),
        (basic("a", ""), &bare),
        ("Basic".to_owned(), &bare),
        ("Bearer x".to_owned(), &bare),
        ("Bearer x".to_owned(), &full),
    ] {
        let with_basic = call(PATH, &format!("authorization: {authorization}\r\n"), JSON, body).await;
        let challenge = "www-authenticate: Basic realm=\"portal\"";
        assert!(with_basic.lines().any(|line| line == challenge), "{with_basic}");
        let rest: Vec<_> = with_basic.lines().filter(|line| *line != challenge).collect();
        let mut rest: Vec<_> = rest.iter().map(ToString::to_string).collect();
        let mut expected: Vec<_> = one.lines().map(ToOwned::to_owned).collect();
        rest.sort();
        expected.sort();
        assert_eq!(rest, expected);
    }
}

#[tokio::test]
async fn garbage_is_answered_at_once() {
    let world = World::new().await;
    let other_kind = super::TOKEN;
    for secret in ["x", &SECRET[1..], &format!("{SECRET} "), other_kind] {
        assert_eq!(world.post(PATH, JSON, &with(&json!({"secret": secret}))).await.status(), 401, "{secret}");
    }
    assert_eq!(world.script.count::<ResolvePortalRequest>() + world.script.count::<ExchangeSecretRequest>(), 0);
}

#[tokio::test]
async fn refusals_keep_their_names() {
    let world = World::new().await;
    for (class, reason, status, error) in [
        (Code::Invalid, "invalid_request", 400, "invalid_request"),
        (Code::Invalid, "invalid_grant", 400, "invalid_grant"),
        (Code::Invalid, "authorization_pending", 400, "authorization_pending"),
        (Code::Invalid, "slow_down", 400, "slow_down"),
        (Code::Invalid, "access_denied", 400, "access_denied"),
        (Code::Invalid, "expired_token", 400, "expired_token"),
        (Code::Exhausted, "rate_limited", 429, "rate_limited"),
        (Code::Unavailable, "slow_hash_busy", 503, "slow_hash_busy"),
        (Code::Unavailable, "database_unavailable", 503, "database_unavailable"),
        (Code::Timeout, "outcome_unknown", 504, "outcome_unknown"),
        (Code::Internal, "internal", 500, "internal"),
    ] {
        let retry_after = Some(std::time::Duration::from_secs(7));
        world.script.refuse(Refuse { retry_after, ..Refuse::new(class, reason) });
        let response = world.post(PATH, JSON, &good().to_string()).await;
        assert_eq!(header(&response, "retry-after"), Some("7"));
        assert_eq!(refusal(response).await, (status, Some(error.to_owned()), reason.to_owned()));
    }
}

#[tokio::test]
async fn a_description_has_the_characters_that_it_may_have() {
    let world = World::new().await;
    world.script.refuse(Refuse { message: "a \"b\" \\ é", ..Refuse::new(Code::Invalid, "invalid_grant") });
    let body = super::json(world.post(PATH, JSON, &good().to_string()).await).await;
    assert_eq!(
        (body["error_description"].as_str(), body["message"].as_str()),
        (Some("a 'b' ' '"), Some("a \"b\" \\ é"))
    );
}

#[tokio::test]
async fn the_first_failing_check_decides() {
    let world = World::new().await;
    let large = format!("{}{}", good(), " ".repeat(4 << 10));
    let leak = format!("{PATH}?client_secret=x");
    for (method, path, content_type, body, expected) in [
        ("GET", leak.as_str(), "text/plain", large.as_str(), (405, None, "method_not_allowed")),
        ("POST", &leak, "text/plain", &large, (400, Some("invalid_request"), "credential_in_url")),
        ("POST", PATH, "text/plain", &large, (415, None, "unsupported_media_type")),
        ("POST", PATH, JSON, &large, (413, None, "body_too_large")),
        ("POST", PATH, FORM, &large, (413, None, "body_too_large")),
        ("POST", PATH, JSON, "{", (400, Some("invalid_request"), "invalid_request")),
    ] {
        let request = world.request(method, path).header("content-type", content_type).body(body.to_owned());
        let (status, error, code) = refusal(request.send().await.unwrap()).await;
        assert_eq!((status, error.as_deref(), code.as_str()), expected, "{method} {path} {content_type}");
    }
    assert_eq!(world.script.asked(), 0);
}
