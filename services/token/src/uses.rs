//! Uses of API access tokens, noted in memory and written in batches: never on the path of a request. (Portal tokens are
//! used elsewhere: verifiers report those, `rpc/report_uses.rs`.)

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kit::{ambient::Instant, error::chain};
use uuid::Uuid;

use crate::{Service, domain::uses::Use, store::Used};

/// How often they are written.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);
/// The most tokens whose uses wait to be written. Those beyond it are noted at their next use after that.
const MOST: usize = 10_000;

/// What waits to be written: the last use of each token.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<HashMap<Uuid, Use>>);

impl Uses {
    /// Notes that the API access token was used now, from `ip` if that is known.
    pub(crate) fn note_api_token(&self, token: Uuid, ip: Option<IpAddr>, now: Instant) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST || waiting.contains_key(&token) {
            waiting.insert(token, Use { token, at: now, ip });
        }
    }

    fn take(&self) -> Vec<Use> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_values().collect()
    }

    /// Puts back what couldn't be written, where there is nothing newer.
    fn put_back(&self, uses: Vec<Use>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in uses {
            waiting.entry(one.token).or_insert(one);
        }
    }
}

impl Service {
    /// Writes the uses that wait.
    pub(crate) async fn flush_uses(&self) {
        let uses = self.0.uses.take();
        if uses.is_empty() {
            return;
        }
        if let Err(error) = self.0.store.note_uses(Used::ApiTokens, &uses).await {
            tracing::warn!(error = chain(&error), "the uses of api access tokens can't be written; they wait");
            self.0.uses.put_back(uses);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn the_last_use_of_each_token_waits() {
        let uses = Uses::default();
        for second in [1, 2] {
            uses.note_api_token(Uuid::nil(), None, at(second));
        }
        uses.note_api_token(Uuid::max(), "192.0.2.1".parse().ok(), at(3));
        let mut taken = uses.take();
        taken.sort_by_key(|one| one.token);
        assert_eq!((taken[0].at, taken[1].at, taken.len()), (at(2), at(3), 2));
        assert!(uses.take().is_empty());
    }

    #[test]
    fn what_could_not_be_written_waits_on_unless_there_is_something_newer() {
        let uses = Uses::default();
        uses.note_api_token(Uuid::nil(), None, at(1));
        let taken = uses.take();
        uses.note_api_token(Uuid::nil(), None, at(2));
        uses.put_back(taken);
        assert_eq!(uses.take()[0].at, at(2));
    }

    #[test]
    fn what_waits_is_bounded() {
        let uses = Uses::default();
        for number in 0..=MOST {
            uses.note_api_token(Uuid::from_u128(number as u128), None, at(1));
        }
        uses.note_api_token(Uuid::nil(), None, at(2));
        let taken = uses.take();
        assert_eq!(taken.len(), MOST);
        assert!(taken.iter().any(|one| one.token.is_nil() && one.at == at(2)));
    }
}
