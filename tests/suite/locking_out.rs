//! Whoever guesses is slowed down, and locks nobody out but themselves (S8).

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use suite::{Answer, Installation, Issued, Portal, figures, grant};

const FAILURES: u32 = 20;

/// Behind a proxy on this machine, so that a header says where a request comes from.
fn house(settings: &[(&str, &str)]) -> Installation {
    let given = [("GATEWAY_HTTP__TRUSTED_PROXIES", "127.0.0.1"), ("TOKEN_LIMITS__FAILURES_PER_MINUTE", "20")];
    Installation::start_with(&[&given, settings].concat())
}

fn from(house: &Installation, portal: &Portal, address: &str, body: &Value) -> RequestBuilder {
    house.exchanging(portal).header("X-Forwarded-For", address).json(body)
}

fn wrong(portal: &Portal, number: u32) -> Value {
    let bytes = [u8::try_from(number % 250).unwrap(); 32];
    grant(portal, kit::credential::Plain::secret("bk", [7; 6], &bytes).expose())
}

async fn scene(house: &Installation) -> (Portal, Issued) {
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    (portal, secret)
}

#[tokio::test]
async fn an_outsider_s_failures_do_not_lock_the_owner_out() {
    let house = house(&[]);
    let (portal, secret) = scene(&house).await;
    let good = grant(&portal, &secret.value);
    let mut refused = 0;
    for number in 0..FAILURES * 3 {
        let answer = Answer::of(from(&house, &portal, "192.0.2.7", &wrong(&portal, number))).await;
        assert!([401, 429].contains(&answer.status), "{answer:#?}");
        refused += u32::from(answer.status == 429);
    }
    let said = format!("{refused} of {} guesses of an outsider were 429, none of the owners' exchanges", FAILURES * 3);
    figures("locking out", &said);
    assert!(refused >= FAILURES, "guessing went on: {refused} of {} were slowed down", FAILURES * 3);
    for owner in ["198.51.100.1", "2001:db8::1"] {
        Answer::of(from(&house, &portal, owner, &good)).await.expect(200);
        // Nor do their own few mistakes.
        Answer::of(from(&house, &portal, owner, &wrong(&portal, 1))).await.error_code(401, "invalid_client");
        Answer::of(from(&house, &portal, owner, &good)).await.expect(200);
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_per_address_over_all_clients() {
    let house = house(&[]);
    let mut portals = Vec::new();
    for _ in 0..4 {
        portals.push(scene(&house).await.0);
    }
    let mut statuses = Vec::new();
    for number in 0..FAILURES * 3 {
        let portal = &portals[usize::try_from(number).unwrap() % portals.len()];
        statuses.push(Answer::of(from(&house, portal, "192.0.2.8", &wrong(portal, number))).await.status);
    }
    // Sixty requests are in two windows at most.
    let guesses = statuses.iter().filter(|status| **status == 401).count();
    assert!(guesses <= 2 * usize::try_from(FAILURES).unwrap(), "{guesses} guesses");
    let over = house.exchanging(&portals[0]).header("X-Forwarded-For", "192.0.2.8").json(&wrong(&portals[0], 1));
    let over = Answer::of(over).await;
    if over.status == 429 {
        let body = over.error(429);
        assert_eq!((&body["error"], &body["code"]), (&json!("rate_limited"), &json!("rate_limited")));
        assert!((1..=60).contains(&over.number("retry-after")));
    }
}

#[tokio::test]
async fn exchanges_of_a_client_have_a_rate_that_failures_do_not_spend() {
    let house = house(&[("TOKEN_LIMITS__EXCHANGES_PER_MINUTE", "5"), ("TOKEN_LIMITS__FAILURES_PER_MINUTE", "0")]);
    let (portal, secret) = scene(&house).await;
    let (other, of_other) = scene(&house).await;
    for number in 0..30 {
        house.exchange(&portal, wrong(&portal, number)).await.error_code(401, "invalid_client");
    }
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(house.exchange(&portal, grant(&portal, &secret.value)).await.status);
    }
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((5..=10).contains(&passed), "twelve are in two windows at most: {statuses:?}");
    house.exchange(&other, grant(&other, &of_other.value)).await.expect(200);
}

#[tokio::test]
async fn asking_for_codes_has_a_rate_per_address_and_a_bound_per_portal() {
    let house = house(&[("TOKEN_LIMITS__CODES_PER_MINUTE", "10")]);
    let portal = house.invokable("{ viewer { id } }").await;
    let ask = |address: &str| {
        let path = format!("{}/codes", suite::path(&portal.slug));
        house.request(reqwest::Method::POST, &path).header("X-Forwarded-For", address)
    };
    let mut statuses = Vec::new();
    for _ in 0..25 {
        statuses.push(Answer::of(ask("192.0.2.9")).await.status);
    }
    assert!(statuses.iter().all(|status| [200, 429].contains(status)), "{statuses:?}");
    assert!((10..=20).contains(&statuses.iter().filter(|status| **status == 200).count()), "{statuses:?}");
    Answer::of(ask("198.51.100.2")).await.expect(200);
    let unlimited = self::house(&[("TOKEN_LIMITS__CODES_PER_MINUTE", "0")]);
    let portal = unlimited.invokable("{ viewer { id } }").await;
    for _ in 0..20 {
        unlimited.ask(&portal).await.expect(200);
    }
    assert!((400..500).contains(&unlimited.ask(&portal).await.status), "a twenty-first is pending");
}
