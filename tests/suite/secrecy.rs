//! No credential is written anywhere but where its owner looks for it: not into logs at any level, not into databases.

use std::net::SocketAddr;

use kit::credential::{Kind, Plain};
use reqwest::Method;
use serde_json::json;
use suite::{
    Answer, Caller, Fleet, Installation, PORTALS, Part, Portal, Upstream, canaries,
    leaks::{find, search},
    metrics, path, raw, unique,
};

/// Uses credentials in every way that there is, right and wrong.
async fn use_everything(house: &Installation, canaries: &[&str]) -> Portal {
    let query = "mutation A($id: ID!, $message: String) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \
                 \"main\", message: $message}) { build { url } } }";
    let portal = house.portal_of(query).await;
    let id = house.pipeline_id().await;
    house.call(&portal, json!({"id": id, "message": "harmless", canaries[0]: canaries[0]})).await.data();
    house.call(&portal, json!({"id": 1.5, "message": [canaries[0]]})).await.error(422);
    for canary in canaries {
        let request = || house.request(Method::POST, &path(&portal.slug)).json(&json!({}));
        Answer::of(request().bearer_auth(canary)).await.error(401);
        Answer::of(request().basic_auth("client", Some(canary))).await.error(401);
        let url = format!("{}?access_token={canary}", path(&portal.slug));
        Answer::of(house.request(Method::POST, &url)).await.error(400);
        Answer::of(house.request(Method::POST, &path(&portal.slug)).body("{}").bearer_auth(canary)).await.error(415);
        Answer::of(house.request(Method::GET, PORTALS).bearer_auth(canary)).await.error(401);
        Answer::of(house.request(Method::GET, "/nonsense").bearer_auth(canary)).await.error(404);
        Answer::of(house.request(Method::POST, "/graphql").bearer_auth(canary).json(&json!({"query": "{ x }"})))
            .await
            .error(401);
    }
    house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(json!({"slug": "moved"}))).await.expect(200);
    house.rest(Method::DELETE, &format!("{PORTALS}/moved"), None).await.expect(204);
    house.call(&portal, json!({})).await.error(401);
    portal
}

#[tokio::test]
async fn no_credential_is_in_the_logs_at_trace_level_nor_in_the_data_directory() {
    let mut house = Installation::start_with(&[("RUST_LOG", "trace")]);
    let canary = Plain::token("bk", Kind::Portal, &[0x5a; 32]);
    let secret = Plain::secret("bk", [0x5a; 6], &[0x5a; 32]);
    let portal = use_everything(&house, &[canary.expose(), secret.expose()]).await;
    let (api_token, password) = (house.api_token().to_owned(), house.bootstrap().text("password").to_owned());
    let secrets = [
        ("the API access token", api_token.as_str()),
        ("the password", &password),
        ("the portal's token", &portal.token),
        ("an unknown token", canary.expose()),
        ("an unknown secret", secret.expose()),
    ];
    // While it runs, so that the write-ahead logs are there; and after its end.
    let (files, running) = search(house.data_dir(), &secrets);
    assert!(files >= 4, "only {files} files in the data directory");
    assert_eq!(running, Vec::<String>::new());
    nothing_is_missing(house.bootstrap().address("admin"));
    assert!(house.stop().success());
    assert_eq!(search(house.data_dir(), &secrets).1, Vec::<String>::new());
    let log = house.process().stderr();
    is_detailed(&log);
    assert_eq!(find(log.as_bytes(), &secrets, "the log"), Vec::<String>::new());
    assert_eq!(find(house.process().stdout().as_bytes(), &secrets, "standard output"), Vec::<String>::new());
}

/// Fails unless the log of what has that admin listener has everything in it that there was to say until now.
fn nothing_is_missing(admin: SocketAddr) {
    assert!(metrics::total(admin, "portals_log_lines_dropped_total") < 1.0, "lines are missing");
}

fn is_detailed(log: &str) {
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it doesn't log at trace level");
}

