//! What stays in the log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::body::Body;
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

/// Runs on one thread, so that the subscriber of the thread sees everything.
#[tokio::test]
async fn a_request_is_one_line_without_credentials() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let uri = format!("/organizations/{TOKEN}/portals/p?operation_name={TOKEN}");
    let request = Request::post(uri).header("authorization", format!("Bearer {TOKEN}"));
    let response = bare(&Script::default()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("003aUlTJC7"), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("\"message\":\"request\"")).collect();
    let line: serde_json::Value = serde_json::from_str(lines.first().unwrap()).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (line["method"].as_str(), line["route"].as_str(), line["status"].as_u64(), line["request_id"].as_str()),
        (Some("POST"), Some("/organizations/{org}/portals/{portal}"), Some(400), Some(id))
    );
    assert_eq!(line["path"], "/organizations/(redacted)/portals/p");
}
