//! Secrets that passed the slow hash lately: a good client pays for it once in ten minutes (spec §5).
//!
//! What is kept tells nobody a secret: it is a hash under a key that this process made for itself. It grants nothing either:
//! the secret's row is read before and again in the transaction after.

use std::{future::Future, sync::Arc, time::Duration};

use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use kit::{ambient::Instant, credential::Plain};
use moka::future::Cache;
use sha2::Sha256;
use uuid::Uuid;

use crate::Error;

const MINUTES: i64 = 10;
const MOST: u64 = 10_000;

type Key = (Uuid, [u8; 32]);

/// Which secrets were verified. Those who come with the same one at the same time wait for one slow hash.
pub(super) struct VerifiedSecrets {
    hmac: Hmac<Sha256>,
    known: Cache<Key, Known>,
}

#[derive(Clone)]
struct Known {
    at: Instant,
    renewed: Option<String>,
}

/// Why a secret isn't known to be good. Shared by all who waited for it.
#[derive(Clone, Copy, Debug)]
enum NotVerified {
    Wrong,
    Busy,
    Broken,
}

impl VerifiedSecrets {
    /// Empty, under a random key.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 §2)")]
    pub(super) fn new(key: [u8; 32]) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST)
            // Memory only: by the injected clock an entry ends no later.
            .time_to_live(Duration::from_mins(MINUTES.unsigned_abs()))
            .support_invalidation_closures()
            .build();
        Self { hmac: Hmac::new_from_slice(&key).expect("HMAC takes keys of every length"), known }
    }

    /// What `verify` answered for this secret when it was asked last, if it was good and that is less than ten minutes ago;
    /// else what it answers now: `None`, or a renewed hash where the stored one was outdated.
    pub(super) async fn know(
        &self,
        secret: Uuid,
        plain: &Plain,
        now: Instant,
        verify: impl Future<Output = Result<Option<Option<String>>, Error>>,
    ) -> Result<Option<Option<String>>, Error> {
        let digest = self.hmac.clone().chain_update(plain.expose()).finalize().into_bytes();
        let key = (secret, digest.into());
        let is_old = |known: &Known| !(TimeDelta::zero()..TimeDelta::minutes(MINUTES)).contains(&(now - known.at));
        if self.known.get(&key).await.as_ref().is_some_and(is_old) {
            self.known.invalidate(&key).await;
        }
        let known = self.known.try_get_with(key, async { ask(verify).await.map(|renewed| Known { at: now, renewed }) });
        match known.await.as_ref().map_err(Arc::as_ref) {
            Ok(known) => Ok(Some(known.renewed.clone())),
            Err(NotVerified::Wrong) => Ok(None),
            Err(NotVerified::Busy) => Err(Error::SlowHashBusy),
            Err(NotVerified::Broken) => Err(Error::VerificationUnavailable),
        }
    }

    /// Drops what is known of a secret.
    pub(super) fn forget(&self, secret: Uuid) {
        // Fails only without support for closures.
        let forgotten = self.known.invalidate_entries_if(move |(uuid, _), _| *uuid == secret);
        debug_assert!(forgotten.is_ok());
    }
}

async fn ask(
    verify: impl Future<Output = Result<Option<Option<String>>, Error>>,
) -> Result<Option<String>, NotVerified> {
    match verify.await {
        Ok(good) => good.ok_or(NotVerified::Wrong),
        Err(Error::SlowHashBusy) => Err(NotVerified::Busy),
        Err(error) => {
            tracing::error!(error = kit::error::chain(&error), "a secret can't be verified");
            Err(NotVerified::Broken)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chrono::DateTime;

    use super::*;

    fn plain(byte: u8) -> Plain {
        Plain::secret("bk", [byte; 6], &[byte; 32])
    }

    struct Asked(VerifiedSecrets, AtomicU32);

    impl Asked {
        async fn know(&self, secret: u128, byte: u8, second: i64, good: bool) -> bool {
            let verify = async {
                self.1.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(good.then_some(None))
            };
            let now = DateTime::from_timestamp(second, 0).unwrap();
            self.0.know(Uuid::from_u128(secret), &plain(byte), now, verify).await.unwrap().is_some()
        }

        fn times(&self) -> u32 {
            self.1.load(Ordering::SeqCst)
        }
    }

    fn asked() -> Asked {
        Asked(VerifiedSecrets::new([7; 32]), AtomicU32::new(0))
    }

    #[tokio::test]
    async fn a_good_secret_is_known_for_ten_minutes() {
        let asked = asked();
        assert!(asked.know(1, 1, 0, true).await && asked.know(1, 1, 599, false).await);
        assert_eq!(asked.times(), 1);
        assert!(!asked.know(1, 1, 600, false).await);
        assert_eq!(asked.times(), 2);
    }

    #[tokio::test]
    async fn a_wrong_secret_is_never_known_nor_one_of_another_row() {
        let asked = asked();
        assert!(!asked.know(1, 1, 0, false).await && !asked.know(1, 1, 0, false).await);
        assert!(
            asked.know(1, 2, 0, true).await && !asked.know(2, 2, 0, false).await && !asked.know(1, 3, 0, false).await
        );
        assert_eq!(asked.times(), 5);
    }

    #[tokio::test]
    async fn a_forgotten_secret_is_verified_again() {
        let asked = asked();
        assert!(asked.know(1, 1, 0, true).await && asked.know(2, 2, 0, true).await);
        asked.0.forget(Uuid::from_u128(1));
        assert!(!asked.know(1, 1, 1, false).await && asked.know(2, 2, 1, false).await);
    }

    #[tokio::test]
    async fn many_at_once_are_verified_once() {
        let asked = asked();
        let (one, two, three) =
            tokio::join!(asked.know(1, 1, 0, true), asked.know(1, 1, 0, true), asked.know(1, 1, 0, true));
        assert_eq!((one, two, three, asked.times()), (true, true, true, 1));
    }

    #[tokio::test]
    async fn a_full_queue_is_told_and_not_remembered() {
        let asked = asked();
        let busy = async { Err(Error::SlowHashBusy) };
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let told = asked.0.know(Uuid::from_u128(1), &plain(1), now, busy).await;
        assert!(matches!(told, Err(Error::SlowHashBusy)));
        assert!(asked.know(1, 1, 0, true).await);
    }
}