/// Calls an upstream whose URL has a key in it. Administrators see the URL; nobody else does.
async fn keyed(house: &Caller) -> String {
    let (key, upstream) = (unique("a-key-in-a-url"), Upstream::good());
    let url = format!("http://{}/graphql?key={key}", upstream.address());
    let portal = upstream.portal(house, json!({"url": url})).await;
    house.calling_named(&portal, "Ask").send().await.unwrap();
    assert!(upstream.requests()[0].contains(&key));
    key
}

#[tokio::test]
async fn credentials_of_every_kind_and_what_upstreams_hear_and_say_are_in_no_log_metric_or_error() {
    let mut house = Installation::start_with(&[&[("RUST_LOG", "trace")][..], &canaries::SETTINGS].concat());
    let mut canaries = house.canaries().await;
    canaries.push(("a key in an upstream's URL", keyed(&house).await));
    let canaries: Vec<(&str, &str)> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    let mut said = Vec::new();
    for (what, value) in &canaries {
        // What came back must not repeat what was sent.
        for request in [
            house.request(Method::POST, &path("no-such-portal")).bearer_auth(value).json(&json!({})),
            house
                .request(Method::POST, &format!("{}/tokens", path("x")))
                .json(&json!({"client_id": value, "secret": value})),
            house.request(Method::POST, &format!("{}/tokens", path("x"))).body(format!("grant_type={value}")),
            house.request(Method::GET, &format!("/v2/user?access_token={value}")),
            house.request(Method::GET, "/v2/user").header("Cookie", format!("portals={value}")),
        ] {
            let answer = Answer::of(request).await;
            said.extend(find(format!("{answer:?}").as_bytes(), &canaries, &format!("the answer to {what}")));
        }
    }
    assert_eq!(said, Vec::<String>::new());
    let admin = house.bootstrap().address("admin");
    let metrics = raw::exchange(admin, &raw::request("GET /metrics", &[], "")).unwrap();
    assert_eq!(find(metrics.as_bytes(), &canaries, "the metrics"), Vec::<String>::new());
    nothing_is_missing(admin);
    assert!(house.stop().success());
    let log = house.process().stderr();
    is_detailed(&log);
    assert_eq!(find(log.as_bytes(), &canaries, "the log"), Vec::<String>::new());
    assert_eq!(find(house.process().stdout().as_bytes(), &canaries, "standard output"), Vec::<String>::new());
}

#[tokio::test]
async fn what_goes_through_several_processes_is_in_no_log_or_metric_of_any() {
    let fleet = Fleet::start(|split| {
        for (name, value) in canaries::SETTINGS.into_iter().chain([("RUST_LOG", "trace")]) {
            split.set(name, value);
        }
    });
    let mut canaries = fleet.upstream_canaries().await;
    canaries.push(("a key in an upstream's URL", keyed(&fleet).await));
    let portal = fleet.portal_of("{ viewer { id } }").await;
    let secret = fleet.secret(&portal).await;
    let ephemeral = fleet.ephemeral(&portal, &secret).await;
    fleet.call_with(&portal, &ephemeral).await.data();
    canaries.extend([
        ("a portal's token", portal.token),
        ("a secret", secret.value),
        ("an ephemeral token", ephemeral),
    ]);
    canaries.push(("an API access token", fleet.api_token().to_owned()));
    let canaries: Vec<(&str, &str)> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    let mut found = Vec::new();
    for part in [Part::Token, Part::Portal, Part::Gateway] {
        let metrics = raw::request("GET /metrics", &[], "");
        let metrics = raw::exchange(fleet.split.admin_address(part), &metrics).unwrap();
        found.extend(find(metrics.as_bytes(), &canaries, &format!("the metrics of {part:?}")));
        nothing_is_missing(fleet.split.admin_address(part));
        let log = fleet.split.process(part).stderr();
        is_detailed(&log);
        found.extend(find(log.as_bytes(), &canaries, &format!("the log of {part:?}")));
    }
    assert_eq!(found, Vec::<String>::new());
}
