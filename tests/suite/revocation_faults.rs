//! What is removed stops working everywhere within five seconds, whatever happens between the parts (R13).
//!
//! Processes of their own with a network between them that can be cut; callers that never stop; a recorded history; the
//! checker of `suite::history`, which is proven to find a planted violation.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use contracts::credential::v1::{
    DeleteServiceTokenRequest, PortalReference, credential_service_client::CredentialServiceClient,
};
use serde_json::json;
use suite::{
    Direction, Fleet, Issued, Load, Part, Partition, Portal, count, figures, full,
    history::{Event, GRACE, latest, successes, violations, violations_after},
    path, wait, wire,
};
use tonic::{Request, transport::Channel};

/// As many as a portal may have beside the one of its creation.
const TOKENS: usize = 9;

/// The tokens that are removed; the last of all is not.
const BEFORE: usize = 0;
const DURING: [usize; 3] = [1, 2, 3];
const AFTER: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Nothing,
    Cut,
    OneWay(Direction),
    Pause(Part),
    Step(Part, &'static str),
}

/// The processes, the network between portal service and token service, and what callers and administrators saw.
struct Stage {
    fleet: Fleet,
    network: Partition,
    portal: Portal,
    tokens: Vec<Issued>,
    origin: Instant,
    acknowledged: Mutex<Vec<Event>>,
}

impl Stage {
    async fn build() -> Self {
        let mut network = None;
        let fleet = Fleet::start(|split| {
            split.fake_clocks();
            let between = Partition::before(split.address(Part::Token));
            split.set("PORTAL_TOKEN__URL", &format!("http://{}", between.address()));
            network = Some(between);
        });
        let portal = fleet.portal_of("{ viewer { id } }").await;
        let mut tokens = Vec::new();
        for _ in 0..TOKENS {
            tokens.push(fleet.issue(&portal, "service_tokens", json!({})).await);
        }
        for token in &tokens {
            fleet.call_with(&portal, &token.value).await.data();
        }
        let network = network.unwrap();
        Self { fleet, network, portal, tokens, origin: Instant::now(), acknowledged: Mutex::default() }
    }

    /// Callers that show every token in turn, again and again.
    fn callers(&self) -> Load<Event> {
        let (origin, gateway) = (self.origin, self.fleet.split.gateway());
        let call = |token: &Issued| {
            let authorization = format!("Authorization: Bearer {}", token.value);
            wire::post(&path(&self.portal.slug), &[&authorization], "{}")
        };
        let calls: Vec<Vec<u8>> = self.tokens.iter().map(call).collect();
        Load::start(4, move |number| {
            let (mut wire, calls, mut turn) = (wire::Wire::to(gateway), calls.clone(), number);
            move || {
                let credential = turn % calls.len();
                turn += 1;
                // Paced: the parts share the processors with their callers.
                thread::sleep(Duration::from_millis(2));
                let began = origin.elapsed();
                let status = wire.send(&calls[credential]).ok().map(|reply| reply.status);
                Event::Request { credential, began, ended: origin.elapsed(), status }
            }
        })
    }

    /// Removes a token at the token service itself, which no fault is between, and records the acknowledgement.
    async fn remove(&self, credential: usize, wait: bool) {
        let url = format!("http://{}", self.fleet.split.address(Part::Token));
        let channel: Channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        let uuid = |name: &str| self.portal.body[name].as_str().unwrap().to_owned();
        let portal = PortalReference { organization_uuid: uuid("organization_uuid"), portal_uuid: uuid("uuid") };
        let token_uuid = self.tokens[credential].uuid.clone();
        let mut request = Request::new(DeleteServiceTokenRequest { portal: Some(portal), token_uuid, wait });
        let authorization = format!("Bearer {}", self.fleet.api_token()).parse().unwrap();
        request.metadata_mut().insert("authorization", authorization);
        CredentialServiceClient::new(channel).delete_service_token(request).await.unwrap();
        let event = Event::Acknowledged { credential, at: self.origin.elapsed() };
        self.acknowledged.lock().unwrap().push(event);
    }

    fn begin(&self, fault: Fault) {
        match fault {
            Fault::Nothing => {}
            Fault::Cut => self.network.cut(),
            Fault::OneWay(direction) => self.network.cut_one_way(direction),
            Fault::Pause(part) => self.fleet.split.process(part).signal("STOP"),
            Fault::Step(part, offset) => self.fleet.split.step(part, offset),
        }
    }

    fn end(&self, fault: Fault) {
        match fault {
            Fault::Nothing => {}
            Fault::Cut | Fault::OneWay(_) => self.network.heal(),
            Fault::Pause(part) => self.fleet.split.process(part).signal("CONT"),
            Fault::Step(part, _) => self.fleet.split.step(part, "+0"),
        }
    }

    /// The status of a call now.
    async fn status(&self, credential: usize) -> u16 {
        self.fleet.call_with(&self.portal, &self.tokens[credential].value).await.status
    }

    fn history(&self, callers: Load<Event>) -> Vec<Event> {
        let mut history = callers.stop();
        history.extend(self.acknowledged.lock().unwrap().drain(..));
        history
    }
}

