//! Who must be told of revocations, and what they have applied.
//!
//! A verifier's kept verdicts count for one [`LEASE`] from the moment it asked for it, so that counting from the moment its
//! renewal arrived here is never too short. A lease is given by the answer to a renewal, with the head that was read after it
//! had arrived: so who acknowledges only when every lease asked for before the commit has run out, or its holder has applied
//! the event, acknowledges when nobody accepts what was revoked any more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kit::{ambient::Ambient, error::chain};
use tokio::{sync::watch, time::timeout};

use crate::{Service, domain::revocation::LEASE};

/// How often the head of the sequence is read while there are watchers: other replicas revoke too.
pub(crate) const PERIOD: Duration = Duration::from_millis(100);
/// What is waited beyond a lease: clocks of different machines don't run equally fast.
const MARGIN: Duration = Duration::from_millis(100);
/// After what time nobody holds a lease that was asked for before.
pub(crate) const RUN_OUT: Duration = LEASE.saturating_add(MARGIN);
/// How long to sleep at most before looking at the clock again: it goes on while the machine is suspended, timers don't.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The watchers of this process.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// When this process began. Those of the one before it may hold leases until that has run out.
    began: Duration,
    state: Mutex<State>,
    /// The newest place in the sequence that is known to be committed.
    committed: watch::Sender<u64>,
    /// Sent to when a watcher has said something.
    renewed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    watchers: BTreeMap<u64, Watcher>,
}

#[derive(Debug)]
struct Watcher {
    /// When its last renewal arrived, since boot.
    renewed_at: Duration,
    /// The last event that it has applied.
    applied: u64,
    connected: bool,
}

impl Watchers {
    /// None yet, `now` since boot.
    pub(crate) fn new(now: Duration) -> Self {
        Self { began: now, state: Mutex::default(), committed: watch::Sender::new(0), renewed: watch::Sender::new(()) }
    }

    /// A new watcher's number, to be given back to [`Watchers::leave`].
    pub(crate) fn join(&self, now: Duration) -> u64 {
        let mut state = self.state();
        state.forget_lapsed(now);
        state.last += 1;
        let number = state.last;
        state.watchers.insert(number, Watcher { renewed_at: now, applied: 0, connected: true });
        number
    }

    /// A watcher's renewal has arrived. To be told before the head is read for its answer.
    pub(crate) fn renewal_arrived(&self, number: u64, now: Duration) {
        if let Some(watcher) = self.state().watchers.get_mut(&number) {
            watcher.renewed_at = now;
        }
    }

    /// A watcher has applied every event up to that one.
    pub(crate) fn applied(&self, number: u64, applied: u64) {
        if let Some(watcher) = self.state().watchers.get_mut(&number) {
            watcher.applied = applied;
        }
        self.renewed.send_replace(());
    }

    /// A watcher's stream has ended. It may still hold a lease.
    pub(crate) fn leave(&self, number: u64, now: Duration) {
        let mut state = self.state();
        if let Some(watcher) = state.watchers.get_mut(&number) {
            watcher.connected = false;
        }
        state.forget_lapsed(now);
    }

    /// Wakes when something was committed.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// Everything up to that place in the sequence is committed.
    fn committed(&self, sequence: u64) {
        self.committed.send_if_modified(|newest| {
            let is_newer = sequence > *newest;
            *newest = sequence.max(*newest);
            is_newer
        });
    }

    /// How many streams there are.
    pub(crate) fn count_connected(&self) -> usize {
        self.state().watchers.values().filter(|watcher| watcher.connected).count()
    }

