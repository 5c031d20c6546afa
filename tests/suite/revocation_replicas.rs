//! Two processes of each part, one verifier of which can't reach anybody or stands still: what is removed stops working
//! everywhere within five seconds, and the other one goes on (R13).

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use suite::{
    Issued, Load, Part, Partition, Portal, Split, Twins, count, figures,
    history::{Event, GRACE, latest, successes, violations},
    path, wait, wire,
};

const TOKENS: usize = 4;
/// The one of which is never removed.
const KEPT: usize = TOKENS - 1;

#[derive(Clone, Copy, Debug)]
enum Fault {
    CutOff,
    Paused,
}

struct Stage {
    twins: Twins,
    /// Between the second portal service and the two token services.
    networks: [Partition; 2],
    portal: Portal,
    tokens: Vec<Issued>,
    origin: Instant,
}

impl Stage {
    async fn build() -> Option<Self> {
        let mut networks = None;
        let twins = Twins::start(|splits| {
            let between = |split: &Split| Partition::before(split.address(Part::Token));
            let both = [between(&splits[0]), between(&splits[1])];
            splits[1].set("PORTAL_TOKEN__URL", &format!("http://{},{}", both[0].address(), both[1].address()));
            networks = Some(both);
        })?;
        let portal = twins.portal_of("{ viewer { id } }").await;
        let mut tokens = Vec::new();
        for _ in 0..TOKENS {
            tokens.push(twins.issue(&portal, "service_tokens", json!({})).await);
        }
        Some(Self { twins, networks: networks?, portal, tokens, origin: Instant::now() })
    }

    /// Callers that show every token in turn, at both gateways, again and again.
    fn callers(&self) -> Load<Event> {
        let (origin, gateways) = (self.origin, self.twins.gateways());
        let call = |token: &Issued| {
            let authorization = format!("Authorization: Bearer {}", token.value);
            wire::post(&path(&self.portal.slug), &[&authorization], "{}")
        };
        let calls: Vec<Vec<u8>> = self.tokens.iter().map(call).collect();
        Load::start(6, move |number| {
            let (mut wire, calls, mut turn) = (wire::Wire::to(gateways[number % 2]), calls.clone(), number);
            move || {
                let credential = turn % calls.len();
                turn += 1;
                thread::sleep(Duration::from_millis(3));
                let began = origin.elapsed();
                let status = wire.send(&calls[credential]).ok().map(|reply| reply.status);
                Event::Request { credential, began, ended: origin.elapsed(), status }
            }
        })
    }

    async fn remove(&self, credential: usize) -> Event {
        self.twins.remove(&self.portal, "service_tokens", &self.tokens[credential].uuid, "").await.expect(204);
        Event::Acknowledged { credential, at: self.origin.elapsed() }
    }

    fn begin(&self, fault: Fault) {
        match fault {
            Fault::CutOff => self.networks.iter().for_each(Partition::cut),
            Fault::Paused => self.twins.splits[1].process(Part::Portal).signal("STOP"),
        }
    }

    fn end(&self, fault: Fault) {
        match fault {
            Fault::CutOff => self.networks.iter().for_each(Partition::heal),
            Fault::Paused => self.twins.splits[1].process(Part::Portal).signal("CONT"),
        }
    }
}

async fn promise_holds(fault: Fault) {
    let Some(stage) = Stage::build().await else { return };
    let callers = stage.callers();
    let mut history = vec![stage.remove(0).await];
    stage.begin(fault);
    let began = stage.origin.elapsed();
    history.push(stage.remove(1).await);
    // The fault's duration, not a wait for something: longer than a lease and its grace.
    tokio::time::sleep(count(Duration::from_secs(7), Duration::from_mins(1))).await;
    let ended = stage.origin.elapsed();
    stage.end(fault);
    history.push(stage.remove(2).await);
    // Requests must begin after the last grace, or there would be nothing to find.
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    history.extend(callers.stop());
    let meanwhile = history.iter().filter(|event| {
        matches!(event, Event::Request { credential: KEPT, began: at, status: Some(200), .. } if (began..ended).contains(at))
    });
    let meanwhile = meanwhile.count();
    figures(
        "revocation on replicas",
        &format!(
            "{fault:?}: {} of {} calls passed, {meanwhile} of them during the fault, the last of a removed token {:?} after its \
             removal",
            successes(&history),
            history.len(),
            latest(&history).unwrap_or_default()
        ),
    );
    assert_eq!(violations(&history), [], "{fault:?}");
    assert!(meanwhile > 20, "the other portal service didn't go on: {meanwhile}");
    wait::need_async("both to agree again", Duration::from_secs(20), async || {
        for gateway in &stage.twins.splits {
            let caller = gateway.caller(stage.twins.api_token());
            for (number, token) in stage.tokens.iter().enumerate() {
                let expected = if number == KEPT { 200 } else { 401 };
                if caller.call_with(&stage.portal, &token.value).await.status != expected {
                    return None;
                }
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_is_cut_off() {
    promise_holds(Fault::CutOff).await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_stands_still() {
    promise_holds(Fault::Paused).await;
}