/// Removes tokens before, during and after a fault while callers go on. Gives what everybody saw.
async fn play(fault: Fault, lasts: Duration) -> (Stage, Vec<Event>) {
    let stage = Stage::build().await;
    let callers = stage.callers();
    stage.remove(BEFORE, false).await;
    // A paused token service acknowledges nothing: then its last acknowledgement is right before.
    let paused = matches!(fault, Fault::Pause(Part::Token));
    if paused {
        stage.remove(DURING[0], false).await;
    }
    stage.begin(fault);
    if !paused {
        for credential in DURING {
            stage.remove(credential, false).await;
        }
    }
    // The fault's duration, not a wait for something.
    tokio::time::sleep(lasts).await;
    stage.end(fault);
    wait::need_async("calls to pass again", Duration::from_secs(20), async || {
        (stage.status(TOKENS - 1).await == 200).then_some(())
    })
    .await;
    stage.remove(AFTER, false).await;
    // Requests must begin after the last grace, or there would be nothing to find.
    tokio::time::sleep(GRACE + Duration::from_secs(2)).await;
    let history = stage.history(callers);
    (stage, history)
}

/// Plays a fault and checks the promise.
async fn promise_holds(fault: Fault, lasts: Duration) {
    let (stage, history) = play(fault, lasts).await;
    let (calls, last) = (history.len(), latest(&history).unwrap_or_default());
    figures(
        "revocation",
        &format!(
            "{fault:?} for {lasts:?}: {} of {calls} calls passed, the last one {last:?} after its removal",
            successes(&history)
        ),
    );
    assert!(successes(&history) > 100, "{fault:?}: only {} calls passed", successes(&history));
    assert_eq!(violations(&history), [], "{fault:?}");
    let removed: Vec<usize> = history.iter().filter_map(acknowledged).collect();
    assert!(removed.len() >= 3, "{removed:?}");
    for credential in 0..TOKENS {
        let expected = if removed.contains(&credential) { 401 } else { 200 };
        assert_eq!(stage.status(credential).await, expected, "{fault:?}: token {credential} at the end");
    }
}

fn acknowledged(event: &Event) -> Option<usize> {
    match event {
        Event::Acknowledged { credential, .. } => Some(*credential),
        Event::Request { .. } => None,
    }
}

/// Longer than a lease and its grace.
fn long() -> Duration {
    count(Duration::from_secs(7), Duration::from_secs(20))
}

#[tokio::test]
async fn removals_hold_while_everything_is_well() {
    promise_holds(Fault::Nothing, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn removals_hold_while_the_parts_cannot_reach_each_other() {
    promise_holds(Fault::Cut, long()).await;
}

#[tokio::test]
async fn removals_hold_while_questions_are_lost() {
    promise_holds(Fault::OneWay(Direction::There), long()).await;
}

#[tokio::test]
async fn removals_hold_while_answers_are_lost() {
    promise_holds(Fault::OneWay(Direction::Back), long()).await;
}

#[tokio::test]
async fn removals_hold_over_a_pause_of_the_verifier() {
    promise_holds(Fault::Pause(Part::Portal), count(Duration::from_secs(7), Duration::from_mins(1))).await;
}

#[tokio::test]
async fn removals_hold_over_a_pause_of_the_token_service() {
    promise_holds(Fault::Pause(Part::Token), count(Duration::from_secs(7), Duration::from_mins(1))).await;
}

#[tokio::test]
async fn removals_hold_when_clocks_step() {
    let steps = [(Part::Portal, "-1h"), (Part::Portal, "+1h"), (Part::Token, "-1h"), (Part::Token, "+1h")];
    for (part, offset) in steps.into_iter().take(if full() { 4 } else { 2 }) {
        promise_holds(Fault::Step(part, offset), Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_verifier_that_cannot_prove_that_it_is_fresh_answers_503() {
    let stage = Stage::build().await;
    stage.network.cut();
    assert_eq!(stage.status(0).await, 200, "the lease still lasts");
    wait::need_async("503", Duration::from_secs(6), async || (stage.status(0).await == 503).then_some(())).await;
    let refused = stage.fleet.call_with(&stage.portal, &stage.tokens[0].value).await;
    refused.error_code(503, "verification_unavailable");
    assert!(refused.number("retry-after") > 0);
    stage.network.heal();
    wait::need_async("calls to pass again", Duration::from_secs(10), async || {
        (stage.status(0).await == 200).then_some(())
    })
    .await;
}

/// With `wait` the acknowledgement itself says that nobody accepts it any more: no grace.
#[tokio::test]
async fn an_acknowledgement_that_waited_has_no_grace() {
    let stage = Stage::build().await;
    let callers = stage.callers();
    // For a lease's time after its start the token service waits for verifiers that it can't know of.
    stage.remove(0, true).await;
    let begun = Instant::now();
    stage.remove(1, true).await;
    let healthy = begun.elapsed();
    stage.network.cut();
    let begun = Instant::now();
    stage.remove(2, true).await;
    figures("revocation", &format!("?wait=true took {healthy:?} when healthy, {:?} when cut off", begun.elapsed()));
    assert_ne!(stage.status(2).await, 200);
    stage.network.heal();
    wait::need_async("calls to pass again", Duration::from_secs(10), async || {
        (stage.status(TOKENS - 1).await == 200).then_some(())
    })
    .await;
    stage.remove(3, true).await;
    for removed in 0..=3 {
        assert_eq!(stage.status(removed).await, 401, "token {removed}");
    }
    let history = stage.history(callers);
    assert_eq!(violations_after(&history, Duration::ZERO), []);
    assert!(successes(&history) > 50);
    assert!(healthy < Duration::from_secs(2), "with everybody there it took {healthy:?}");
}
