//! Metrics: what is served is documented, what is documented is there, and dashboard and alerts know no others.

use std::{collections::BTreeSet, fs, net::SocketAddr, time::Duration};

use serde_json::json;
use suite::{
    Installation, Upstream, raw,
    rules::{measured, tree},
    upstream, wait,
};

fn read(path: &str) -> String {
    fs::read_to_string(tree::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn documented() -> BTreeSet<String> {
    measured::in_docs(&read("docs/metrics.md"))
}

fn page(admin: SocketAddr) -> String {
    raw::exchange(admin, &raw::request("GET /metrics", &[], "")).unwrap()
}

fn missing(those: &BTreeSet<String>, among: &BTreeSet<String>) -> Vec<String> {
    those.difference(among).cloned().collect()
}

const NONE: Vec<String> = Vec::new();

#[test]
fn every_metric_of_the_code_is_documented_and_the_other_way_round() {
    let (code, docs) = (measured::in_code(&tree::sources()), documented());
    assert!(code.len() > 30, "the code wasn't read: {code:?}");
    assert_eq!(missing(&code, &docs), NONE, "not in docs/metrics.md");
    assert_eq!(missing(&docs, &code), NONE, "in docs/metrics.md, and nowhere else");
}

#[test]
fn dashboard_and_alerts_name_metrics_that_there_are() {
    for file in ["deploy/grafana/portals.json", "deploy/prometheus/alerts.yaml", "deploy/prometheus/alerts.test.yaml"] {
        let named = measured::named(&read(file));
        assert!(named.len() > 5, "{file} names nothing");
        assert_eq!(missing(&named, &documented()), NONE, "{file}");
    }
}

#[test]
fn every_alert_says_where_to_read_on_and_is_explained_there() {
    let (alerts, operations) = (read("deploy/prometheus/alerts.yaml"), read("docs/operations.md"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    let links = alerts.matches("runbook: ").count();
    assert_eq!(links, names.len());
    let unexplained: Vec<&&str> = names.iter().filter(|name| !operations.contains(&format!("| `{name}` |"))).collect();
    assert!(unexplained.is_empty(), "not in docs/operations.md: {unexplained:?}");
}

#[tokio::test]
async fn what_a_worked_installation_serves_is_documented() {
    let house = Installation::start_with(&[upstream::ALLOWED]);
    let built_in = house.portal_of("{ viewer { id } }").await;
    house.call(&built_in, json!({})).await.data();
    let upstream = Upstream::good();
    let portal = upstream.portal(&house, json!({})).await;
    house.calling_named(&portal, "Ask").send().await.unwrap();
    let secret = house.secret(&portal).await;
    house.ephemeral(&portal, &secret).await;
    let admin = house.bootstrap().address("admin");
    let served = measured::on_page(&page(admin));
    assert_eq!(missing(&served, &documented()), NONE);
    for expected in [
        "portals_database_connections_busy",
        "portals_http_duration_seconds",
        "portals_http_requests_in_flight",
        "portals_lease_age_seconds",
        "portals_rpc_duration_seconds",
        "portals_token_slow_hashes_waiting",
        "portals_upstream_duration_seconds",
        "portals_verdict_lookups_total",
        "portals_verdicts",
        "process_open_fds",
        "process_resident_memory_bytes",
    ] {
        assert!(served.contains(expected), "{expected} isn't served: {served:?}");
    }
    let (text, host) = (page(admin), upstream.address().ip());
    for series in [format!("upstream=\"{host}\",outcome=\"ok\""), "upstream=\"(built-in)\",outcome=\"ok\"".to_owned()] {
        assert!(text.contains(&series), "{series} isn't in {text}");
    }
    // Under a lease, which every healthy process has within seconds.
    wait::need("a lease", Duration::from_secs(30), || {
        (suite::metrics::total(admin, "portals_lease_age_seconds") < 4.0).then_some(())
    });
    // Rows are counted now and then.
    wait::need("live tokens", Duration::from_secs(90), || {
        (suite::metrics::total(admin, "portals_token_live_tokens") >= 3.0).then_some(())
    });
}
