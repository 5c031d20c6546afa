//! Ten times the load that a portal can take: as much is done as before, and the rest is refused at once (R10).
//!
//! What it can take is set by an upstream that takes its time, so that callers and parts have processors enough to show how
//! what is too much is refused. How many calls a machine can do is for `tests/bench`.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use suite::{Fleet, Sample, Upstream, count, figures, full, paced, path, upstream, wait, wire};

const WORK: Duration = Duration::from_millis(100);
const PLACES: u32 = 8;
/// What it can take, a second.
const CAPACITY: u32 = 80;

fn slow() -> Upstream {
    Upstream::start(|connection| {
        while connection.request().is_some() {
            thread::sleep(WORK);
            if !connection.send(upstream::reply("200 OK", &["content-type: application/json"], upstream::ANSWER)) {
                return;
            }
        }
    })
}

fn rate_of(samples: &[Sample], lasted: Duration) -> f64 {
    let good = samples.iter().filter(|sample| sample.status == Some(200)).count();
    f64::from(u32::try_from(good).unwrap()) / lasted.as_secs_f64()
}

#[tokio::test]
async fn ten_times_too_much_is_refused_and_what_can_be_done_is() {
    let upstream = slow();
    let fleet = Fleet::start(|split| {
        split.set(upstream::ALLOWED.0, upstream::ALLOWED.1);
        split.set("PORTAL_LIMITS__IN_FLIGHT_PER_PORTAL", &PLACES.to_string());
    });
    let portal = upstream.portal(&fleet, json!({})).await;
    let authorization = format!("Authorization: Bearer {}", portal.token);
    let request = wire::post(&format!("{}?operation_name=Ask", path(&portal.slug)), &[&authorization], "{}");
    let lasts = count(Duration::from_secs(3), Duration::from_secs(20));
    let play = |rate: u32| {
        let (request, begun) = (request.clone(), Instant::now());
        let load = paced(fleet.split.gateway(), rate, move |_| request.clone());
        thread::sleep(lasts);
        let samples = load.stop();
        (rate_of(&samples, begun.elapsed()), samples)
    };
    let (peak, _) = play(CAPACITY);
    let (goodput, samples) = play(CAPACITY * 10);
    let relieved = Instant::now();
    wait::need_async("calls to pass again", Duration::from_secs(30), async || {
        (fleet.calling_named(&portal, "Ask").json(&json!({})).send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let recovered = relieved.elapsed();
    let mut refused: Vec<Duration> =
        samples.iter().filter(|sample| sample.status != Some(200)).map(|sample| sample.took).collect();
    refused.sort();
    let [half, most] = [50, 99].map(|percent| refused[(refused.len() - 1) * percent / 100]);
    figures(
        "overload",
        &format!(
            "{peak:.0} calls a second at most; at ten times that {goodput:.0} passed, {} of {} were refused, half of them within \
             {half:?}, 99 of 100 within {most:?}; all passed again after {recovered:?}",
            refused.len(),
            samples.len()
        ),
    );
    for sample in &samples {
        let is_busy = sample.status == Some(503) && sample.said.contains("portal_busy");
        assert!(sample.status == Some(200) || is_busy, "{sample:?}");
    }
    assert!(refused.len() > samples.len() / 4, "it wasn't too much: {} of {}", refused.len(), samples.len());
    if full() {
        assert!(goodput >= 0.8 * peak, "{goodput} of {peak}");
        assert!(most < Duration::from_millis(50), "{most:?}");
        assert!(recovered < Duration::from_secs(5), "{recovered:?}");
    }
}
