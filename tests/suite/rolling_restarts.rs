//! Two processes of each part behind nginx, restarted one after the other under load: no request fails (R11).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use suite::{Nginx, PORTALS, Part, Portal, Sample, Twins, count, figures, grant, paced, path, unique, wire};

/// How long a stop may take: the grace, and what is under way then.
const STOP: Duration = Duration::from_mins(1);

/// What callers send in turn: mostly calls of a portal, and what other parts decide alone.
fn requests(twins: &Twins, portal: &Portal, secret: &str) -> Vec<Vec<u8>> {
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let call = wire::post(&path(&portal.slug), &[&bearer(&portal.token)], "{}");
    let exchange = wire::post(&format!("{}/tokens", path(&portal.slug)), &[], &grant(portal, secret).to_string());
    let read = wire::request(&format!("GET {PORTALS}/{}", portal.slug), &[&bearer(twins.api_token())], "");
    let mut requests = vec![call; 18];
    requests.extend([exchange, read]);
    requests
}

/// Restarts one process and gives the load time to find it again.
fn restart(twins: &mut Twins, node: usize, part: Part, lasts: Duration) {
    let begun = Instant::now();
    let split = &mut twins.splits[node];
    assert_eq!(split.stop_within(part, STOP).code(), Some(0), "{part:?} {node}");
    split.start_part(part);
    // nginx leaves a gateway alone for a second that couldn't be reached; the other one mustn't go meanwhile.
    let rest = Duration::from_secs(2).max(lasts.saturating_sub(begun.elapsed()));
    std::thread::sleep(rest);
}

fn failures(samples: &[Sample]) -> Vec<&Sample> {
    samples.iter().filter(|sample| sample.status != Some(200)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_every_process_is_restarted() {
    let grace = count("1000", "5000");
    let prepare = |splits: &mut [suite::Split; 2]| {
        for split in splits {
            for part in ["TOKEN", "PORTAL", "GATEWAY"] {
                split.set(&format!("{part}_STOP__GRACE_MS"), grace);
            }
        }
    };
    let Some(mut twins) = Twins::start(prepare) else { return };
    let nginx = Nginx::before_both(twins.gateways());
    let portal = twins.portal(json!({"name": unique("rolling"), "query": "{ viewer { id } }"})).await;
    let secret = twins.secret(&portal).await;
    let requests = requests(&twins, &portal, &secret.value);
    for gateway in twins.gateways() {
        // Both portal services know the portal, and both token services the secret, before it is measured.
        let caller = suite::Caller::of(&format!("http://{gateway}"), twins.api_token());
        for _ in 0..8 {
            caller.call(&portal, json!({})).await.data();
            caller.exchange(&portal, grant(&portal, &secret.value)).await.expect(200);
            caller.rest(Method::GET, &format!("{PORTALS}/{}", portal.slug), None).await.expect(200);
        }
    }
    let rate = count(50, 200);
    let load = paced(nginx.address(), rate, move |turn| requests[turn % requests.len()].clone());
    let lasts = count(Duration::ZERO, Duration::from_secs(30));
    for part in [Part::Token, Part::Portal, Part::Gateway] {
        for node in 0..2 {
            restart(&mut twins, node, part, lasts);
        }
    }
    let samples = load.stop();
    let (failed, slowest) = (failures(&samples), samples.iter().map(|sample| sample.took).max().unwrap_or_default());
    figures(
        "rolling restarts",
        &format!(
            "{} of {} requests at {rate}/s failed while each of two processes of each part was restarted; the slowest \
             took {slowest:?}",
            failed.len(),
            samples.len()
        ),
    );
    assert!(samples.len() > 500, "{}", samples.len());
    assert!(failed.is_empty(), "{failed:#?}\nnginx: {}", nginx.complaints());
}

/// Every promise of a stop that a caller can see: who is ready, who is answered, and how connections end.
#[tokio::test]
async fn a_part_that_is_asked_to_stop_serves_on_and_says_that_it_goes() {
    let mut fleet = suite::Fleet::start(|split| {
        for part in ["TOKEN", "PORTAL", "GATEWAY"] {
            split.set(&format!("{part}_STOP__GRACE_MS"), "600000");
        }
    });
    let portal = fleet.portal_of("{ viewer { id } }").await;
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        fleet.split.process(part).signal("TERM");
        suite::wait::need("it to be not ready", Duration::from_secs(20), || {
            (fleet.split.admin(part, "/readyz") == Some(503)).then_some(())
        });
        assert_eq!(fleet.split.admin(part, "/healthz"), Some(200), "{part:?}");
    }
    for part in [Part::Portal, Part::Token] {
        assert_eq!(health(&fleet.split, part).await, "NOT_SERVING");
    }
    let answer = fleet.call(&portal, json!({})).await;
    assert_eq!(answer.headers.get("connection").map(|value| value.to_str().unwrap()), Some("close"), "{answer:#?}");
    answer.data();
    // Once more: at once.
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        assert_eq!(fleet.split.stop_within(part, Duration::from_secs(20)).code(), Some(0), "{part:?}");
    }
}

async fn health(split: &suite::Split, part: Part) -> String {
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", split.address(part))).unwrap();
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel.connect().await.unwrap());
    let reply = client.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    reply.into_inner().status().as_str_name().to_owned()
}
