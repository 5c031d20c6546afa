//! Time and randomness, injected: domain code never reads the clock or the operating system's generator itself.

use std::{fmt, sync::Arc, time::Duration};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use rand::{Rng, TryRng, rngs::SysRng};
use uuid::Uuid;

/// An instant in UTC, truncated to microseconds (PostgreSQL keeps no more, so that both engines compare equal).
pub type Instant = DateTime<Utc>;

/// A source of time.
pub trait Clock: Send + Sync {
    /// The wall clock. May step.
    fn now(&self) -> Instant;

    /// Time since boot, suspend included (`CLOCK_BOOTTIME`). Never steps; comparable within one machine only.
    fn since_boot(&self) -> Duration;
}

/// A source of random bytes fit for credentials.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// Fills `bytes` with random bytes for what is no secret, which may come from a generator in this process: asking the
    /// system for each request's id costs a system call.
    fn fill_public(&self, bytes: &mut [u8]) {
        self.fill(bytes);
    }
}

/// The clock and the generator that a part was given.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ambient")
    }
}

impl Ambient {
    /// An ambient made of the given sources.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The operating system's clock and generator.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The wall clock, see [`Clock::now`].
    #[must_use]
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Time since boot, see [`Clock::since_boot`].
    #[must_use]
    pub fn since_boot(&self) -> Duration {
        self.clock.since_boot()
    }

    /// `N` random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A new `UUIDv7`: sorts by the time it was made, to the millisecond.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap_or(0);
        let mut bytes = [0; 10];
        self.entropy.fill_public(&mut bytes);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Instant {
        let now = Utc::now();
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }

    fn since_boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}

#[derive(Debug)]
struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "no credential may ever be made without randomness, so nothing can go on")]
    fn fill(&self, bytes: &mut [u8]) {
        SysRng.try_fill_bytes(bytes).expect("the operating system's random generator failed");
    }

    fn fill_public(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_7_and_sort_by_time() {
        let ambient = Ambient::system();
        let first = ambient.uuid();
        assert_eq!(first.get_version_num(), 7);
        let millis = |id: Uuid| id.get_timestamp().map(|at| at.to_unix().0);
        assert!(millis(first) <= millis(ambient.uuid()));
    }

    #[test]
    fn instants_carry_no_more_than_microseconds() {
        assert_eq!(Ambient::system().now().timestamp_subsec_nanos() % 1000, 0);
    }
}
