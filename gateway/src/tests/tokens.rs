//! `POST …/tokens`: what of spec §5 is the gateway's.

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    registry::v1::ResolvePortalRequest,
    token::v1::{ExchangeCodeRequest, ExchangeSecretRequest},
};
use reqwest::Response;
use serde_json::{Value, json};

use super::{
    World, header,
    script::{Place, Plan},
};

pub(super) const PATH: &str = "/organizations/o/portals/p/tokens";
pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const CLIENT: &str = "00000000-0000-0000-0000-000000000002";
/// The vector of the specification.
pub(super) const SECRET: &str = "bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK";

pub(super) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

pub(super) fn good() -> Value {
    json!({"grant_type": "client_credentials", "client_id": CLIENT, "secret": SECRET})
}

/// `good` with some members changed; null takes one out.
pub(super) fn with(changes: &Value) -> String {
    let mut body = good();
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// Status, `error` and `code` of a refusal, having checked what every one of them has.
pub(super) async fn refusal(response: Response) -> (u16, Option<String>, String) {
    let status = response.status().as_u16();
    assert_eq!((header(&response, "cache-control"), header(&response, "pragma")), (Some("no-store"), Some("no-cache")));
    assert!(header(&response, "portal-error-source").is_some());
    let body = super::json(response).await;
    let text = |name: &str| body[name].as_str().map(ToOwned::to_owned);
    assert!(body["message"].is_string() && body["request_id"].is_string());
    assert_eq!(body["error"].is_string(), body["error_description"].is_string(), "{body}");
    (status, text("error"), text("code").unwrap())
}

pub(super) async fn refused_as(response: Response, status: u16, error: &str, what: &str) {
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
