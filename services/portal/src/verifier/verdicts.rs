//! The verdicts that are kept, and the events that end them.
//!
//! One lock holds together what must not interleave: checking the recent events and inserting a verdict, and appending an
//! event and removing what it ends. Looking a verdict up takes no lock of ours.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use moka::sync::Cache;
use uuid::Uuid;

use super::{
    recent::{Event, News, Recent},
    verdict::Verdict,
};

/// A hash of a token under a key of this process, so that memory holds no token and nobody can aim at a slot.
pub(super) type Slot = [u8; 32];

#[derive(Clone)]
struct Kept {
    verdict: Arc<Verdict>,
    /// Tells it from others that were in the same slot.
    serial: u64,
    generation: u64,
}

/// What is kept.
pub(super) struct Verdicts {
    kept: Cache<Slot, Kept>,
    /// Moved by a flush: what belongs to an older one doesn't count any more.
    generation: AtomicU64,
    ledger: Mutex<Ledger>,
    /// What left the cache since the index was last tidied. The cache may say so while the ledger is locked, hence apart;
    /// whoever locks both locks the ledger first.
    left: Arc<Mutex<Vec<(Slot, Kept)>>>,
}

#[derive(Default)]
struct Ledger {
    recent: Recent,
    /// Which slots, and what is in them, depend on an id.
    index: HashMap<Uuid, HashMap<Slot, u64>>,
    serial: u64,
}

impl fmt::Debug for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verdicts")
    }
}

impl Verdicts {
    /// Keeps `most` verdicts; those of users who belong to many organizations count for more.
    pub(super) fn new(most: u64) -> Self {
        let left = Arc::new(Mutex::new(Vec::new()));
        let leaving = Arc::clone(&left);
        let listener = move |slot: Arc<Slot>, kept, _cause| lock(&leaving).push((*slot, kept));
        let weight = |_: &Slot, kept: &Kept| kept.verdict.weight();
        let kept = Cache::builder().weigher(weight).max_capacity(most).eviction_listener(listener).build();
        Self { kept, generation: AtomicU64::new(0), ledger: Mutex::default(), left }
    }

    /// What is kept there. It counts only under a lease.
    pub(super) fn get(&self, slot: &Slot) -> Option<Arc<Verdict>> {
        let kept = self.kept.get(slot)?;
        (kept.generation == self.generation()).then_some(kept.verdict)
    }

    /// How many are kept. For who looks now and then: it tidies up first.
    pub(super) fn len(&self) -> u64 {
        self.kept.run_pending_tasks();
        self.kept.entry_count()
    }

    /// To be read before a verdict is asked for that shall be kept.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Keeps a verdict that was asked for in `generation`, unless something may have ended it since it was read.
    pub(super) fn keep(&self, slot: Slot, verdict: Arc<Verdict>, generation: u64) {
        let mut ledger = lock(&self.ledger);
        self.tidy(&mut ledger);
        // After a flush nothing that was asked for before it is comparable: the sequence may have begun anew.
        if generation != self.generation() || !ledger.recent.vouches(&verdict) {
            return;
        }
        ledger.serial += 1;
        let serial = ledger.serial;
        for id in verdict.ids() {
            ledger.index.entry(id).or_default().insert(slot, serial);
        }
        self.kept.insert(slot, Kept { verdict, serial, generation });
    }

    /// Whether it is known that nothing has ended `verdict` since it was read.
    pub(super) fn vouch(&self, verdict: &Verdict) -> bool {
        lock(&self.ledger).recent.vouches(verdict)
    }

    /// Forgets what is kept there.
    pub(super) fn forget(&self, slot: &Slot) {
        self.kept.invalidate(slot);
    }

    /// The last event that was applied.
    pub(super) fn applied(&self) -> u64 {
        lock(&self.ledger).recent.applied()
    }

    /// Takes a message in: `events` are `None` if they can't be read; `answers`, if it answers a renewal. Says whether the
    /// last applied event is another one now.
    pub(super) fn apply(&self, head: u64, events: Option<Vec<Event>>, answers: bool) -> bool {
        let mut ledger = lock(&self.ledger);
        let before = ledger.recent.applied();
        let news = match events {
            Some(events) => ledger.recent.take(head, events, answers),
            None => ledger.recent.lose(head),
        };
        match news {
            News::Next(events) => events.iter().for_each(|event| self.end(&ledger, event)),
            News::Lost => self.flush(&mut ledger),
        }
        ledger.recent.applied() != before
    }

    /// Begins anew, as if no message had come yet.
    pub(super) fn begin_anew(&self) {
        let mut ledger = lock(&self.ledger);
        if ledger.recent.begin_anew() {
            self.flush(&mut ledger);
        }
    }

    fn end(&self, ledger: &Ledger, event: &Event) {
        for slot in ledger.index.get(&event.subject).into_iter().flat_map(HashMap::keys) {
            if self.kept.get(slot).is_some_and(|kept| event.ends(&kept.verdict)) {
                self.kept.invalidate(slot);
            }
        }
    }

    fn flush(&self, ledger: &mut Ledger) {
        metrics::counter!("portals_verdict_flushes_total").increment(1);
        self.generation.fetch_add(1, Ordering::AcqRel);
        ledger.index.clear();
        // The generation has made them worthless; this gives their memory back.
        self.kept.invalidate_all();
    }

    /// Takes what left the cache out of the index.
    fn tidy(&self, ledger: &mut Ledger) {
        let left = std::mem::take(&mut *lock(&self.left));
        let generation = self.generation();
        // A flush has emptied the index already.
        for (slot, kept) in left.into_iter().filter(|(_, kept)| kept.generation == generation) {
            for id in kept.verdict.ids() {
                let hash_map::Entry::Occupied(mut of_id) = ledger.index.entry(id) else { continue };
                // Another verdict may be in the slot by now.
                if of_id.get().get(&slot) == Some(&kept.serial) {
                    of_id.get_mut().remove(&slot);
                }
                if of_id.get().is_empty() {
                    of_id.remove();
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
