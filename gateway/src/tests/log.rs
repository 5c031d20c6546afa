//! What stays in the log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{body::Body, response::Response};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Request;
use tower::ServiceExt;

use super::{TOKEN, bare, script::Script};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written, at every level, while `request` is answered. On one thread, so that its subscriber sees everything.
async fn log_of(request: Request<Body>) -> (Response, String) {
    // First, as it takes a while: what another thread logs for the first time while there is one subscriber, and not its own, is off
    // for all.
    let router = bare(&Script::default());
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let response = router.oneshot(request).await.unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    (response, text)
}

fn lines(text: &str) -> Vec<serde_json::Value> {
    let lines = text.lines().filter(|line| line.contains("\"message\":\"request\""));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_request_is_one_line_without_credentials() {
    let uri = format!("/organizations/{TOKEN}/portals/p?operation_name={TOKEN}");
    let request = Request::post(uri).header("authorization", format!("Bearer {TOKEN}"));
    let (response, text) = log_of(request.body(Body::empty()).unwrap()).await;
    let id = response.headers()["x-request-id"].to_str().unwrap();
    assert!(!text.contains("003aUlTJC7"), "{text}");
    let lines = lines(&text);
    let line = &lines[0];
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (line["method"].as_str(), line["route"].as_str(), line["status"].as_u64(), line["request_id"].as_str()),
        (Some("POST"), Some("/organizations/{org}/portals/{portal}"), Some(400), Some(id))
    );
    assert_eq!(line["path"], "/organizations/(redacted)/portals/p");
}

#[tokio::test]
async fn bodies_codes_and_cookies_stay_out_of_the_log() {
    let tokens = "/organizations/o/portals/p/tokens";
    let good = "grant_type=client_credentials&client_id=c\
        &secret=bkps_0VLPzgQBt003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0FJwQK";
    let basic = BASE64_STANDARD.encode("c:Canary1");
    for (method, uri, body, status) in [
        ("POST", tokens, "grant_type=device_code&code=Canary1&secret=Canary2", 200),
        ("POST", tokens, "grant_type=client_credentials&client_id=c&secret=Canary1", 401),
        ("POST", tokens, good, 200),
        ("POST", tokens, "grant_type=Canary1&Canary2=1&Canary2=2", 400),
        ("GET", "/console/authorize?code=Canary1", "", 200),
        ("GET", "/console/sign-in?next=/console/authorize?code=Canary1", "", 200),
        ("POST", "/console/sign-in", "email=Canary1&password=Canary2", 303),
        ("POST", "/console/authorize", "code=Canary1&decision=approve&csrf=Canary2&state=1767225600.999000000", 200),
    ] {
        let request = Request::builder().method(method).uri(uri).header("cookie", "__Host-portals=Canary3");
        let request = request.header("origin", "https://portals.example");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (response, text) = log_of(request.body(Body::from(body)).unwrap()).await;
        assert_eq!((response.status().as_u16(), lines(&text).len()), (status, 1), "{uri} {body}");
        // What the services answer is as secret as what they are asked.
        for canary in ["Canary", "Session1", "fresh", "hush", "csrf1", "003aUlTJC7"] {
            assert!(!text.contains(canary), "{canary}: {text}");
        }
    }
    let request = Request::post(tokens).header("authorization", format!("Basic {basic}"));
    let request = request.header("content-type", "application/json");
    let (_, text) = log_of(request.body(Body::from("{\"grant_type\":\"client_credentials\"}")).unwrap()).await;
    assert!(!text.contains("Canary") && !text.contains(&basic), "{text}");
}
