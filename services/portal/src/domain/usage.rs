//! How portals are used: calls by what came of them and by how long they took.
//!
//! Durations are counted in fixed buckets, each twice as long as the one before. So what several processes and hours counted adds
//! up, and percentiles can be had of any sum of them: off by less than the width of a bucket, and mostly by far less.

use std::time::Duration;

use chrono::{TimeDelta, Timelike};
use kit::ambient::Instant;

use super::id::PortalId;

/// The longest duration of the first bucket, in microseconds.
const FIRST: u64 = 250;
/// Buckets. The last but one ends at 32.768 s, and the last holds all that took longer.
pub(crate) const BUCKETS: usize = 19;
/// For how long usage is kept.
pub(crate) const KEPT: TimeDelta = TimeDelta::days(90);
/// The longest span that is shown hour by hour; longer ones are shown day by day.
const HOURLY: TimeDelta = TimeDelta::days(7);

/// What came of a call: `ok`, `graphql_errors` (it ran, and its answer has errors), `canceled` (the caller left), or the code of
/// its error. Calls whose token didn't count are none of a portal's.
pub(crate) const OUTCOMES: [&str; 16] = [
    "ok",
    "graphql_errors",
    "upstream_auth_failed",
    "upstream_invalid_response",
    "upstream_timeout",
    "upstream_unavailable",
    "canceled",
    "ip_not_allowed",
    "rate_limited",
    "validation_failed",
    "operation_broken",
    "portal_busy",
    "schema_unavailable",
    "verification_unavailable",
    "database_unavailable",
    "internal",
];
/// How many of them, from the first, say that something ran: percentiles are of these.
const RAN: usize = 6;

/// The place of an outcome. Whatever has none of its own counts as `internal`.
pub(crate) fn place(outcome: &str) -> usize {
    OUTCOMES.iter().position(|known| *known == outcome).unwrap_or(OUTCOMES.len() - 1)
}

/// The bucket of a duration.
pub(crate) fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    // How often the first bucket must be doubled to hold it.
    let doublings = u64::BITS - (micros.saturating_sub(1) / FIRST).leading_zeros();
    usize::try_from(doublings).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// Where a bucket begins and ends, in milliseconds. The last has no end: what is in it counts as that long.
#[expect(clippy::cast_precision_loss, reason = "bounds are small")]
fn bounds(bucket: usize) -> (f64, f64) {
    let end = |bucket: usize| (FIRST << bucket.min(BUCKETS - 2)) as f64 / 1_000.0;
    (bucket.checked_sub(1).map_or(0.0, end), end(bucket))
}

/// Calls of one portal in one hour that had one outcome and took about as long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) portal: PortalId,
    /// When the hour began.
    pub(crate) hour: Instant,
    pub(crate) outcome: String,
    pub(crate) bucket: usize,
    pub(crate) calls: u64,
    /// When the last of them ended.
    pub(crate) last_called_at: Instant,
}

/// Calls, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    calls: [u64; OUTCOMES.len()],
    buckets: [u64; BUCKETS],
}

impl Default for Figures {
    fn default() -> Self {
        Self { calls: [0; OUTCOMES.len()], buckets: [0; BUCKETS] }
    }
}

impl Figures {
    /// Adds calls.
    pub(crate) fn add(&mut self, outcome: &str, bucket: usize, calls: u64) {
        let place = place(outcome);
        if let Some(sum) = self.calls.get_mut(place) {
            *sum = sum.saturating_add(calls);
        }
        if let Some(sum) = self.buckets.get_mut(bucket).filter(|_| place < RAN) {
            *sum = sum.saturating_add(calls);
        }
    }

    /// Adds what others summed up.
    pub(crate) fn merge(&mut self, others: &Self) {
        let add = |(sum, more): (&mut u64, &u64)| *sum = sum.saturating_add(*more);
        self.calls.iter_mut().zip(&others.calls).for_each(add);
        self.buckets.iter_mut().zip(&others.buckets).for_each(add);
    }

    /// All of them.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.iter().sum()
    }

    /// Those that came to something else than `ok`, by what they came to.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(self.calls).skip(1).filter(|(_, calls)| *calls > 0)
    }

    /// How long that share of the calls that ran took at most, in milliseconds. `None`: nothing ran.
    #[expect(clippy::cast_precision_loss, reason = "a percentile is an estimate")]
    pub(crate) fn percentile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.buckets.iter().sum();
        let (rank, mut before) = (share * all as f64, 0.0);
        for (bucket, calls) in self.buckets.iter().enumerate().filter(|(_, calls)| **calls > 0) {
            let calls = *calls as f64;
            if before + calls >= rank {
                // As if the calls of a bucket were spread evenly over it.
                let (begin, end) = bounds(bucket);
                return Some(begin + (end - begin) * ((rank - before) / calls).clamp(0.0, 1.0));
            }
            before += calls;
        }
        None
    }
}

