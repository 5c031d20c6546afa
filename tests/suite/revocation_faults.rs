//! What is removed stops working everywhere within five seconds, whatever happens between the parts (R13).
//!
//! Processes of their own with a network between them that can be cut; callers that never stop; a recorded history; the
//! checker of `suite::history`, which is proven to find a planted violation.

use std::{
    slice,
    sync::Mutex,
    time::{Duration, Instant},
};

use suite::{
    Direction, Fleet, Load, Part, Partition, Removals, Seen, count, figures, full,
    history::{Event, GRACE, latest, successes, violations, violations_after},
    wait,
};

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
    removals: Removals,
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
        let removals = Removals::of(&fleet, TOKENS).await;
        for credential in 0..TOKENS {
            removals.call(&fleet, credential).await.data();
        }
        Self { fleet, network: network.unwrap(), removals, acknowledged: Mutex::default() }
    }

    fn callers(&self) -> Load<Seen> {
        self.removals.callers(4, &[self.fleet.split.gateway()])
    }

    /// Removes a token at the token service itself, which no fault is between, and records the acknowledgement.
    async fn remove(&self, credential: usize, wait: bool) {
        let address = self.fleet.split.address(Part::Token);
        let event = self.removals.remove_at(address, &self.fleet, credential, wait).await;
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
        self.removals.call(&self.fleet, credential).await.status
    }

    fn history(&self, callers: Load<Seen>) -> Vec<Event> {
        let mut history: Vec<Event> = callers.stop().into_iter().map(|seen| seen.event).collect();
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
    let as_said =
        stage.removals.are_as_said(slice::from_ref(&stage.fleet), |credential| removed.contains(&credential)).await;
    assert!(as_said, "{fault:?}: what is removed isn't what is refused at the end: {removed:?}");
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
    let refused = stage.removals.call(&stage.fleet, 0).await;
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
