//! Requests, or what they cost, counted in fixed windows, aligned to the wall clock so that replicas agree on them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use crate::ambient::Instant;

/// The length of a window unless another is named, in seconds.
const MINUTE: u32 = 60;
/// The most keys that are counted apart in a window. Those that come after them are counted together.
const MOST_KEYS: usize = 200_000;

/// How a key stands in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Requests that a window allows.
    pub limit: u32,
    /// Requests so far, this one included.
    pub current: u32,
    /// Seconds until the window ends, 1 to its length.
    pub reset: u32,
}

impl Figures {
    /// Requests left in the window.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.current)
    }

    /// Whether this request is one too many.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.current > self.limit
    }
}

/// Counts by key. Holds the current window only, and at most 200 000 keys: more share one counter.
#[derive(Debug)]
pub struct Counter<K> {
    seconds: u32,
    state: Mutex<Window<K>>,
}

#[derive(Debug)]
struct Window<K> {
    number: i64,
    counts: HashMap<K, u32>,
    others: u32,
}

impl<K> Window<K> {
    fn new(number: i64) -> Self {
        Self { number, counts: HashMap::new(), others: 0 }
    }
}

impl<K> Default for Counter<K> {
    fn default() -> Self {
        Self::lasting(MINUTE)
    }
}

impl<K> Counter<K> {
    /// Counts in windows of so many seconds; the default is a minute.
    #[must_use]
    pub fn lasting(seconds: u32) -> Self {
        Self { seconds: seconds.max(1), state: Mutex::new(Window::new(0)) }
    }
}

impl<K: Eq + Hash> Counter<K> {
    /// Counts one request of `key`. A `limit` of 0 means none: nothing is counted and there are no figures.
    pub fn count(&self, key: K, limit: u32, now: Instant) -> Option<Figures> {
        self.add(key, 1, limit, now)
    }

    /// Counts `amount` for `key`, which may be 0. See [`Counter::count`].
    pub fn add(&self, key: K, amount: u32, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        let (seconds, length) = (now.timestamp(), i64::from(self.seconds));
        let window = seconds.div_euclid(length);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number != window {
            *state = Window::new(window);
        }
        let Window { counts, others, .. } = &mut *state;
        let is_apart = counts.len() < MOST_KEYS || counts.contains_key(&key);
        let current = if is_apart { counts.entry(key).or_insert(0) } else { others };
        *current = current.saturating_add(amount);
        let reset = u32::try_from(length - seconds.rem_euclid(length)).unwrap_or(1);
        Some(Figures { limit, current: *current, reset })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(seconds: i64) -> Instant {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_request_after_the_last_allowed_one_is_over_until_the_window_ends() {
        let counter = Counter::default();
        let take = |second| counter.count("a", 2, at(second)).unwrap();
        assert_eq!(take(61), Figures { limit: 2, current: 1, reset: 59 });
        assert!(!take(62).is_over());
        assert!(take(119).is_over());
        assert_eq!(take(119).reset, 1);
        assert_eq!(take(120), Figures { limit: 2, current: 1, reset: 60 });
    }

    #[test]
    fn amounts_add_up_over_a_window_of_any_length() {
        let counter = Counter::lasting(300);
        let add = |amount, second| counter.add("a", amount, 10, at(second)).unwrap();
        assert_eq!(add(7, 301), Figures { limit: 10, current: 7, reset: 299 });
        assert_eq!(add(0, 500).remaining(), 3);
        assert!(!add(3, 599).is_over() && add(1, 599).is_over());
        assert_eq!(add(0, 600).current, 0);
    }

    #[test]
    fn keys_after_the_most_are_counted_together() {
        let counter = Counter::default();
        let take = |key| counter.count(key, 1, at(0)).unwrap().current;
        assert!((0..MOST_KEYS).all(|key| take(key) == 1));
        assert_eq!((take(MOST_KEYS), take(MOST_KEYS + 1), take(0)), (1, 2, 2));
    }

    #[test]
    fn keys_are_counted_apart_and_no_limit_means_no_figures() {
        let counter = Counter::default();
        counter.count("a", 1, at(0));
        assert_eq!(counter.count("b", 1, at(0)).map(|figures| figures.current), Some(1));
        assert_eq!(counter.count("a", 0, at(0)), None);
    }
}
