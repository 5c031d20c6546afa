//! The parts as processes of their own: the same answers, over real gRPC.

use std::{net::SocketAddr, time::Duration};

use kit::credential::{Kind, Plain};
use serde_json::{Value, json};
use suite::{Installation, PORTALS, Part, Portal, Split, metrics, path, raw, wait};
use tempfile::TempDir;

const QUERY: &str = "query A($slug: ID!, $first: Int = 1) { pipeline(slug: $slug) { slug builds(first: $first) { edges { \
                     node { number } } } } }";

/// Parts on the data of an installation that made a portal, and what callers know.
struct Fleet {
    split: Split,
    portal: Portal,
    far: Portal,
    api_token: String,
    _data: TempDir,
}

async fn fleet(variables: &[(&str, &str)]) -> Fleet {
    let data = tempfile::tempdir().unwrap();
    let mut house = Installation::launch(suite::Launch::new(&data.path().join("data")));
    let portal = house.portal_of(QUERY).await;
    let far = json!({"name": "far", "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let far = house.portal(far).await;
    assert!(house.stop().success());
    let split = Split::start(house.data_dir(), variables);
    Fleet { split, portal, far, api_token: house.api_token().to_owned(), _data: data }
}

/// Sends a request to the gateway. Gives the whole answer.
fn send(gateway: SocketAddr, line: &str, token: &str, body: &str) -> String {
    let headers = [format!("Authorization: Bearer {token}"), "Content-Type: application/json".to_owned()];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    raw::exchange(gateway, &raw::request(line, &headers, body)).unwrap()
}

fn body(answer: &str) -> Value {
    let text = answer.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

impl Fleet {
    fn call(&self, portal: &Portal, token: &str, variables: &Value) -> String {
        send(self.split.gateway(), &format!("POST {}", path(&portal.slug)), token, &variables.to_string())
    }
}

#[tokio::test]
async fn builds_are_made_and_counted_where_the_portal_service_runs() {
    let fleet = fleet(&[("TOKEN_LIMITS__REST_PER_MINUTE", "200")]).await;
    let builds = "/v2/organizations/my-organization/pipelines/my-pipeline/builds";
    let order = json!({"commit": "HEAD", "branch": "main"}).to_string();
    let made = send(fleet.split.gateway(), &format!("POST {builds}"), &fleet.api_token, &order);
    assert_eq!(body(&made)["number"], 1, "{made}");
    assert!(made.to_lowercase().contains("ratelimit-limit: 200"), "{made}");
    let listed = send(fleet.split.gateway(), &format!("GET {builds}?state=scheduled"), &fleet.api_token, "");
    assert_eq!(body(&listed)[0]["pipeline"]["scheduled_builds_count"], 1, "{listed}");
    let refused = send(fleet.split.gateway(), &format!("PUT {builds}/2/cancel"), &fleet.api_token, "");
    assert_eq!(body(&refused)["message"], "No build found", "{refused}");
}

#[tokio::test]
async fn a_call_runs_and_its_refusals_keep_their_codes() {
    let fleet = fleet(&[]).await;
    let (portal, token) = (&fleet.portal, &fleet.portal.token);
    let ran = fleet.call(portal, token, &json!({"slug": "my-organization/my-pipeline", "odd": 1}));
    assert_eq!(body(&ran)["data"]["pipeline"]["slug"], "my-pipeline", "{ran}");
    assert!(ran.to_lowercase().contains("portal-ignored-variables: odd"), "{ran}");
    assert!(ran.to_lowercase().contains("ratelimit-limit: 200"), "{ran}");
    let members = json!({"query": "{ organization(slug: \"my-organization\") { members { count } } }"});
    let members = send(fleet.split.gateway(), "POST /graphql", &fleet.api_token, &members.to_string());
    assert_eq!(body(&members)["data"]["organization"]["members"]["count"], 1, "{members}");
    let wrong = fleet.call(portal, token, &json!({"slug": [], "first": "x"}));
    assert_eq!((raw::status(&wrong), &body(&wrong)["code"]), (422, &json!("validation_failed")));
    let fields: Vec<_> = body(&wrong)["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["slug", "first"]);
    let far = fleet.call(&fleet.far, &fleet.far.token, &json!({}));
    assert_eq!((raw::status(&far), &body(&far)["code"]), (403, &json!("ip_not_allowed")));
    let unknown = Portal { slug: "no-such-portal".to_owned(), ..portal.clone() };
    let forged = Plain::token("bk", Kind::Portal, &[8; 32]);
    let refused = fleet.call(portal, forged.expose(), &json!({}));
    assert_eq!(raw::status(&refused), 401);
    assert_eq!(raw::masked(&refused), raw::masked(&fleet.call(&unknown, token, &json!({}))));
}

#[tokio::test]
async fn portals_are_managed_and_a_document_full_of_faults_is_still_422() {
    let fleet = fleet(&[]).await;
    let gateway = fleet.split.gateway();
    let user = send(gateway, "GET /v2/user", &fleet.api_token, "");
    assert_eq!(raw::status(&user), 200, "{user}");
    let create = |query: &str| {
        send(gateway, &format!("POST {PORTALS}"), &fleet.api_token, &json!({"name": "New", "query": query}).to_string())
    };
    let made = create("{ viewer { id } }");
    assert_eq!(raw::status(&made), 201, "{made}");
    let new = Portal::of(body(&made));
    assert_eq!(raw::status(&fleet.call(&new, &new.token, &json!({}))), 200);
    for faulty in [format!("{{ {} }}", "x ".repeat(5_000)), "{".repeat(9_000), "a ".repeat(9_000)] {
        let faults = create(&faulty);
        assert_eq!((raw::status(&faults), &body(&faults)["code"]), (422, &json!("validation_failed")));
    }
    let big = create(&format!("{{ viewer {{ id }} }} # {}", "é".repeat(30_000)));
    assert_eq!(raw::status(&big), 422, "the slug is taken: {big}");
    assert!(body(&big)["errors"].to_string().contains("slug"), "{big}");
    let deleted = send(gateway, &format!("DELETE {PORTALS}/new"), &fleet.api_token, "");
    assert_eq!(raw::status(&deleted), 204, "{deleted}");
    assert_eq!(raw::status(&fleet.call(&new, &new.token, &json!({}))), 401);
}

#[tokio::test]
async fn without_the_token_service_known_tokens_go_on_for_some_seconds_and_then_503() {
    let mut fleet = fleet(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "0")]).await;
    let variables = json!({"slug": "my-organization/my-pipeline"});
    let call = |fleet: &Fleet| raw::status(&fleet.call(&fleet.portal, &fleet.portal.token, &variables));
    // A verdict is kept from the first lease on; until then each call asks.
    let token_service = fleet.split.admin_address(Part::Token);
    let asked = || metrics::total(token_service, "portals_rpc_duration_seconds_count");
    wait::need("a call that asks nothing", Duration::from_secs(10), || {
        let before = asked();
        assert_eq!(call(&fleet), 200);
        (asked() <= before).then_some(())
    });
    fleet.split.kill(Part::Token);
    assert_eq!(call(&fleet), 200, "the verdict is cached");
    // A token that nobody asked for yet can't be verified now: not 401, which would be a verdict.
    assert_eq!(raw::status(&fleet.call(&fleet.far, &fleet.far.token, &json!({}))), 503);
    wait::need("the verdict to run out", Duration::from_secs(10), || (call(&fleet) == 503).then_some(()));
    let refused = fleet.call(&fleet.portal, &fleet.portal.token, &variables);
    assert_eq!(body(&refused)["code"], "verification_unavailable", "{refused}");
    assert_eq!(fleet.split.admin(Part::Portal, "/healthz"), Some(200));
    fleet.split.start_part(Part::Token);
    let back = wait::find(Duration::from_secs(10), || (call(&fleet) == 200).then_some(()));
    let said = fleet.split.process(Part::Portal).stderr();
    assert!(back.is_some(), "{}\n{said}", fleet.call(&fleet.portal, &fleet.portal.token, &variables));
}

#[tokio::test]
async fn without_the_portal_service_the_gateway_answers_503_and_recovers() {
    let mut fleet = fleet(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "0")]).await;
    let variables = json!({"slug": "my-organization/my-pipeline"});
    let call = |fleet: &Fleet| fleet.call(&fleet.portal, &fleet.portal.token, &variables);
    assert_eq!(raw::status(&call(&fleet)), 200);
    fleet.split.kill(Part::Portal);
    wait::need("503", Duration::from_secs(10), || (raw::status(&call(&fleet)) == 503).then_some(()));
    let refused = call(&fleet);
    assert_eq!(body(&refused)["code"], "service_unavailable", "{refused}");
    assert!(refused.to_lowercase().contains("portal-error-source: gateway"), "{refused}");
    fleet.split.start_part(Part::Portal);
    wait::need("calls to pass again", Duration::from_secs(10), || (raw::status(&call(&fleet)) == 200).then_some(()));
}

