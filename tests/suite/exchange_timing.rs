//! No refusal of `/tokens` takes longer than another, and none costs a slow hash (S6).

use std::time::{Duration, Instant};

use kit::credential::Plain;
use suite::{Installation, count, figures, full, grant, path, wire};

/// How long a refusal takes at the client, over and over in turn with the others.
fn medians(address: std::net::SocketAddr, requests: &[Vec<u8>], samples: usize) -> Vec<Duration> {
    let mut wire = wire::Wire::to(address);
    let mut times = vec![Vec::with_capacity(samples); requests.len()];
    for _ in 0..samples {
        for (request, times) in requests.iter().zip(&mut times) {
            let begun = Instant::now();
            let reply = wire.send(request).unwrap();
            times.push(begun.elapsed());
            assert_eq!(reply.status, 401, "{}", reply.body);
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

#[tokio::test]
async fn refusals_take_the_same_time_and_no_slow_hash() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    let unknown = Plain::secret("bk", [9; 6], &[9; 32]);
    // Of the real one's selector, with other random bytes.
    let mut selector = [0; 6];
    selector.copy_from_slice(&selector_of(&secret.value));
    let wrong = Plain::secret("bk", selector, &[8; 32]);
    assert_eq!(wrong.expose()[..14], secret.value[..14]);
    let nobody =
        suite::Portal { body: serde_json::json!({"uuid": "018f2b5e-0000-7000-8000-000000000000"}), ..portal.clone() };
    let tokens = format!("{}/tokens", path(&portal.slug));
    let requests = [
        ("unknown client", grant(&nobody, &secret.value)),
        ("unknown selector", grant(&portal, unknown.expose())),
        ("wrong secret", grant(&portal, wrong.expose())),
    ]
    .map(|(_, body)| wire::post(&tokens, &[], &body.to_string()));
    let address = house.bootstrap().address("gateway");
    medians(address, &requests, 50);
    let before = house.metric("portals_token_slow_hashes_total");
    let samples = count(300, 5_000);
    let medians = medians(address, &requests, samples);
    let after = house.metric("portals_token_slow_hashes_total");
    assert!((after - before).abs() < f64::EPSILON, "{} slow hashes for refusals", after - before);
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    let said = format!("{samples} samples of unknown client, unknown selector, wrong secret; medians {medians:?}");
    figures("refusals of /tokens", &said);
    // The few samples of a busy machine only show that no refusal does something else altogether.
    let bound = if full() { Duration::from_micros(100) } else { Duration::from_millis(2) };
    assert!(most.saturating_sub(*least) < bound, "{said}");
    // The counter counts: a good secret moves it.
    house.ephemeral(&portal, &secret).await;
    assert!(house.metric("portals_token_slow_hashes_total") > after, "the counter doesn't count");
}

/// The six bytes that a secret's selector was made of.
fn selector_of(secret: &str) -> [u8; 6] {
    let number = secret[5..14].bytes().fold(0_u64, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            _ => digit - b'a' + 36,
        };
        number * 62 + u64::from(digit)
    });
    number.to_be_bytes()[2..].try_into().unwrap()
}
