//! Requests, or what they cost, counted in fixed windows, aligned to the wall clock so that replicas agree on them.
//!
//! Every limit of an installation goes through [`Counter`] (ADR 6). One that [`Sharing`] made on a database that several
//! processes may use shares its windows with theirs (ADR 25): they claim parts of a window and spend them in memory. Any other
//! counts in memory alone.

mod local;
mod part;
mod shared;
mod sharing;

#[cfg(test)]
mod tests;

use std::{hash::Hash, net::IpAddr, sync::Arc};

use uuid::Uuid;

use crate::ambient::Instant;
use local::Local;
use shared::Shared;

pub use sharing::Sharing;

/// The length of a window unless another is named, in seconds.
const MINUTE: u32 = 60;

/// What is counted apart.
pub trait Key: Clone + Eq + Hash + Send + Sync + 'static {
    /// Its name, the same in every process.
    fn name(&self) -> String;
}

impl Key for Uuid {
    fn name(&self) -> String {
        self.to_string()
    }
}

impl Key for Option<IpAddr> {
    fn name(&self) -> String {
        self.map(|ip| ip.to_string()).unwrap_or_default()
    }
}

/// How a key stands in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Requests that a window allows.
    pub limit: u32,
    /// Requests so far, this one included. Of a window that is shared: as far as this process knows; what others hold and
    /// haven't spent yet is counted, too.
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

/// Counts by key. Holds the current window only, and at most 200 000 keys: more share counters.
#[derive(Debug)]
pub struct Counter<K> {
    seconds: u32,
    local: Local<K>,
    shared: Option<Arc<Shared<K>>>,
}

impl<K> Default for Counter<K> {
    fn default() -> Self {
        Self::new(MINUTE, None)
    }
}

impl<K> Counter<K> {
    /// Counts in windows of so many seconds.
    fn new(seconds: u32, shared: Option<Arc<Shared<K>>>) -> Self {
        Self { seconds, local: Local::lasting(seconds), shared }
    }

    /// Seconds until the window of `now` ends.
    #[must_use]
    pub fn reset(&self, now: Instant) -> u32 {
        reset(self.seconds, now)
    }

    /// How many keys are counted apart in the window of `now`, by this process alone.
    #[must_use]
    pub fn keys(&self, now: Instant) -> usize {
        self.local.keys(now)
    }
}

impl<K: Key> Counter<K> {
    /// Counts one request of `key`. A `limit` of 0 means none: nothing is counted and there are no figures. Waits for the
    /// database, if at all, for half a second at most.
    pub async fn count(&self, key: K, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        if let Some(shared) = &self.shared
            && let Some(figures) = shared.count(&key, limit).await
        {
            return Some(figures);
        }
        self.local.add(key, 1, limit, now)
    }

    /// Counts `amount` for `key` that is spent already, however much is left. See [`Counter::count`].
    pub fn add(&self, key: K, amount: u32, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        let shared = self.shared.as_ref().and_then(|shared| shared.add(&key, amount, limit));
        shared.or_else(|| self.local.add(key, amount, limit, now))
    }

    /// How `key` stands as far as is known here. Counts nothing, and keeps nothing of a key that wasn't counted.
    pub fn peek(&self, key: &K, limit: u32, now: Instant) -> Option<Figures> {
        if limit == 0 {
            return None;
        }
        let shared = self.shared.as_ref().and_then(|shared| shared.peek(key, limit));
        Some(shared.unwrap_or_else(|| self.local.peek(key, limit, now)))
    }

    /// Whether anything is left to `key`, wherever it was spent: then [`Figures::remaining`] isn't 0. Counts nothing. Waits as
    /// [`Counter::count`] does.
    pub async fn room(&self, key: &K, limit: u32, now: Instant) -> Option<Figures> {
        if limit != 0
            && let Some(shared) = &self.shared
            && let Some(figures) = shared.room(key, limit).await
        {
            return Some(figures);
        }
        self.peek(key, limit, now)
    }

    /// How `key` stands, what other processes hold included: asks the database. Counts nothing.
    pub async fn look(&self, key: &K, limit: u32, now: Instant) -> Option<Figures> {
        if limit != 0
            && let Some(shared) = &self.shared
            && let Some(figures) = shared.look(key, limit).await
        {
            return Some(figures);
        }
        self.peek(key, limit, now)
    }

    /// Takes back one request of `key` that was counted at `counted`, with those figures. Of a window that is over nothing is
    /// taken back.
    pub fn take_back(&self, key: &K, figures: Figures, counted: Instant, now: Instant) {
        let is_shared = self.shared.as_ref().is_some_and(|shared| shared.take_back(key, figures, counted));
        if !is_shared {
            self.local.take_back(key, counted, now);
        }
    }
}

/// Which window it is.
fn number(seconds: u32, now: Instant) -> i64 {
    now.timestamp().div_euclid(i64::from(seconds))
}

/// Seconds until it ends.
fn reset(seconds: u32, now: Instant) -> u32 {
    let length = i64::from(seconds);
    u32::try_from(length - now.timestamp().rem_euclid(length)).unwrap_or(1)
}
