//! Two processes of each part, one verifier of which can't reach anybody or stands still: what is removed stops working
//! everywhere within five seconds, and the other one goes on (R13).

use std::time::Duration;

use suite::{
    Part, Partition, Removals, Split, Twins, count, figures,
    history::{Event, GRACE, latest, successes, violations},
    wait,
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
    removals: Removals,
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
        let removals = Removals::of(&twins, TOKENS).await;
        Some(Self { twins, networks: networks?, removals })
    }

    async fn remove(&self, credential: usize) -> Event {
        self.removals.remove(&self.twins, credential).await
    }

    fn begin(&self, fault: Fault) {
        match fault {
            Fault::CutOff => self.networks.iter().for_each(Partition::cut),
            Fault::Paused => self.twins.splits[1].process(Part::Portal).signal("STOP"),
        }
    }

    /// Whether the kept token, and no other, passes at both gateways.
    async fn agrees(&self) -> Option<()> {
        self.removals.are_as_said(&self.twins.callers(), |credential| credential != KEPT).await.then_some(())
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
    let callers = stage.removals.callers(6, &stage.twins.gateways());
    let mut history = vec![stage.remove(0).await];
    stage.begin(fault);
    let began = stage.removals.now();
    history.push(stage.remove(1).await);
    // The fault's duration, not a wait for something: longer than a lease and its grace.
    tokio::time::sleep(count(Duration::from_secs(7), Duration::from_mins(1))).await;
    let ended = stage.removals.now();
    stage.end(fault);
    history.push(stage.remove(2).await);
    // Requests must begin after the last grace, or there would be nothing to find.
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    history.extend(callers.stop().into_iter().map(|seen| seen.event));
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
    wait::need_async("both to agree again", Duration::from_secs(20), || stage.agrees()).await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_is_cut_off() {
    promise_holds(Fault::CutOff).await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_stands_still() {
    promise_holds(Fault::Paused).await;
}
