//! Point reads in company: what is asked for while a statement is under way is answered by the next one, together.
//!
//! A statement costs far more than a row: two switches of threads on SQLite, a round trip on PostgreSQL. Nothing waits for
//! company, though: when nothing is under way, a read goes at once, alone. Whoever waits may become the one who reads for
//! all, so that there is no task in the background, and a reader who goes away takes nobody's answer along.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Semaphore, oneshot};

use crate::error::Error;

/// The most keys of one statement.
const MOST: usize = 64;

type Answer<V> = Result<Option<V>, Error>;

/// The reads of one kind that wait.
#[derive(Debug)]
pub(super) struct Gather<K, V>(Arc<Shared<K, V>>);

#[derive(Debug)]
struct Shared<K, V> {
    waiting: Mutex<Vec<(K, oneshot::Sender<Answer<V>>)>>,
    /// One permit: who holds it reads.
    reading: Semaphore,
}

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Gather<K, V> {
    fn default() -> Self {
        Self(Arc::new(Shared { waiting: Mutex::default(), reading: Semaphore::new(1) }))
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Gather<K, V> {
    /// The value of `key`. `load` answers those keys, at most [`MOST`] and each once, that have a value.
    pub(super) async fn get<F>(&self, key: K, load: impl Fn(Vec<K>) -> F) -> Answer<V>
    where
        F: Future<Output = Result<HashMap<K, V>, Error>>,
    {
        let mut answer = self.wait(key.clone());
        loop {
            tokio::select! {
                biased;
                answered = &mut answer => match answered {
                    Ok(answered) => return answered,
                    // Who was reading for us went away.
                    Err(_gone) => answer = self.wait(key.clone()),
                },
                Ok(_permit) = self.0.reading.acquire() => self.read(&load).await,
            }
        }
    }

    fn wait(&self, key: K) -> oneshot::Receiver<Answer<V>> {
        let (sender, receiver) = oneshot::channel();
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((key, sender));
        receiver
    }

    async fn read<F>(&self, load: &impl Fn(Vec<K>) -> F)
    where
        F: Future<Output = Result<HashMap<K, V>, Error>>,
    {
        let batch: Vec<_> = {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let most = waiting.len().min(MOST);
            waiting.drain(..most).filter(|(_, sender)| !sender.is_closed()).collect()
        };
        let keys: HashSet<K> = batch.iter().map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return;
        }
        let found = load(keys.into_iter().collect()).await;
        for (key, sender) in batch {
            // A receiver that is gone needs no answer.
            let _ = sender.send(found.as_ref().map(|found| found.get(&key).cloned()).map_err(Error::clone));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{sync::Notify, task::JoinSet};

    use super::*;

    async fn double(keys: Vec<u32>) -> Result<HashMap<u32, u32>, Error> {
        assert!(keys.len() <= MOST);
        Ok(keys.into_iter().filter(|key| key % 7 != 0).map(|key| (key, key * 2)).collect())
    }

    #[tokio::test]
    async fn everyone_gets_their_own_answer_from_few_reads() {
        let (gather, reads) = (Gather::default(), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for key in 0..1_000u32 {
            let (gather, reads) = (gather.clone(), Arc::clone(&reads));
            tasks.spawn(async move {
                let load = |keys| {
                    reads.fetch_add(1, Ordering::Relaxed);
                    async move {
                        tokio::task::yield_now().await;
                        double(keys).await
                    }
                };
                (key, gather.get(key, load).await.unwrap())
            });
        }
        for (key, value) in tasks.join_all().await {
            assert_eq!(value, (key % 7 != 0).then_some(key * 2));
        }
        assert!(reads.load(Ordering::Relaxed) < 100, "{reads:?}");
    }

    #[tokio::test]
    async fn an_error_is_everyones_and_the_next_read_begins_anew() {
        let gather = Gather::<u32, u32>::default();
        let failed = gather.get(1, |_| async { Err(Error::NoPipeline) }).await;
        assert!(matches!(failed, Err(Error::NoPipeline)));
        assert_eq!(gather.get(1, double).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn a_reader_who_goes_away_takes_nobodys_answer_along() {
        let (gather, begun) = (Gather::<u32, u32>::default(), Arc::new(Notify::new()));
        let mut tasks = JoinSet::new();
        let silent = tasks.spawn({
            let (gather, begun) = (gather.clone(), Arc::clone(&begun));
            async move {
                let load = |_| {
                    begun.notify_one();
                    std::future::pending()
                };
                gather.get(1, load).await
            }
        });
        begun.notified().await;
        tasks.spawn(async move { gather.get(1, double).await });
        silent.abort();
        assert!(tasks.join_next().await.is_some_and(|gone| gone.is_err()));
        assert_eq!(tasks.join_next().await.unwrap().unwrap().unwrap(), Some(2));
    }
}
