//! Garbage on `/tokens` costs no slow hash, and callers of portals hardly notice it (S7).

use std::time::{Duration, Instant};

use kit::credential::{Kind, Plain};
use serde_json::json;
use suite::{Answer, Installation, Load, Portal, count, figures, full, grant, path, wire};

const FLOODERS: usize = 64;

/// The time that 99 of 100 calls don't exceed.
fn p99(address: std::net::SocketAddr, call: &[u8], calls: usize) -> Duration {
    let mut wire = wire::Wire::to(address);
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let begun = Instant::now();
            let reply = wire.send(call).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.body);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Bodies that a stranger may send: of no form, mistyped, well formed and made up.
fn garbage(portal: &Portal, secret: &str, number: usize) -> Vec<Vec<u8>> {
    let mistyped = format!("{}{}", &secret[..secret.len() - 1], if secret.ends_with('0') { '1' } else { '0' });
    let byte = u8::try_from(number).unwrap();
    let made_up = Plain::secret("bk", [byte; 6], &[byte; 32]);
    let token = Plain::token("bk", Kind::Portal, &[byte; 32]);
    let secrets = ["nonsense", &mistyped, made_up.expose(), token.expose()];
    let mut bodies: Vec<String> = secrets.iter().map(|secret| grant(portal, secret).to_string()).collect();
    bodies.extend(["{".repeat(100), "[]".to_owned(), json!({"grant_type": "x"}).to_string(), "\u{0}".repeat(500)]);
    bodies.iter().map(|body| wire::post(&format!("{}/tokens", path(&portal.slug)), &[], body)).collect()
}

#[tokio::test]
async fn garbage_costs_no_slow_hash_and_calls_go_on() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    house.ephemeral(&portal, &secret).await;
    let authorization = format!("Authorization: Bearer {}", portal.token);
    let call = wire::post(&path(&portal.slug), &[&authorization], "{}");
    let address = house.bootstrap().address("gateway");
    let calls = count(300, 1_000);
    p99(address, &call, 100);
    let quiet = p99(address, &call, calls);
    let before = house.metric("portals_token_slow_hashes_total");
    let (flooded, value) = (portal.clone(), secret.value.clone());
    let flood = Load::start(FLOODERS, move |number| {
        let (mut wire, garbage) = (wire::Wire::to(address), garbage(&flooded, &value, number));
        let mut next = garbage.into_iter().cycle();
        move || wire.send(&next.next().unwrap()).map_or(0, |reply| reply.status)
    });
    let loud = p99(address, &call, calls);
    // A good secret is still exchanged, from the cache of verified ones.
    house.ephemeral(&portal, &secret).await;
    let statuses = flood.stop();
    let after = house.metric("portals_token_slow_hashes_total");
    assert!((after - before).abs() < f64::EPSILON, "garbage cost {} slow hashes", after - before);
    assert!(statuses.len() > FLOODERS, "hardly any garbage was sent");
    let said = format!(
        "{calls} calls beside {FLOODERS} connections with {} requests of garbage; p99 {quiet:?} without, {loud:?} with them",
        statuses.len()
    );
    figures("garbage on /tokens", &said);
    let odd: Vec<_> = statuses.iter().filter(|status| ![400, 401].contains(*status)).collect();
    assert!(odd.is_empty(), "{} of {} answers: {:?}", odd.len(), statuses.len(), &odd[..odd.len().min(9)]);
    // The generator shares the processors with what it measures: `tests/bench` has the figures, in ratios of one run.
    let bound = if full() { 20 } else { 100 };
    assert!(loud < quiet * bound + Duration::from_millis(250), "{said}");
}

#[tokio::test]
async fn more_good_secrets_than_the_slow_hash_can_take_are_503_in_time() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let path = suite::credentials(&portal, "secrets");
    let make = || house.request(reqwest::Method::POST, &path).bearer_auth(house.api_token()).json(&json!({}));
    let begun = Instant::now();
    let answers = suite::all_at_once((0..80).map(|_| make())).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    // On a machine that is busy with the others' hashes, verifying the administrator's token may take too long, too.
    let (busy, late): (Vec<&Answer>, Vec<_>) =
        refused.into_iter().partition(|answer| answer.error(503)["code"] == "slow_hash_busy");
    assert!(!busy.is_empty(), "80 at once found a place in a queue of 32");
    assert!(busy.iter().all(|answer| answer.number("retry-after") > 0));
    for answer in late {
        answer.error_code(503, "verification_unavailable");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "they waited {:?}", begun.elapsed());
    house.call(&portal, json!({})).await.data();
}
