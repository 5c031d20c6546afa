//! The process is killed again and again while it delivers, and whatever was acknowledged is told at least once (R2).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use kit::boot::Tasks;
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use suite::{Installation, PORTALS, full, unique, wait};
use tokio::net::TcpListener;

/// What came, by the delivery's id.
type Letters = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// Takes its time, so that processes die while they wait for its answer.
async fn receive(State(letters): State<Letters>, headers: HeaderMap, body: String) -> StatusCode {
    let id = headers["x-buildkite-request"].to_str().unwrap().to_owned();
    letters.lock().unwrap().entry(id).or_default().push(serde_json::from_str(&body).unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    StatusCode::OK
}

async fn receiver() -> (Letters, String) {
    let (letters, listener) = (Letters::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let routes = Router::new().route("/", post(receive)).with_state(Arc::clone(&letters));
    Tasks::default().spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (letters, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_kill_is_told() {
    let settings = [("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8"), ("PORTAL_WEBHOOKS__TIMEOUT_MS", "1000")];
    let mut house = Installation::start_with(&settings);
    let (letters, url) = receiver().await;
    let body = json!({"settings": {"url": url, "events": ["portal.created"]}});
    house.rest(Method::POST, "/v2/organizations/my-organization/services", Some(body)).await.expect(201);
    let mut acknowledged = BTreeSet::new();
    for round in 0..if full() { 20 } else { 4 } {
        for _ in 0..4 {
            let name = unique("told");
            let made = house.rest(Method::POST, PORTALS, Some(json!({"name": name, "query": "{ __typename }"}))).await;
            acknowledged.insert(made.expect(201)["uuid"].as_str().unwrap().to_owned());
        }
        // Sometimes before the events are carried on, sometimes while they are being delivered.
        if round % 2 == 1 {
            let so_far = letters.lock().unwrap().len();
            wait::need("a letter", Duration::from_secs(30), || (letters.lock().unwrap().len() > so_far).then_some(()));
        }
        house.kill();
        house.start_again();
    }
    let told = || {
        let letters = letters.lock().unwrap();
        letters.values().flatten().map(|body| body["portal"]["uuid"].as_str().unwrap().to_owned()).collect()
    };
    let all = wait::find(Duration::from_mins(2), || {
        let told: BTreeSet<String> = told();
        acknowledged.is_subset(&told).then_some(told)
    });
    let all = all.unwrap_or_else(|| panic!("not told: {:?}", acknowledged.difference(&told()).collect::<Vec<_>>()));
    assert!(all.len() >= acknowledged.len());
    // However often an event was told, its id was the same.
    let letters = letters.lock().unwrap();
    let of = |uuid: &String| letters.values().filter(|told| told[0]["portal"]["uuid"] == json!(uuid)).count();
    assert!(acknowledged.iter().all(|uuid| of(uuid) == 1), "{letters:#?}");
}
