//! Requests, or what they cost, counted in fixed windows, aligned to the wall clock so that replicas agree on them.
//!
//! Every limit of an installation goes through [`Counter`] (ADR 6): whatever lets several replicas share a window has its
//! place behind it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::ambient::Instant;

/// The length of a window unless another is named, in seconds.
const MINUTE: u32 = 60;
/// The most keys that are counted apart in a window.
const MOST_KEYS: usize = 200_000;
/// Among how many counters those who come after them are dealt out. They may be held to each other's requests: a flood under
/// more keys than are counted apart must not be how a limit is taken off.
const SHARED: usize = 4_096;

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

/// Counts by key. Holds the current window only, and at most 200 000 keys: more share counters. In memory, so one replica's
/// counts only.
#[derive(Debug)]
pub struct Counter<K> {
    seconds: u32,
    hasher: RandomState,
    state: Mutex<Window<K>>,
}

#[derive(Debug)]
struct Window<K> {
    number: i64,
    counts: HashMap<K, u32>,
    /// What isn't counted apart, by the hash of its key. Empty until it is needed.
    shared: Vec<u32>,
}

impl<K> Window<K> {
    fn new(number: i64) -> Self {
        Self { number, counts: HashMap::new(), shared: Vec::new() }
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
        Self { seconds: seconds.max(1), hasher: RandomState::new(), state: Mutex::new(Window::new(0)) }
    }

    /// Seconds until the window of `now` ends.
    #[must_use]
    pub fn reset(&self, now: Instant) -> u32 {
        let length = i64::from(self.seconds);
        u32::try_from(length - now.timestamp().rem_euclid(length)).unwrap_or(1)
    }

    /// How many keys are counted apart in the window of `now`.
    #[must_use]
    pub fn keys(&self, now: Instant) -> usize {
        self.window(now).counts.len()
    }

    fn number(&self, now: Instant) -> i64 {
        now.timestamp().div_euclid(i64::from(self.seconds))
    }

    fn window(&self, now: Instant) -> MutexGuard<'_, Window<K>> {
        let number = self.number(now);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number != number {
            *state = Window::new(number);
        }
        state
    }
}

impl<K: Eq + Hash> Counter<K> {
    /// Counts one request of `key`. A `limit` of 0 means none: nothing is counted and there are no figures.
    pub fn count(&self, key: K, limit: u32, now: Instant) -> Option<Figures> {
        self.add(key, 1, limit, now)
    }

    /// Counts `amount` for `key`. See [`Counter::count`].
    pub fn add(&self, key: K, amount: u32, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        let place = self.place(&key);
        let mut state = self.window(now);
        let Window { counts, shared, .. } = &mut *state;
        let current = if counts.len() < MOST_KEYS || counts.contains_key(&key) {
            counts.entry(key).or_insert(0)
        } else {
            shared.resize(SHARED, 0);
            // The place is below their number.
            shared.get_mut(place)?
        };
        *current = current.saturating_add(amount);
        Some(Figures { limit, current: *current, reset: self.reset(now) })
    }

    /// How `key` stands. Counts nothing, and keeps nothing of a key that wasn't counted.
    pub fn peek(&self, key: &K, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        let state = self.window(now);
        let shared = || state.shared.get(self.place(key)).copied();
        let current = state.counts.get(key).copied().or_else(shared).unwrap_or(0);
        Some(Figures { limit, current, reset: self.reset(now) })
    }

    /// Takes back one request of `key` that was counted at `counted`. Of a window that is over nothing is taken back.
    pub fn take_back(&self, key: &K, counted: Instant, now: Instant) {
        let mut state = self.window(now);
        if state.number != self.number(counted) {
            return;
        }
        let place = self.place(key);
        let Window { counts, shared, .. } = &mut *state;
        if let Some(current) = counts.get_mut(key).or_else(|| shared.get_mut(place)) {
            *current = current.saturating_sub(1);
        }
    }

    fn place(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SHARED as u64).unwrap_or(0)
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
    fn keys_after_the_most_share_counters_and_are_still_held_back() {
        let counter = Counter::default();
        let take = |key| counter.count(key, 1, at(0)).unwrap().current;
        assert!((0..MOST_KEYS).all(|key| take(key) == 1));
        assert_eq!((take(MOST_KEYS), take(MOST_KEYS), take(0)), (1, 2, 2));
        assert_eq!(counter.keys(at(0)), MOST_KEYS);
        let of_others = |key| counter.peek(&key, 1, at(0)).unwrap().current;
        let free = (MOST_KEYS + 1..MOST_KEYS + 101).filter(|key| of_others(*key) == 0);
        assert!(free.count() > 90, "few share a counter");
    }

    #[test]
    fn looking_counts_nothing_and_what_is_taken_back_is_free_again() {
        let counter = Counter::default();
        assert_eq!(counter.peek(&"a", 2, at(18)), Some(Figures { limit: 2, current: 0, reset: 42 }));
        assert_eq!(counter.keys(at(18)), 0);
        counter.count("a", 2, at(18));
        counter.take_back(&"a", at(18), at(59));
        assert_eq!(counter.peek(&"a", 2, at(59)).unwrap().current, 0);
        counter.count("a", 2, at(59));
        counter.count("a", 2, at(60));
        counter.take_back(&"a", at(59), at(61));
        assert_eq!(counter.peek(&"a", 2, at(61)).unwrap().current, 1);
        assert_eq!(counter.peek(&"a", 0, at(61)), None);
    }

    #[test]
    fn keys_are_counted_apart_and_no_limit_means_no_figures() {
        let counter = Counter::default();
        counter.count("a", 1, at(0));
        assert_eq!(counter.count("b", 1, at(0)).map(|figures| figures.current), Some(1));
        assert_eq!(counter.count("a", 0, at(0)), None);
    }
}
