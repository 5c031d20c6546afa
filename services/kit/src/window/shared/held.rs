//! What of a window a process holds.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::sync::Notify;

use crate::window::{Key, part::Part};

/// The most keys that are shared in a window. What comes after them is counted by each process alone.
const MOST_PARTS: usize = 50_000;

/// A window, and the parts of it.
#[derive(Debug)]
pub(super) struct Window<K> {
    pub(super) number: i64,
    pub(super) held: HashMap<K, Held>,
}

/// What is held under a key.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) part: Part,
    /// How many requests wait for a claim.
    pub(super) waiting: Arc<AtomicU32>,
    /// Told when one was answered.
    pub(super) answered: Arc<Notify>,
}

/// A request that waits.
pub(super) struct Waiting(Arc<AtomicU32>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<K> Window<K> {
    pub(super) fn new(number: i64) -> Self {
        Self { number, held: HashMap::new() }
    }
}

impl<K: Key> Window<K> {
    pub(super) fn held(&mut self, key: &K) -> Option<&mut Held> {
        if !self.held.contains_key(key) {
            if self.held.len() >= MOST_PARTS {
                return None;
            }
            self.held.insert(key.clone(), Held::default());
        }
        self.held.get_mut(key)
    }

    /// What is held under a key in that window.
    pub(super) fn of(&mut self, number: i64, key: &K) -> Option<&mut Held> {
        if self.number == number { self.held.get_mut(key) } else { None }
    }
}

impl Held {
    pub(super) fn wait(&self) -> Waiting {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(Arc::clone(&self.waiting))
    }
}
