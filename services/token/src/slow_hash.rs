//! The slow hash (`domain::password`) on a few threads of its own: as many at once as leave a core for everything else, a
//! short queue before them, and a refusal when that is full, so that no flood of secrets or passwords takes the service down
//! (spec §5).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::available_parallelism,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use zeroize::Zeroizing;

use crate::{Error, domain::password};

pub(crate) use crate::domain::password::Verified;

/// How many secrets may wait.
const QUEUE: usize = 32;
/// How many passwords may wait.
const SIGN_IN_QUEUE: usize = 8;
/// For how long.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hashes and verifies, bounded.
#[derive(Debug)]
pub(crate) struct SlowHash {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    width: usize,
    queue: usize,
    begun: AtomicU64,
}

impl Default for SlowHash {
    fn default() -> Self {
        Self::new(available_parallelism().map_or(1, |cores| cores.get() - 1).max(1), QUEUE)
    }
}

impl SlowHash {
    /// A share of its own for who signs in, so that a flood of passwords keeps no secret waiting.
    pub(crate) fn of_sign_ins() -> Self {
        Self::new(1, SIGN_IN_QUEUE)
    }

    fn new(width: usize, queue: usize) -> Self {
        let (running, waiting) = (Arc::new(Semaphore::new(width)), Semaphore::new(queue));
        Self { running, waiting, width, queue, begun: AtomicU64::new(0) }
    }

    /// The PHC string of `text`.
    pub(crate) async fn hash(&self, text: Zeroizing<String>, salt: [u8; 16]) -> Result<String, Error> {
        self.run(move || password::hash(&text, salt)).await
    }

    /// Whether `phc` is a hash of `text`. What is no hash at all matches nothing, as slowly.
    pub(crate) async fn verify(&self, text: Zeroizing<String>, phc: String) -> Result<Verified, Error> {
        self.run(move || password::verify(&text, &phc)).await
    }

    /// How many run, and how many wait.
    pub(crate) fn taken(&self) -> (usize, usize) {
        let taken = |of: usize, left: &Semaphore| of.saturating_sub(left.available_permits());
        (taken(self.width, &self.running), taken(self.queue, &self.waiting))
    }

    /// How many slow hashes were begun since the start.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let permit = self.permit().await?;
        self.begun.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("portals_token_slow_hashes_total").increment(1);
        // The permit goes along: when the caller gives up, the thread still works.
        let work = move || {
            let done = work();
            drop(permit);
            done
        };
        Ok(spawn_blocking(work).await?)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let busy = |_| Error::SlowHashBusy;
        let _place = self.waiting.try_acquire().map_err(busy)?;
        let permit = timeout(PATIENCE, Arc::clone(&self.running).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(Error::SlowHashBusy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn who_finds_the_queue_full_or_waits_too_long_is_refused() {
        let hasher = Arc::new(SlowHash::new(1, QUEUE));
        let (release, held) = mpsc::channel::<()>();
        let mut requests = JoinSet::new();
        let first = Arc::clone(&hasher);
        requests.spawn(async move { first.run(move || held.recv().is_ok()).await });
        while hasher.begun() < 1 {
            tokio::task::yield_now().await;
        }
        for _ in 0..QUEUE {
            let waiter = Arc::clone(&hasher);
            requests.spawn(async move { waiter.run(|| true).await });
        }
        while hasher.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.run(|| true).await, Err(Error::SlowHashBusy)), "the queue is full");
        for _ in 0..QUEUE {
            let refused = requests.join_next().await.unwrap().unwrap();
            assert!(matches!(refused, Err(Error::SlowHashBusy)), "waiting took too long");
        }
        release.send(()).unwrap();
        assert!(requests.join_next().await.unwrap().unwrap().unwrap());
        assert!(hasher.run(|| true).await.unwrap(), "there is room again");
        assert_eq!(hasher.begun(), 2, "who was refused cost nothing");
    }

    #[tokio::test]
    async fn what_was_hashed_is_verified() {
        let hasher = SlowHash::default();
        let text = || Zeroizing::new("correct horse".to_owned());
        let phc = hasher.hash(text(), [7; 16]).await.unwrap();
        let verified = hasher.verify(text(), phc).await.unwrap();
        assert_eq!((verified, hasher.begun()), (Verified { matches: true, outdated: false }, 2));
    }
}
