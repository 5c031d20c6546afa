//! Claiming parts of a window, and giving back what isn't spent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::timeout;
use uuid::Uuid;

use super::{PATIENCE, Shared, held::Held, nanos};
use crate::{
    ambient::Instant,
    db::{Claim, Claimed},
    window::{
        Key,
        part::{Part, REST, SHARE},
    },
};

impl<K: Key> Shared<K> {
    /// Begins a claim, unless one is under way.
    pub(super) fn claim(self: &Arc<Self>, held: &mut Held, key: &K, (limit, number): (u32, i64)) {
        if held.part.is_claiming() {
            return;
        }
        held.part.begin();
        let (shared, key, waiting) = (Arc::clone(self), key.clone(), Arc::clone(&held.waiting));
        let answered = Arc::clone(&held.answered);
        // Not by the request that needs it: it may go away.
        self.source.tasks.attend(async move {
            loop {
                shared.make_claim(&key, &waiting, (limit, number)).await;
                answered.notify_waiters();
                if !shared.begin_next(&key, number) {
                    return;
                }
            }
        });
    }

    /// Whether another claim is due already, which is under way then.
    fn begin_next(&self, key: &K, number: i64) -> bool {
        let (mut window, now) = (self.window(), self.since_boot());
        let held = window.of(number, key).filter(|held| held.part.is_due(now) && !self.is_silent(now));
        held.map(|held| held.part.begin()).is_some()
    }

    async fn make_claim(&self, key: &K, waiting: &AtomicU32, (limit, number): (u32, i64)) {
        let owed = self.window().of(number, key).map_or(0, |held| held.part.owed());
        // As many as came until now.
        let wanted = waiting.load(Ordering::Acquire);
        let ends_at = (number + 1).saturating_mul(self.seconds.into());
        let ends_at = Instant::from_timestamp(ends_at, 0).unwrap_or_default();
        let claim = Claim { key: self.row(key, number), ends_at, limit, owed, wanted, share: SHARE };
        let answer = timeout(PATIENCE, self.source.windows.claim(claim)).await;
        let now = self.since_boot();
        let outcome = match &answer {
            Ok(Ok(Claimed { part, .. })) if *part > 0 => "part",
            Ok(Ok(_)) => "nothing",
            Ok(Err(_)) | Err(_) => "failed",
        };
        metrics::counter!("portals_limit_claims_total", "scope" => self.scope, "outcome" => outcome).increment(1);
        let mut window = self.window();
        match (answer, window.of(number, key)) {
            (Ok(Ok(Claimed { part, claimed })), Some(held)) => held.part.answered(owed, part, claimed, (limit, now)),
            // Of a window that is over.
            (Ok(Ok(_)), None) => {}
            (Ok(Err(_)) | Err(_), held) => {
                tracing::debug!(scope = self.scope, "a part of a window can't be claimed");
                self.silent_until.store(nanos(now + REST), Ordering::Release);
                if let Some(held) = held {
                    held.part.failed(limit, now);
                }
            }
        }
    }

    /// Gives back what `take` takes out of at most so many parts.
    pub(super) async fn give_back(&self, take: fn(&mut Part, Duration) -> u32, most: usize) {
        for (row, part) in self.take_unspent(take, most) {
            // What can't be given back is lost to everybody, until the window ends.
            let given = timeout(PATIENCE, self.source.windows.give_back(row, part)).await;
            if !matches!(given, Ok(Ok(()))) {
                return tracing::debug!(scope = self.scope, "parts of windows can't be given back");
            }
        }
    }

    /// What is taken out, with its rows.
    fn take_unspent(&self, take: fn(&mut Part, Duration) -> u32, most: usize) -> Vec<(Uuid, u32)> {
        let (mut window, now) = (self.window(), self.since_boot());
        let number = window.number;
        let taken = window.held.iter_mut().map(|(key, held)| (key, take(&mut held.part, now)));
        let taken = taken.filter(|(_, part)| *part > 0).take(most);
        taken.map(|(key, part)| (self.row(key, number), part)).collect()
    }

    /// The row of a key in a window. It names nobody, but hides nobody either who knows whom to look for: the audit says more,
    /// and for longer.
    pub(super) fn row(&self, key: &K, number: i64) -> Uuid {
        let mut hash = Sha256::new();
        for part in [self.scope, &number.to_string(), &key.name()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}
