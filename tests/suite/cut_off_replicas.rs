//! One of two portal services is in a network of its own, and its cables are pulled or lose what goes one way: what is removed
//! stops working everywhere within five seconds, and the other one goes on (R13).
//!
//! One cable leads to its callers, another one to the token services and the database: a verifier that its callers still reach
//! is the one that could answer from what it knew. Every other test cuts by a proxy, which keeps connections alive; here the
//! kernel loses them.

use std::{net::ToSocketAddrs, sync::Arc, time::Duration};

use suite::{
    Cable, Direction, Namespace, Part, Partition, Removals, Seen, Split, Twins, count, figures,
    history::{Event, GRACE, latest, successes, violations},
    wait,
};

const TOKENS: usize = 4;
/// The one of which is never removed.
const KEPT: usize = TOKENS - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// From callers, token services and database.
    CutOffFromAll,
    /// From token services and database.
    CutOff,
    /// As that, but only what goes that way is lost.
    OneWay(Direction),
}

struct Stage {
    twins: Twins,
    /// To the callers, and to the rest.
    cables: [Cable; 2],
    removals: Removals,
    _database: Partition,
}

/// What carries statements from that address to the database, and the setting to use it.
fn carried(split: &Split, near: &Cable) -> (Partition, Vec<(&'static str, String)>) {
    let url = split.variable("PORTAL_DATABASE__URL").unwrap();
    let (_, address) = url.split_once("//").unwrap();
    let address = address.split('/').next().unwrap().rsplit('@').next().unwrap();
    let server = address.to_socket_addrs().unwrap().next().unwrap();
    let carrier = Partition::at(near.near(), server);
    let url = url.replace(address, &carrier.address().to_string());
    (carrier, vec![("PORTAL_DATABASE__URL", url.clone()), ("PORTAL_PIPELINES__DATABASE_URL", url)])
}

/// Puts the second portal service into `namespace`, and tells everybody where everybody is.
fn settle(splits: &mut [Split; 2], namespace: &Arc<Namespace>, [front, back]: &[Cable; 2]) -> Partition {
    for split in splits.iter_mut() {
        split.serve_at(Part::Token, back.near());
    }
    splits[1].serve_at(Part::Portal, front.far());
    splits[1].start_in(Part::Portal, namespace);
    let urls = |part| format!("http://{},{}", splits[0].address(part), splits[1].address(part));
    let (token, portal, apart) = (urls(Part::Token), urls(Part::Portal), splits[1].address(Part::Portal));
    let (database, settings) = carried(&splits[1], back);
    for split in splits.iter_mut() {
        for name in ["PORTAL_TOKEN__URL", "GATEWAY_TOKEN__URL"] {
            split.set(name, &token);
        }
        split.set("GATEWAY_PORTAL__URL", &portal);
    }
    splits[1].set("GATEWAY_PORTAL__URL", &format!("http://{apart}"));
    for (name, value) in settings {
        splits[1].set(name, &value);
    }
    database
}

impl Stage {
    async fn build() -> Option<Self> {
        let namespace = Arc::new(Namespace::new()?);
        let (cables, mut database) = ([namespace.cable(), namespace.cable()], None);
        let twins = Twins::start(|splits| database = Some(settle(splits, &namespace, &cables)))?;
        let removals = Removals::of(&twins, TOKENS).await;
        Some(Self { twins, cables, removals, _database: database? })
    }

    async fn remove(&self, credential: usize) -> Event {
        let address = self.twins.splits[0].address(Part::Token);
        self.removals.remove_at(address, &self.twins, credential, false).await
    }

    fn begin(&self, fault: Fault) {
        match fault {
            Fault::CutOffFromAll => self.cables.iter().for_each(Cable::pull),
            Fault::CutOff => self.cables[1].pull(),
            Fault::OneWay(direction) => self.cables[1].lose(direction),
        }
    }

    /// Whether the kept token, and no other, passes at both gateways.
    async fn agrees(&self) -> Option<()> {
        self.removals.are_as_said(&self.twins.callers(), |credential| credential != KEPT).await.then_some(())
    }
}

/// The statuses of the kept token's calls at that gateway that began between the two. The first gateway knows both portal
/// services, the second one that in the network of its own.
fn statuses(seen: &[Seen], wanted: usize, from: Duration, to: Duration) -> Vec<Option<u16>> {
    let status = |seen: &Seen| match seen.event {
        Event::Request { credential: KEPT, began, status, .. } if (from..to).contains(&began) => {
            (seen.gateway == wanted).then_some(status)
        }
        _ => None,
    };
    seen.iter().filter_map(status).collect()
}

async fn promise_holds(fault: Fault) {
    let Some(stage) = Stage::build().await else { return };
    let callers = stage.removals.callers(6, &stage.twins.gateways());
    let mut history = vec![stage.remove(0).await];
    stage.begin(fault);
    let began = stage.removals.now();
    history.push(stage.remove(1).await);
    // The fault's duration, not a wait for something: longer than a lease and its grace.
    tokio::time::sleep(count(Duration::from_secs(10), Duration::from_mins(1))).await;
    let ended = stage.removals.now();
    stage.cables.iter().for_each(Cable::mend);
    history.push(stage.remove(2).await);
    // Requests must begin after the last grace, or there would be nothing to find.
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    let seen = callers.stop();
    let passed = |statuses: &[Option<u16>]| statuses.iter().filter(|status| **status == Some(200)).count();
    let meanwhile = statuses(&seen, 0, began, ended);
    let apart = statuses(&seen, 1, began + GRACE, ended);
    history.extend(seen.into_iter().map(|seen| seen.event));
    figures(
        "revocation on replicas, one in a network of its own",
        &format!(
            "{fault:?}: {} of {} calls passed; during the fault {} of {} of a live token where there is another replica, and \
             where there is none {} of {} after the grace; the last call of a removed token passed {:?} after its removal",
            successes(&history),
            history.len(),
            passed(&meanwhile),
            meanwhile.len(),
            passed(&apart),
            apart.len(),
            latest(&history).unwrap_or_default()
        ),
    );
    assert_eq!(violations(&history), [], "{fault:?}");
    assert!(passed(&meanwhile) > 5, "{fault:?}: the other portal service didn't go on: {meanwhile:?}");
    // Who can't prove that it is fresh passes nobody: that the fault was one is seen by that.
    assert_eq!(passed(&apart), 0, "{fault:?}: {apart:?}");
    if fault != Fault::CutOffFromAll {
        assert!(apart.contains(&Some(503)), "{fault:?}: {apart:?}");
    }
    wait::need_async("both to agree again", Duration::from_mins(1), || stage.agrees()).await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_has_no_network() {
    promise_holds(Fault::CutOffFromAll).await;
}

#[tokio::test]
async fn removals_hold_while_one_of_two_verifiers_has_callers_alone() {
    promise_holds(Fault::CutOff).await;
}

#[tokio::test]
async fn removals_hold_while_what_one_of_two_verifiers_asks_is_lost() {
    promise_holds(Fault::OneWay(Direction::There)).await;
}

#[tokio::test]
async fn removals_hold_while_what_one_of_two_verifiers_is_answered_is_lost() {
    promise_holds(Fault::OneWay(Direction::Back)).await;
}
