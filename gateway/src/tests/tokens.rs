//! `POST …/tokens`: what of spec §5 is the gateway's.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    registry::v1::ResolvePortalRequest,
    token::v1::{ExchangeCodeRequest, ExchangeSecretRequest},
};
use kit::error::Code;
use reqwest::Response;
use serde_json::{Value, json};

use super::{
    World, header, masked,
    script::{Place, Plan, Refuse},
};

const PATH: &str = "/organizations/o/portals/p/tokens";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const CLIENT: &str = "00000000-0000-0000-0000-000000000002";
/// The vector of the specification.
const SECRET: &str = "bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK";

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

fn good() -> Value {
    json!({"grant_type": "client_credentials", "client_id": CLIENT, "secret": SECRET})
}

/// `good` with some members changed; null takes one out.
fn with(changes: &Value) -> String {
    let mut body = good();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// Status, `error` and `code` of a refusal, having checked what every one of them has.
async fn refusal(response: Response) -> (u16, Option<String>, String) {
    let status = response.status().as_u16();
    assert_eq!((header(&response, "cache-control"), header(&response, "pragma")), (Some("no-store"), Some("no-cache")));
    assert!(header(&response, "portal-error-source").is_some());
    let body = super::json(response).await;
    let text = |name: &str| body[name].as_str().map(ToOwned::to_owned);
    assert!(body["message"].is_string() && body["request_id"].is_string());
    assert_eq!(body["error"].is_string(), body["error_description"].is_string(), "{body}");
    (status, text("error"), text("code").unwrap())
}

async fn refused_as(response: Response, status: u16, error: &str, what: &str) {
    assert_eq!(refusal(response).await, (status, Some(error.to_owned()), error.to_owned()), "{what}");
}

#[tokio::test]
async fn json_form_and_basic_ask_for_the_same() {
    let world = World::new().await;
    let form = format!("grant_type=client_credentials&client_id={CLIENT}&expires_in=15&scope=x&");
    for (content_type, body, authorization) in [
        (JSON, with(&json!({"expires_in": 15, "scope": ["x"]})), None),
        (JSON, with(&json!({"expires_in": 15, "secret": null, "client_secret": SECRET})), None),
        (JSON, with(&json!({"expires_in": 15})), Some("Bearer x".to_owned())),
        (FORM, format!("{form}secret={SECRET}"), None),
        (FORM, format!("{form}client_secret={SECRET}&secret="), None),
        ("Application/X-WWW-form-urlencoded; charset=utf-8", form.clone(), Some(basic(CLIENT, SECRET))),
        (FORM, "grant_type=client_credentials&expires_in=015".to_owned(), Some(basic(CLIENT, SECRET))),
        (JSON, json!({"grant_type": "client_credentials", "expires_in": 15}).to_string(), Some(basic(CLIENT, SECRET))),
    ] {
        let mut request = world.request("POST", PATH).header("content-type", content_type).body(body.clone());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, Some("no-store")), "{body}");
        assert_eq!(header(&response, "pragma"), Some("no-cache"));
        let expected = json!({"token": "fresh", "expires_at": "2026-01-01T00:00:00Z", "access_token": "fresh",
            "token_type": "Bearer", "expires_in": 900});
        assert_eq!(super::json(response).await, expected);
        let (caller, asked) = world.script.last::<ExchangeSecretRequest>();
        let expected = ExchangeSecretRequest {
            organization_uuid: "00000000-0000-0000-0000-000000000001".into(),
            portal_uuid: CLIENT.into(),
            client_id: CLIENT.into(),
            secret: SECRET.into(),
            expires_in_minutes: Some(15),
        };
        assert_eq!(asked, expected, "{body}");
        // The client's secret goes no further than into the message.
        assert!(caller.is_service && caller.authorization.is_none() && caller.client_ip.is_some());
    }
}

