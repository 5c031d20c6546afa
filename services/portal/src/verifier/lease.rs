//! How long what is kept may be used without asking.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How long an answer to a renewal counts, from the moment of asking (spec §7).
pub(super) const LIFE: Duration = Duration::from_secs(4);

/// The right to use kept verdicts. All times are since boot: a clock that counts suspension and never steps.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// In nanoseconds since boot.
    until: AtomicU64,
}

impl Lease {
    /// Whether what is kept counts at `now`.
    pub(super) fn is_live(&self, now: Duration) -> bool {
        nanos(now) < self.until.load(Ordering::Acquire)
    }

    /// How long ago the renewal was sent that it lives by. Where none was answered yet, it is as old as the machine's start.
    pub(super) fn age(&self, now: Duration) -> Duration {
        let until = Duration::from_nanos(self.until.load(Ordering::Acquire));
        now.saturating_sub(until.saturating_sub(LIFE))
    }

    /// A renewal that was sent at `asked` was answered, and everything up to that answer's head is applied.
    ///
    /// To be called after applying: whoever sees the new end sees what was applied, too. An answer that comes late can't
    /// make a lease that would be over already, because it counts from the asking.
    pub(super) fn renew(&self, asked: Duration) {
        self.until.fetch_max(nanos(asked + LIFE), Ordering::AcqRel);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_four_seconds_from_asking_and_never_shrinks() {
        let (lease, second) = (Lease::default(), Duration::from_secs(1));
        let last = Duration::from_nanos(4_999_999_999);
        assert!(!lease.is_live(Duration::ZERO));
        lease.renew(second);
        assert!(lease.is_live(last));
        assert!(!lease.is_live(second * 5));
        assert_eq!(lease.age(second * 3), second * 2);
        lease.renew(Duration::ZERO);
        assert!(lease.is_live(last));
    }
}