#[tokio::test]
async fn each_part_stops_cleanly_when_asked() {
    let mut fleet = fleet(&[]).await;
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        assert_eq!(fleet.split.stop(part).code(), Some(0), "{part:?}");
    }
}

#[tokio::test]
async fn a_schema_that_is_behind_is_refused_until_it_is_migrated() {
    let data = tempfile::tempdir().unwrap();
    let mut house = Installation::launch(suite::Launch::new(&data.path().join("data")));
    assert!(house.stop().success());
    std::fs::remove_file(house.file("token.db")).unwrap();
    let environment = Split::environment_of(house.data_dir(), Part::Token);
    let refused = suite::portals(&["run", "token"], &environment);
    assert_ne!(refused.status.code(), Some(0));
    assert!(refused.stderr.contains("portals migrate"), "{}", refused.stderr);
    let migrated = suite::portals(&["migrate", "token"], &environment);
    assert_eq!(migrated.status.code(), Some(0), "{}", migrated.stderr);
}

/// What goes back in headers is bounded in bytes, not only in number.
#[tokio::test]
async fn long_names_are_refused_as_short_ones_are() {
    let fleet = fleet(&[]).await;
    let (portal, token, long) = (&fleet.portal, &fleet.portal.token, "n".repeat(30_000));
    let unknown = format!("POST {}?operation_name={}", path(&portal.slug), &long[..9_000]);
    let strict =
        json!({"name": "strict", "query": "{ viewer { id } }", "strict_variables": true, "upstream": &long[..9_000]});
    let create = "POST /v2/organizations/my-organization/portals";
    for (line, token, sent) in [
        (unknown.as_str(), token, json!({})),
        (create, &fleet.api_token, strict),
        (
            create,
            &fleet.api_token,
            json!({"name": "many", "query": "{ nope ".repeat(10) + &"nope ".repeat(2_000) + &"}".repeat(10)}),
        ),
    ] {
        let answer = send(fleet.split.gateway(), line, token, &sent.to_string());
        assert_eq!((raw::status(&answer), &body(&answer)["code"]), (422, &json!("validation_failed")), "{answer}");
    }
    let wrong = fleet.call(portal, token, &json!({"slug": [long]}));
    assert_eq!(raw::status(&wrong), 422, "{wrong}");
}
