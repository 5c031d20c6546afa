//! How portals are used, counted as calls end and written down every ten seconds.
//!
//! A call adds to two numbers in memory. What was counted since the last writing is added to the rows that are there, so
//! that the counts of all processes add up. A process that is killed loses what it hadn't written.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use kit::{
    ambient::{Ambient, Instant},
    boot::Tasks,
    error::chain,
};
use tokio::time::Instant as Moment;

use crate::{
    domain::{
        id::PortalId,
        usage::{BUCKETS, Cell, KEPT, OUTCOMES, bucket, hour_of, place},
    },
    service::{Parts, Service},
};

/// How often counts are written.
const PERIOD: Duration = Duration::from_secs(10);
/// How often rows are removed whose time is over.
const SWEEP: Duration = Duration::from_hours(1);

/// The calls of one portal since the last writing.
#[derive(Debug)]
pub(crate) struct Tally {
    /// By outcome, and within it by bucket.
    calls: [[AtomicU32; BUCKETS]; OUTCOMES.len()],
    /// When the last one ended, in microseconds since 1970; 0: there was none.
    last: AtomicI64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { calls: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU32::new(0))), last: AtomicI64::new(0) }
    }
}

impl Tally {
    fn count(&self, outcome: usize, bucket: usize, calls: u32, at: Instant) {
        if let Some(cell) = self.calls.get(outcome).and_then(|buckets| buckets.get(bucket)) {
            cell.fetch_add(calls, Ordering::Relaxed);
            // After the count: who sees it sees the count, too.
            self.last.fetch_max(at.timestamp_micros(), Ordering::Release);
        }
    }

    /// What was counted, which is forgotten here.
    fn take(&self, portal: PortalId, hour: Instant) -> Vec<Cell> {
        let last = self.last.swap(0, Ordering::Acquire);
        let Some(last_called_at) = Instant::from_timestamp_micros(last).filter(|_| last != 0) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        for (outcome, buckets) in OUTCOMES.iter().zip(&self.calls) {
            for (bucket, cell) in buckets.iter().enumerate() {
                let calls = u64::from(cell.swap(0, Ordering::Relaxed));
                if calls > 0 {
                    taken.push(Cell { portal, hour, outcome: (*outcome).to_owned(), bucket, calls, last_called_at });
                }
            }
        }
        taken
    }
}

/// The tallies of all portals that are in memory, or were since the last writing.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<HashMap<PortalId, Arc<Tally>>>);

impl Usage {
    fn lock(&self) -> MutexGuard<'_, HashMap<PortalId, Arc<Tally>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tally of a portal: one, however often it is asked for.
    pub(crate) fn of(&self, portal: PortalId) -> Arc<Tally> {
        Arc::clone(self.lock().entry(portal).or_default())
    }

    /// What was counted. Calls that ended before `now`'s hour began, seconds ago, count to `now`'s.
    fn take(&self, now: Instant) -> Vec<Cell> {
        let (mut tallies, hour) = (self.lock(), hour_of(now));
        let cells = tallies.iter().flat_map(|(portal, tally)| tally.take(*portal, hour)).collect();
        // Nobody counts any more in one that is kept nowhere else.
        tallies.retain(|_, tally| Arc::strong_count(tally) > 1 || tally.last.load(Ordering::Acquire) != 0);
        cells
    }

    /// Counts again what couldn't be written.
    fn put_back(&self, cells: Vec<Cell>) {
        for Cell { portal, outcome, bucket, calls, last_called_at, hour: _ } in cells {
            self.of(portal).count(place(&outcome), bucket, u32::try_from(calls).unwrap_or(u32::MAX), last_called_at);
        }
    }
}

/// A call that is being counted. Dropped without an outcome, the caller left.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    tally: &'a Tally,
    ambient: &'a Ambient,
    begun: Moment,
    outcome: &'static str,
}

impl<'a> Counted<'a> {
    pub(crate) fn begin(tally: &'a Tally, ambient: &'a Ambient, begun: Moment) -> Self {
        Self { tally, ambient, begun, outcome: "canceled" }
    }

    /// Counts it.
    pub(crate) fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.tally.count(place(self.outcome), bucket(self.begun.elapsed()), 1, self.ambient.now());
    }
}

impl Service {
    /// Writes counts until the stop, and the last ones when everything else has ended.
    pub(crate) fn keep_usage(&self, tasks: &Tasks) {
        let service = self.clone();
        tasks.every(PERIOD, move || {
            let Self(parts) = service.clone();
            async move { parts.write_usage().await }
        });
        let service = self.clone();
        tasks.every(SWEEP, move || {
            let Self(parts) = service.clone();
            async move {
                if let Err(error) = parts.store.sweep_usage(parts.ambient.now() - KEPT).await {
                    tracing::warn!(error = chain(&error), "old usage can't be removed");
                }
            }
        });
        let Self(parts) = self.clone();
        tasks.at_the_end(async move { parts.write_usage().await });
    }
}

impl Parts {
    /// Writes what was counted. What can't be written waits for the next time.
    pub(crate) async fn write_usage(&self) {
        let cells = self.catalog.usage().take(self.ambient.now());
        if let Err(error) = self.store.add_usage(&cells).await {
            tracing::warn!(error = chain(&error), "usage can't be written");
            self.catalog.usage().put_back(cells);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const PORTAL: PortalId = PortalId(Uuid::from_u128(1));

    fn at(second: i64) -> Instant {
        Instant::from_timestamp(1_767_225_618 + second, 0).unwrap()
    }

    #[test]
    fn what_is_counted_is_taken_once_and_what_comes_back_is_taken_again() {
        let usage = Usage::default();
        let tally = usage.of(PORTAL);
        for second in [3, 2] {
            tally.count(place("ok"), 2, 1, at(second));
        }
        tally.count(place("portal_busy"), 0, 1, at(1));
        drop(tally);
        let cells = usage.take(at(5));
        let read = |cells: &[Cell]| cells.iter().map(|cell| (cell.outcome.clone(), cell.calls)).collect::<Vec<_>>();
        assert_eq!(read(&cells), [("ok".to_owned(), 2), ("portal_busy".to_owned(), 1)]);
        assert!(cells.iter().all(|cell| cell.last_called_at == at(3) && cell.hour == hour_of(at(5))));
        assert_eq!((usage.take(at(6)).len(), usage.lock().len()), (0, 0));
        usage.put_back(cells.clone());
        assert_eq!(read(&usage.take(at(7))), read(&cells));
    }

    #[test]
    fn a_tally_that_somebody_holds_stays() {
        let usage = Usage::default();
        let tally = usage.of(PORTAL);
        assert!(usage.take(at(0)).is_empty());
        tally.count(0, 0, 1, at(1));
        assert_eq!(usage.take(at(2)).len(), 1);
        assert!(Arc::ptr_eq(&tally, &usage.of(PORTAL)));
    }
}
