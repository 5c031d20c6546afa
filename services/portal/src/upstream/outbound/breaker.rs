//! Upstreams that fail again and again are left alone for a while: callers get their answer at once, and the upstream gets
//! time to come back. ADR 19.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kit::ambient::Ambient;
use moka::sync::Cache;

use crate::domain::id::UpstreamId;

/// Failures in a row that open a breaker.
pub(super) const MOST_FAILURES: u32 = 10;
/// How long it stays open before one call may try.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
/// Upstreams that are watched. One that is forgotten begins anew.
const MOST_UPSTREAMS: u64 = 10_000;

/// The breakers of all upstreams.
pub(super) struct Breakers {
    kept: Cache<UpstreamId, Arc<Breaker>>,
    ambient: Ambient,
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Breakers")
    }
}

#[derive(Debug, Default)]
struct Breaker(Mutex<State>);

#[derive(Debug)]
enum State {
    /// Calls go through; so many failed in a row.
    Closed(u32),
    /// None goes through until then (time since boot), and then one.
    Open { until: Duration, is_probed: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Breaker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to call. Dropped without a verdict (the caller left), it says nothing about the upstream.
#[derive(Debug)]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    ambient: Ambient,
    /// Whether it is the one call that tries an open breaker.
    is_probe: bool,
}

impl Breakers {
    pub(super) fn new(ambient: Ambient) -> Self {
        metrics::gauge!("portals_upstream_breakers_open").set(0.0);
        Self { kept: Cache::new(MOST_UPSTREAMS), ambient }
    }

    /// Leave to call an upstream; `None`: it isn't called now.
    pub(super) fn enter(&self, upstream: UpstreamId) -> Option<Permit> {
        let breaker = self.kept.get_with(upstream, Arc::default);
        let is_probe = match &mut *breaker.state() {
            State::Closed(_) => false,
            State::Open { until, is_probed } if !*is_probed && self.ambient.since_boot() >= *until => {
                *is_probed = true;
                true
            }
            State::Open { .. } => return None,
        };
        Some(Permit { breaker, ambient: self.ambient.clone(), is_probe })
    }
}

impl Permit {
    /// Says how the call went. Whether the breaker opened by it, or closed.
    pub(super) fn done(self, well: bool) -> Option<Turn> {
        let mut state = self.breaker.state();
        let until = self.ambient.since_boot() + PAUSE;
        let failures = match *state {
            State::Closed(failures) => failures,
            // What began before the breaker opened says nothing of now.
            State::Open { .. } if !self.is_probe => return None,
            State::Open { .. } => MOST_FAILURES,
        };
        let (next, turn) = match (well, failures + 1) {
            (true, _) => (State::Closed(0), self.is_probe.then_some(Turn::Closed)),
            (false, failed) if failed < MOST_FAILURES => (State::Closed(failed), None),
            (false, _) => (State::Open { until, is_probed: false }, (!self.is_probe).then_some(Turn::Opened)),
        };
        *state = next;
        drop(state);
        turn
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_probe
            && let State::Open { is_probed, .. } = &mut *self.breaker.state()
        {
            *is_probed = false;
        }
    }
}

/// What became of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

impl Turn {
    /// Counts it.
    pub(super) fn count(self) {
        let open = metrics::gauge!("portals_upstream_breakers_open");
        match self {
            Self::Opened => {
                open.increment(1.0);
                metrics::counter!("portals_upstream_breaker_openings_total").increment(1);
            }
            Self::Closed => open.decrement(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::tests::{HeldClock, held};

    const UPSTREAM: UpstreamId = UpstreamId(Uuid::from_u128(1));

    fn world() -> (Arc<HeldClock>, Breakers) {
        let (clock, ambient) = held();
        (clock, Breakers::new(ambient))
    }

    fn fail(breakers: &Breakers, times: u32) -> Vec<Option<Turn>> {
        (0..times).map(|_| breakers.enter(UPSTREAM).unwrap().done(false)).collect()
    }

    #[test]
    fn ten_failures_in_a_row_open_it_for_five_seconds() {
        let (clock, breakers) = world();
        assert_eq!(fail(&breakers, 10).last(), Some(&Some(Turn::Opened)));
        assert!(breakers.enter(UPSTREAM).is_none());
        clock.advance(Duration::from_millis(4_999));
        assert!(breakers.enter(UPSTREAM).is_none());
        clock.advance(Duration::from_millis(1));
        assert!(breakers.enter(UPSTREAM).is_some());
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let (_, breakers) = world();
        fail(&breakers, 9);
        breakers.enter(UPSTREAM).unwrap().done(true);
        assert_eq!(fail(&breakers, 9), [None; 9]);
        assert!(breakers.enter(UPSTREAM).is_some());
    }

    #[test]
    fn one_call_tries_and_decides() {
        let (clock, breakers) = world();
        fail(&breakers, 10);
        clock.advance(PAUSE);
        let probe = breakers.enter(UPSTREAM).unwrap();
        assert!(breakers.enter(UPSTREAM).is_none(), "only one tries");
        assert_eq!(probe.done(false), None);
        assert!(breakers.enter(UPSTREAM).is_none(), "it failed: another pause");
        clock.advance(PAUSE);
        assert_eq!(breakers.enter(UPSTREAM).unwrap().done(true), Some(Turn::Closed));
        assert_eq!(fail(&breakers, 9), [None; 9]);
    }

    #[test]
    fn a_try_that_is_given_up_lets_the_next_try() {
        let (clock, breakers) = world();
        fail(&breakers, 10);
        clock.advance(PAUSE);
        drop(breakers.enter(UPSTREAM).unwrap());
        assert!(breakers.enter(UPSTREAM).is_some());
    }

    #[test]
    fn late_verdicts_of_before_count_for_nothing() {
        let (clock, breakers) = world();
        let (well, badly) = (breakers.enter(UPSTREAM).unwrap(), breakers.enter(UPSTREAM).unwrap());
        fail(&breakers, 10);
        assert_eq!(well.done(true), None);
        assert!(breakers.enter(UPSTREAM).is_none());
        clock.advance(PAUSE);
        assert_eq!(badly.done(false), None);
        assert!(breakers.enter(UPSTREAM).is_some());
    }

    #[test]
    fn upstreams_have_breakers_of_their_own() {
        let (_, breakers) = world();
        fail(&breakers, 10);
        assert!(breakers.enter(UpstreamId(Uuid::from_u128(2))).is_some());
    }
}
