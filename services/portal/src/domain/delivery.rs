//! An event on its way to a notification service, and when it is tried again.

use std::time::Duration;

use chrono::TimeDelta;
use kit::ambient::Instant;
use uuid::Uuid;

use super::id::{DeliveryId, NotificationServiceId};

/// For how long a delivery is tried.
pub(crate) const PATIENCE: TimeDelta = TimeDelta::hours(24);
/// How long it is waited after the first try; twice as long after each further one.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// The longest pause.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

/// What came of a delivery so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Delivered,
    Dead,
}

impl State {
    /// The word that rows carry.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that [`State::word`].
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead].into_iter().find(|state| state.word() == word)
    }
}

/// A delivery.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) id: DeliveryId,
    pub(crate) event_uuid: Uuid,
    pub(crate) service: NotificationServiceId,
    pub(crate) event: String,
    /// The body that is sent: JSON.
    pub(crate) payload: String,
    pub(crate) progress: Progress,
    pub(crate) created_at: Instant,
}

/// How far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) state: State,
    /// Tries since it was asked for.
    pub(crate) attempts: u32,
    /// When it is tried next; `None`: not any more.
    pub(crate) due_at: Option<Instant>,
    /// When it is given up.
    pub(crate) deadline_at: Instant,
    pub(crate) last: Option<Attempt>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    /// The answer's HTTP status; `None`: there was no answer.
    pub(crate) status: Option<u16>,
    /// The beginning of the answer's body.
    pub(crate) excerpt: String,
    /// Why it failed: a sentence. `None`: it didn't.
    pub(crate) fault: Option<String>,
}

impl Progress {
    /// That of a delivery which is asked for at `now`.
    pub(crate) fn begun(now: Instant) -> Self {
        Self { state: State::Pending, attempts: 0, due_at: Some(now), deadline_at: now + PATIENCE, last: None }
    }

    /// Where it has come to by a try. `chance`: any number, so that deliveries which failed together don't come again together.
    pub(crate) fn after(self, attempt: Attempt, chance: u16) -> Self {
        let next = attempt.fault.as_ref().map(|_| next(self.attempts, attempt.at, self.deadline_at, chance));
        let (state, due_at) = match next {
            None => (State::Delivered, None),
            Some(None) => (State::Dead, None),
            Some(due_at) => (State::Pending, due_at),
        };
        Self { state, due_at, last: Some(attempt), ..self }
    }
}

/// When it is tried again after the last of so many tries failed at `at`; `None`: not any more. The last try is at the deadline.
fn next(attempts: u32, at: Instant, deadline: Instant, chance: u16) -> Option<Instant> {
    let doubled = 1_i32.checked_shl(attempts.saturating_sub(1)).filter(|times| *times > 0).unwrap_or(i32::MAX);
    let pause = FIRST_PAUSE.checked_mul(doubled).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    // From half of it to all of it.
    let pause = pause / 2 + pause / 2 * i32::from(chance) / i32::from(u16::MAX);
    (at < deadline).then(|| (at + pause).min(deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    fn failed(at: Instant) -> Attempt {
        let fault = Some("It failed".to_owned());
        Attempt { at, took: Duration::ZERO, status: Some(500), excerpt: String::new(), fault }
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_by_chance() {
        let pause = |attempts, chance| (next(attempts, at(0), at(86_400), chance).unwrap() - at(0)).num_seconds();
        assert_eq!([1, 2, 3, 9, 10, 40, u32::MAX].map(|n| pause(n, u16::MAX)), [10, 20, 40, 2560, 3600, 3600, 3600]);
        assert_eq!([1, 2, 3, 10].map(|n| pause(n, 0)), [5, 10, 20, 1800]);
    }

    #[test]
    fn a_receiver_that_fails_for_24_hours_is_given_up_after_a_last_try() {
        let mut progress = Progress::begun(at(0));
        let mut tries = 0;
        while let Some(due) = progress.due_at {
            assert_eq!(progress.state, State::Pending);
            tries += 1;
            progress = Progress { attempts: tries, ..progress }.after(failed(due), 30_000);
        }
        assert_eq!(progress.state, State::Dead);
        assert_eq!(progress.last.unwrap().at, at(86_400));
        assert!((30..50).contains(&tries), "{tries}");
    }

    #[test]
    fn a_delivery_that_was_taken_is_over() {
        let taken = Attempt { status: Some(204), fault: None, ..failed(at(90_000)) };
        let progress = Progress::begun(at(0)).after(taken, 0);
        assert_eq!((progress.state, progress.due_at), (State::Delivered, None));
    }
}