/// When what is shown begins and ends, and how long its parts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// Whether its parts are days, in UTC; they are hours otherwise.
    pub(crate) daily: bool,
}

impl Span {
    /// The day until `now`, unless something else is asked for; widened to whole parts. The error names what is wrong.
    pub(crate) fn new(
        from: Option<Instant>,
        to: Option<Instant>,
        now: Instant,
    ) -> Result<Self, (&'static str, String)> {
        let to = to.unwrap_or(now);
        let from = from.unwrap_or(to - TimeDelta::days(1));
        if from >= to {
            return Err(("from", "must be before `to`".to_owned()));
        }
        if to - from > KEPT {
            return Err(("from", format!("must be at most {} days before `to`", KEPT.num_days())));
        }
        let daily = to - from > HOURLY;
        let begin = |at| if daily { day_of(at) } else { hour_of(at) };
        let part = if daily { TimeDelta::days(1) } else { TimeDelta::hours(1) };
        let last = begin(to);
        Ok(Self { from: begin(from), to: if last == to { to } else { last + part }, daily })
    }
}

/// When the hour of an instant began.
pub(crate) fn hour_of(at: Instant) -> Instant {
    at.with_minute(0).and_then(|at| at.with_second(0)).and_then(|at| at.with_nanosecond(0)).unwrap_or(at)
}

/// When its day began, in UTC.
pub(crate) fn day_of(at: Instant) -> Instant {
    hour_of(at).with_hour(0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_holds_what_is_within_its_bounds() {
        for (micros, expected) in [
            (0, 0),
            (250, 0),
            (251, 1),
            (500, 1),
            (501, 2),
            (1_000, 2),
            (32_768_000, 17),
            (32_768_001, 18),
            (u64::MAX, 18),
        ] {
            assert_eq!(bucket(Duration::from_micros(micros)), expected, "{micros}");
        }
        for bucket in 0..BUCKETS - 1 {
            assert_eq!(bounds(bucket).1.to_bits(), bounds(bucket + 1).0.to_bits(), "{bucket}");
        }
    }

    #[test]
    fn percentiles_are_near_the_truth_and_of_what_ran_alone() {
        let mut figures = Figures::default();
        assert_eq!(figures.percentile(0.5), None);
        for micros in 1..=10_000 {
            figures.add("ok", bucket(Duration::from_micros(micros)), 1);
        }
        figures.add("rate_limited", 0, 1_000_000);
        for (share, truth) in [(0.5, 5.0), (0.9, 9.0), (0.99, 9.9)] {
            let found = figures.percentile(share).unwrap();
            // The last bucket goes to 16 ms and is half full.
            assert!(found >= truth * 0.8 && found <= truth * 1.7, "{share}: {found}");
        }
        assert_eq!(
            (figures.calls(), figures.errors().collect::<Vec<_>>()),
            (1_010_000, vec![("rate_limited", 1_000_000)])
        );
    }

    #[test]
    fn what_took_longest_counts_as_the_last_bound() {
        let mut figures = Figures::default();
        figures.add("upstream_timeout", BUCKETS - 1, 1);
        assert_eq!(figures.percentile(0.5), Some(32_768.0));
    }

    #[test]
    fn an_outcome_without_a_place_of_its_own_is_internal() {
        let mut figures = Figures::default();
        figures.add("outcome_unknown", 0, 2);
        assert_eq!(figures.errors().collect::<Vec<_>>(), [("internal", 2)]);
    }

    #[test]
    fn a_span_is_a_day_unless_something_else_is_asked_for_and_has_whole_parts() {
        let now = at("2026-03-10T12:30:00.5Z");
        let span = |from, to| Span::new(from, to, now);
        let (from, to) = (at("2026-03-09T12:00:00Z"), at("2026-03-10T13:00:00Z"));
        assert_eq!(span(None, None), Ok(Span { from, to, daily: false }));
        let whole = at("2026-03-10T12:00:00Z");
        assert_eq!(span(Some(from), Some(whole)), Ok(Span { from, to: whole, daily: false }));
        let (long, from, to) = (at("2026-03-01T05:00:00Z"), at("2026-03-01T00:00:00Z"), at("2026-03-11T00:00:00Z"));
        assert_eq!(span(Some(long), None), Ok(Span { from, to, daily: true }));
        for wrong in [now, now + TimeDelta::seconds(1), now - TimeDelta::days(91)] {
            assert_eq!(span(Some(wrong), None).unwrap_err().0, "from");
        }
    }
}
