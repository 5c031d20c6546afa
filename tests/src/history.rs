//! What happened to credentials, as callers saw it, and the promise of the specification's section 7 about it.

use std::time::Duration;

/// From the acknowledgement of a removal on, a request may succeed that begins within so long.
pub const GRACE: Duration = Duration::from_secs(5);

/// Something that a caller saw. Times count from the history's begin, on the observer's monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The whole 2xx of a removal had been read.
    Acknowledged {
        /// Which credential it ended.
        credential: usize,
        /// When.
        at: Duration,
    },
    /// A request with a credential.
    Request {
        /// Which.
        credential: usize,
        /// Before its first byte was sent.
        began: Duration,
        /// After its last byte was read.
        ended: Duration,
        /// What was answered; `None`: the connection broke.
        status: Option<u16>,
    },
}

/// A request that succeeded although it began too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The credential.
    pub credential: usize,
    /// How long after the acknowledgement the request began.
    pub late: Duration,
}

/// The requests of `history` that began more than [`GRACE`] after their credential's removal was acknowledged, and
/// succeeded. The order of the events doesn't matter.
pub fn violations(history: &[Event]) -> Vec<Violation> {
    violations_after(history, GRACE)
}

/// As [`violations`] with another grace: none at all where the acknowledgement waited until nobody accepted it any more.
pub fn violations_after(history: &[Event], grace: Duration) -> Vec<Violation> {
    late_successes(history).filter(|late| late.late > grace).collect()
}

/// How long after an acknowledgement the last request began that succeeded all the same. `None`: no such request.
pub fn latest(history: &[Event]) -> Option<Duration> {
    late_successes(history).map(|late| late.late).max()
}

fn late_successes(history: &[Event]) -> impl Iterator<Item = Violation> {
    let ended = move |wanted: usize| {
        let acknowledged = history.iter().filter_map(|event| match event {
            Event::Acknowledged { credential, at } if *credential == wanted => Some(*at),
            _ => None,
        });
        acknowledged.min()
    };
    history.iter().filter_map(move |event| {
        let Event::Request { credential, began, status: Some(200..=299), .. } = event else { return None };
        let late = began.checked_sub(ended(*credential)?)?;
        Some(Violation { credential: *credential, late })
    })
}

/// Requests that succeeded before anything was acknowledged: that a history without violations isn't one of refusals only.
pub fn successes(history: &[Event]) -> usize {
    history.iter().filter(|event| matches!(event, Event::Request { status: Some(200..=299), .. })).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(credential: usize, began: u64, status: Option<u16>) -> Event {
        let began = Duration::from_millis(began);
        Event::Request { credential, began, ended: began + Duration::from_millis(3), status }
    }

    fn acknowledged(credential: usize, at: u64) -> Event {
        Event::Acknowledged { credential, at: Duration::from_millis(at) }
    }

    #[test]
    fn a_planted_violation_is_found() {
        let late = Duration::from_millis(1);
        let history = [request(7, 6_001, Some(200)), acknowledged(7, 1_000), request(7, 500, Some(200))];
        assert_eq!(violations(&history), [Violation { credential: 7, late: GRACE + late }]);
    }

    #[test]
    fn what_is_allowed_is_no_violation() {
        let history = [
            request(1, 500, Some(200)),
            acknowledged(1, 1_000),
            request(1, 6_000, Some(200)),
            request(1, 9_000, Some(401)),
            request(1, 9_000, Some(503)),
            request(1, 9_000, None),
            request(2, 9_000, Some(200)),
        ];
        assert_eq!(violations(&history), []);
        assert_eq!(successes(&history), 3);
        assert_eq!((latest(&history), latest(&history[3..])), (Some(GRACE), None));
    }

    #[test]
    fn without_grace_every_later_success_is_one() {
        let history = [acknowledged(1, 1_000), request(1, 1_000, Some(200)), request(1, 1_001, Some(200))];
        assert_eq!(violations_after(&history, Duration::ZERO).len(), 1);
        assert_eq!(violations(&history), []);
    }

    #[test]
    fn the_first_of_two_acknowledgements_counts() {
        let history = [acknowledged(1, 9_000), acknowledged(1, 1_000), request(1, 7_000, Some(204))];
        assert_eq!(violations(&history).len(), 1);
    }

    proptest! {
        #[test]
        fn exactly_the_late_successes_are_found(
            ends in prop::collection::vec(0_u64..20_000, 1..5),
            requests in prop::collection::vec((0_usize..6, 0_u64..40_000, prop::option::of(100_u16..600)), 0..60),
            order in any::<u64>(),
        ) {
            let asked = requests.iter().map(|&(credential, began, status)| request(credential, began, status));
            let mut history: Vec<Event> = ends.iter().enumerate().map(|(at, end)| acknowledged(at, *end)).chain(asked).collect();
            let turn = usize::try_from(order % history.len() as u64).unwrap();
            history.rotate_left(turn);
            let late = |&&(credential, began, status): &&(usize, u64, Option<u16>)| {
                status.is_some_and(|status| status / 100 == 2) && ends.get(credential).is_some_and(|end| began > end + 5_000)
            };
            prop_assert_eq!(violations(&history).len(), requests.iter().filter(late).count());
        }
    }
}
