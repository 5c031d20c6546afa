//! Requesters that try with the same code at the same time: one of them writes, so that asking fast costs no transactions.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kit::ambient::Instant;
use uuid::Uuid;

use crate::domain::code::POLLED_EVERY;

/// Whose last try is being written, or was less than a second ago. As many entries as codes that were tried in two seconds.
#[derive(Debug, Default)]
pub(crate) struct Polls(Mutex<(i64, HashMap<Uuid, Instant>)>);

impl Polls {
    /// Whether nobody wrote a try with that code in the last second; then the caller does.
    pub(super) fn begin(&self, code: Uuid, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, written) = &mut *state;
        let is_recent = |at: &Instant| *at <= now && now < *at + POLLED_EVERY;
        if *second != now.timestamp() {
            *second = now.timestamp();
            written.retain(|_, at| is_recent(at));
        }
        if written.get(&code).is_some_and(is_recent) {
            return false;
        }
        written.insert(code, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_code_is_written_once_a_second_and_forgotten_after_it() {
        let (polls, [one, two]) = (Polls::default(), [1, 2].map(Uuid::from_u128));
        let begin = |code, milliseconds| polls.begin(code, DateTime::from_timestamp_millis(milliseconds).unwrap());
        assert!(begin(one, 900) && begin(two, 900));
        assert!(!begin(one, 900) && !begin(one, 1899), "in the next second, but too soon");
        assert!(begin(one, 1900));
        assert!(begin(one, 3000));
        assert_eq!(polls.0.lock().unwrap().1.len(), 1);
    }
}
