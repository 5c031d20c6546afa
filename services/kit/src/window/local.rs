//! Requests counted in the memory of one process.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Figures, number, reset};
use crate::ambient::Instant;

/// The most keys that are counted apart in a window.
pub(super) const MOST_KEYS: usize = 200_000;
/// Among how many counters those who come after them are dealt out. They may be held to each other's requests: a flood under
/// more keys than are counted apart must not be how a limit is taken off.
const SHARED: usize = 4_096;

/// Counts by key. Holds the current window only, and at most [`MOST_KEYS`]: more share counters.
#[derive(Debug)]
pub(super) struct Local<K> {
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

impl<K> Local<K> {
    /// Counts in windows of so many seconds.
    pub(super) fn lasting(seconds: u32) -> Self {
        Self { seconds, hasher: RandomState::new(), state: Mutex::new(Window::new(0)) }
    }

    /// How many keys are counted apart in the window of `now`.
    pub(super) fn keys(&self, now: Instant) -> usize {
        self.window(now).counts.len()
    }

    fn window(&self, now: Instant) -> MutexGuard<'_, Window<K>> {
        let number = number(self.seconds, now);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number != number {
            *state = Window::new(number);
        }
        state
    }
}

impl<K: Eq + Hash> Local<K> {
    /// Counts `amount` for `key`.
    pub(super) fn add(&self, key: K, amount: u32, limit: u32, now: Instant) -> Option<Figures> {
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
        Some(Figures { limit, current: *current, reset: reset(self.seconds, now) })
    }

    /// How `key` stands.
    pub(super) fn peek(&self, key: &K, limit: u32, now: Instant) -> Figures {
        let state = self.window(now);
        let shared = || state.shared.get(self.place(key)).copied();
        let current = state.counts.get(key).copied().or_else(shared).unwrap_or(0);
        Figures { limit, current, reset: reset(self.seconds, now) }
    }

    /// Takes back one request of `key` that was counted at `counted`.
    pub(super) fn take_back(&self, key: &K, counted: Instant, now: Instant) {
        let mut state = self.window(now);
        if state.number != number(self.seconds, counted) {
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