#[tokio::test]
async fn minutes_are_whole_and_never_clamped() {
    let world = World::new().await;
    for (given, minutes) in [("", None), (",\"expires_in\":null", None), (",\"expires_in\":60", Some(60))] {
        let body = format!(
            "{{\"grant_type\":\"client_credentials\",\"client_id\":\"{CLIENT}\",\"secret\":\"{SECRET}\"{given}}}"
        );
        let reply = super::json(world.post(PATH, JSON, &body).await).await;
        assert_eq!(reply["expires_in"], 3_600);
        assert_eq!(world.script.last::<ExchangeSecretRequest>().1.expires_in_minutes, minutes);
    }
    let asked = world.script.asked();
    for bad in ["0", "61", "3600", "-1", "1.5", "15.0", "1e1", "\"15\"", "true", "[]", "{}", "99999999999999999999"] {
        let body = format!(
            "{{\"grant_type\":\"client_credentials\",\"client_id\":\"c\",\"secret\":\"{SECRET}\",\"expires_in\":{bad}}}"
        );
        let refused = super::json(world.post(PATH, JSON, &body).await).await;
        // Under the name that the caller knows, which isn't the token service's.
        let message = "expires_in must be a whole number of minutes from 1 to 60";
        assert_eq!((&refused["message"], &refused["error"]), (&json!(message), &json!("invalid_request")), "{bad}");
    }
    for bad in ["0", "61", "%2B5", "1.0", "5m", "+5", "-5", "99999999999999999999"] {
        let body = format!("grant_type=client_credentials&client_id=c&secret={SECRET}&expires_in={bad}");
        refused_as(world.post(PATH, FORM, &body).await, 400, "invalid_request", bad).await;
    }
    assert_eq!(world.script.asked(), asked);
}

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
async fn a_client_authenticates_once() {
    let world = World::new().await;
    let (id, other) = (basic(CLIENT, SECRET), basic("other", SECRET));
    for (headers, body) in [
        (vec![id.as_str()], good()),
        (vec!["Basic !"], good()),
        (vec![&id], json!({"grant_type": "client_credentials", "client_secret": "x"})),
        (vec![&other], json!({"grant_type": "client_credentials", "client_id": CLIENT})),
        (vec![&id, &id], json!({"grant_type": "client_credentials"})),
        (vec!["Bearer x", &id], json!({"grant_type": "client_credentials"})),
    ] {
        let mut request = world.request("POST", PATH).header("content-type", JSON).body(body.to_string());
        for header in &headers {
            request = request.header("authorization", *header);
        }
        refused_as(request.send().await.unwrap(), 400, "invalid_request", &format!("{headers:?} {body}")).await;
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
async fn an_unknown_path_is_asked_about_like_any_other() {
    let world = World::new().await;
    world.script.plan(Plan { place: Place::Nowhere, ..Plan::default() });
    world.post(PATH, JSON, &good().to_string()).await;
    let (_, asked) = world.script.last::<ExchangeSecretRequest>();
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!((asked.organization_uuid.as_str(), asked.portal_uuid.as_str()), (nil, nil));
    world.post("/organizations/%ff/portals/x/tokens", JSON, &good().to_string()).await;
    assert_eq!(world.script.count::<ResolvePortalRequest>(), 2);
    assert_eq!(world.script.count::<ExchangeSecretRequest>(), 2);
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
async fn a_code_is_exchanged_under_both_names_of_the_grant() {
    let world = World::new().await;
    let long = "urn:ietf:params:oauth:grant-type:device_code";
    for (grant, code, secret, minutes) in [
        ("device_code", "code", "secret", None),
        ("device_code", "device_code", "client_secret", Some(1)),
        (long, "code", "secret", Some(720)),
        (long, "device_code", "client_secret", Some(61)),
    ] {
        let body = json!({"grant_type": grant, code: "Code1", secret: "hush", "expires_in": minutes}).to_string();
        let reply = super::json(world.post(PATH, JSON, &body).await).await;
        assert_eq!(
            (reply["token"].as_str(), reply["expires_in"].as_u64()),
            (Some("fresh"), minutes.or(Some(720)).map(|m| m * 60))
        );
        let (_, asked) = world.script.last::<ExchangeCodeRequest>();
        assert_eq!((asked.code.as_str(), asked.secret.as_str(), asked.portal_uuid.as_str()), ("Code1", "hush", CLIENT));
        assert_eq!(asked.expires_in_minutes.map(u64::from), minutes);
    }
    let body = json!({"grant_type": long, "code": "c", "secret": "s", "expires_in": 721}).to_string();
    refused_as(world.post(PATH, JSON, &body).await, 400, "invalid_request", "721").await;
    let form = format!("grant_type={long}&device_code=Code1&client_id={CLIENT}");
    let request =
        world.request("POST", PATH).header("content-type", FORM).header("authorization", basic(CLIENT, "hush"));
    assert_eq!(request.body(form).send().await.unwrap().status(), 200);
    assert_eq!(world.script.last::<ExchangeCodeRequest>().1.secret, "hush");
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
        (Code::Exhausted, "rate_limited", 429, "temporarily_unavailable"),
        (Code::Unavailable, "slow_hash_busy", 503, "temporarily_unavailable"),
        (Code::Unavailable, "database_unavailable", 503, "temporarily_unavailable"),
        (Code::Timeout, "outcome_unknown", 504, "server_error"),
        (Code::Internal, "internal", 500, "server_error"),
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
