//! Rows whose credential was used under the key that is being retired: they get its tag under the one in use.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kit::error::chain;
use uuid::Uuid;

use crate::{
    Service,
    domain::tag::{Class, Tag},
};

/// How often they are written.
pub(crate) const PERIOD: Duration = Duration::from_secs(3);
/// The most rows of one transaction.
const BATCH: usize = 500;
/// The most rows that wait. Those beyond it are noted at their next use after that.
const MOST: usize = 10_000;

/// What waits to be written, by the row's UUID.
#[derive(Debug, Default)]
pub(crate) struct Rekey(Mutex<HashMap<Uuid, (Class, Tag)>>);

impl Rekey {
    /// Notes that the row of a credential that was just used shall carry `tag`.
    pub(crate) fn note(&self, class: Class, row: Uuid, tag: Tag) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST {
            waiting.insert(row, (class, tag));
        }
    }

    fn take(&self) -> Vec<(Class, Uuid, Tag)> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().map(|(row, (class, tag))| (class, row, tag)).collect()
    }
}

impl Service {
    /// Notes a use of a row that carries `stored`, where `candidates` are its credential's tags, the one in use first.
    pub(crate) fn note_key(&self, class: Class, row: Uuid, stored: &Tag, candidates: &[Tag]) {
        if let Some(tag) = candidates.first().filter(|tag| tag.key_id != stored.key_id) {
            self.0.rekey.note(class, row, tag.clone());
        }
    }

    /// Writes what waits, in small transactions. What can't be written is noted again at its next use.
    pub(crate) async fn flush_rekeys(&self) {
        let mut rows = self.0.rekey.take();
        // A key that was replaced meanwhile may be gone soon: no row may move to it any more.
        let in_use = self.0.tagger.in_use();
        rows.retain(|(_, _, tag)| tag.key_id == in_use);
        // Replicas that move the same rows lock them in the same order.
        rows.sort_unstable_by_key(|(_, row, _)| *row);
        for batch in rows.chunks(BATCH) {
            if let Err(error) = self.0.store.rekey(batch).await {
                tracing::warn!(
                    error = chain(&error),
                    "rows can't be moved to the key in use; their next use tries again"
                );
                return;
            }
            metrics::counter!("portals_token_rekeyed_rows_total").increment(batch.len() as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_taken_once() {
        let rekey = Rekey::default();
        for number in 0..=MOST {
            let tag = Tag { key_id: "k2".into(), bytes: Vec::new() };
            rekey.note(Class::Portal, Uuid::from_u128(number as u128), tag);
        }
        assert_eq!((rekey.take().len(), rekey.take().len()), (MOST, 0));
    }
}