    /// Whether no verifier that this process has served, nor one of a process before it, can accept what the event of that
    /// place revoked.
    fn is_settled(&self, sequence: u64, now: Duration) -> bool {
        let has_run_out = |since: Duration| now >= since + RUN_OUT;
        let settled = |watcher: &Watcher| watcher.applied >= sequence || has_run_out(watcher.renewed_at);
        has_run_out(self.began) && self.state().watchers.values().all(settled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_lapsed(&mut self, now: Duration) {
        self.watchers.retain(|_, watcher| watcher.connected || now < watcher.renewed_at + RUN_OUT);
    }
}

impl Service {
    /// Tells watchers of what was just committed, up to the event of that place in the sequence; if `wait`, returns only when
    /// no verifier accepts what was revoked any more (spec §7).
    pub(crate) async fn announced(&self, sequence: u64, wait: bool) {
        self.0.watchers.committed(sequence);
        if wait {
            self.settled(sequence, &self.0.ambient).await;
        }
    }

    async fn settled(&self, sequence: u64, ambient: &Ambient) {
        let watchers = &self.0.watchers;
        // Whatever watches where: a lease without the event was asked for before the commit, which is behind us.
        let enough = ambient.since_boot() + RUN_OUT;
        // Other replicas serve watchers that aren't known here.
        let knows_all = !self.0.store.may_have_replicas();
        let mut renewed = watchers.renewed.subscribe();
        loop {
            let now = ambient.since_boot();
            if now >= enough || (knows_all && watchers.is_settled(sequence, now)) {
                return;
            }
            let _changed_or_elapsed = timeout(LOOK_AGAIN.min(enough.saturating_sub(now)), renewed.changed()).await;
        }
    }

    /// Learns what other replicas committed, and what this one did without telling: a caller may go away between the two.
    pub(crate) async fn poll_revocations(&self) {
        if self.0.watchers.count_connected() == 0 {
            return;
        }
        match self.0.store.revocation_head().await {
            Ok(head) => self.0.watchers.committed(head),
            Err(error) => tracing::debug!(error = chain(&error), "the head of the sequence can't be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn every_watcher_must_have_applied_it() {
        let watchers = Watchers::new(at(0));
        let (one, two) = (watchers.join(at(100)), watchers.join(at(100)));
        watchers.applied(one, 7);
        assert!(!watchers.is_settled(7, at(101)));
        watchers.applied(two, 6);
        assert!(!watchers.is_settled(7, at(101)));
        watchers.applied(two, 7);
        assert!(watchers.is_settled(7, at(101)));
        assert!(!watchers.is_settled(8, at(101)));
    }

    #[test]
    fn a_watcher_that_is_silent_counts_until_its_lease_has_run_out() {
        for leaves in [true, false] {
            let watchers = Watchers::new(at(0));
            let one = watchers.join(at(100));
            watchers.renewal_arrived(one, at(102));
            if leaves {
                watchers.leave(one, at(103));
            }
            assert!(!watchers.is_settled(1, at(101) + RUN_OUT + Duration::from_nanos(999_999_999)), "{leaves}");
            assert!(watchers.is_settled(1, at(102) + RUN_OUT), "{leaves}");
        }
    }

    #[test]
    fn leases_of_the_process_before_count_until_they_have_run_out() {
        let watchers = Watchers::new(at(50));
        assert!(!watchers.is_settled(0, at(54)));
        assert!(watchers.is_settled(0, at(50) + RUN_OUT));
    }

    #[test]
    fn who_left_is_forgotten_once_its_lease_has_run_out() {
        let watchers = Watchers::new(at(0));
        for second in 0..1_000 {
            let number = watchers.join(at(second));
            watchers.leave(number, at(second));
        }
        assert!(watchers.state().watchers.len() <= 6, "{}", watchers.state().watchers.len());
        assert_eq!(watchers.count_connected(), 0);
    }

    #[test]
    fn an_older_commit_wakes_nobody() {
        let watchers = Watchers::new(at(0));
        let commits = watchers.commits();
        watchers.committed(3);
        assert!(commits.has_changed().unwrap());
        let mut commits = watchers.commits();
        watchers.committed(2);
        assert!(!commits.has_changed().unwrap());
        assert_eq!(*commits.borrow_and_update(), 3);
    }
}
