//! One task that writes all tokens made of secrets: what waits while a transaction commits goes into the next one together,
//! so that many exchanges share the wait for the disk. A second task writes those whose portal somebody has locked, portal by
//! portal, so that nobody else waits for that lock.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kit::{boot::Tasks, error::chain};
use sea_orm::DbErr;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    Error,
    domain::secret::Refused,
    store::{Exchange, Locked, Store},
};

/// The most exchanges in one transaction.
const MOST_TOGETHER: usize = 64;
/// The most that wait for theirs; who comes after them waits for a place.
const MOST_WAITING: usize = 1024;

type Outcome = Result<Result<(), Refused>, Error>;

/// The way to the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
    desk: Desk,
}

struct Job {
    exchange: Exchange,
    done: oneshot::Sender<Outcome>,
}

/// Where tokens are written.
#[derive(Clone)]
struct Desk {
    store: Store,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Begins the task. At the stop it writes what waits, and ends.
    pub(super) fn start(store: Store, tasks: &Tasks) -> Self {
        let (queue, jobs) = mpsc::channel(MOST_WAITING);
        let (later, locked) = mpsc::channel(MOST_WAITING);
        let desk = Desk { store, commits: Arc::default() };
        tasks.spawn(desk.clone().run(jobs, later, tasks.stopping()));
        tasks.spawn(desk.clone().run_locked(locked));
        Self { queue, desk }
    }

    /// Makes the token, and says whether it was made once that is durable.
    pub(super) async fn write(&self, exchange: Exchange) -> Outcome {
        let (done, outcome) = oneshot::channel();
        match self.queue.send(Job { exchange, done }).await {
            Ok(()) => outcome.await.unwrap_or_else(|_gone| Err(broken_off())),
            // The stop has begun and the writer is gone: requests that are still under way write for themselves.
            Err(mpsc::error::SendError(job)) => self.desk.write_alone(job.exchange).await,
        }
    }

    #[cfg(test)]
    pub(super) async fn write_all(&self, exchanges: Vec<Exchange>) -> Vec<Outcome> {
        let outcomes = self.desk.write(exchanges, Locked::Wait).await;
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(broken_off()))).collect()
    }

    #[cfg(test)]
    pub(super) fn commits(&self) -> u64 {
        self.desk.commits.load(Ordering::Relaxed)
    }
}

impl Desk {
    async fn run(self, mut queue: mpsc::Receiver<Job>, later: mpsc::Sender<Job>, stop: CancellationToken) {
        let mut jobs = Vec::with_capacity(MOST_TOGETHER);
        loop {
            tokio::select! {
                count = queue.recv_many(&mut jobs, MOST_TOGETHER) => {
                    if count == 0 {
                        return;
                    }
                    self.settle(jobs.drain(..), &later).await;
                }
                () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            }
        }
    }

    /// Ends when the other task has.
    async fn run_locked(self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MOST_TOGETHER);
        while queue.recv_many(&mut jobs, MOST_TOGETHER).await > 0 {
            let mut portals: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for job in jobs.drain(..) {
                portals.entry(job.exchange.token.portal).or_default().push(job);
            }
            for jobs in portals.into_values() {
                let (exchanges, jobs) = waiting(jobs.into_iter());
                for (job, outcome) in jobs.into_iter().zip(self.write(exchanges, Locked::Wait).await) {
                    answer(job, outcome.unwrap_or_else(|| Err(broken_off())));
                }
            }
        }
    }

    /// Writes the tokens of those who still wait, and answers them or sends them to wait for their portal.
    async fn settle(&self, jobs: impl Iterator<Item = Job>, later: &mpsc::Sender<Job>) {
        let (exchanges, jobs) = waiting(jobs);
        let outcomes = self.write(exchanges, Locked::Skip).await;
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Some(outcome) => answer(job, outcome),
                None => {
                    if let Err(full) = later.try_send(job) {
                        answer(full.into_inner(), Err(crowded()));
                    }
                }
            }
        }
    }

    /// As many outcomes as exchanges; `None` where the portal's lock is somebody else's.
    async fn write(&self, exchanges: Vec<Exchange>, locked: Locked) -> Vec<Option<Outcome>> {
        if exchanges.is_empty() {
            return Vec::new();
        }
        let count = exchanges.len();
        match self.write_together(exchanges.clone(), locked).await {
            Ok(judged) => judged.into_iter().map(|judged| judged.map(Ok)).collect(),
            // Some row can't be written: that one's fault must not be the others'.
            Err(error) if count > 1 && is_of_one(&error) => {
                tracing::warn!(error = chain(&error), "tokens can't be written together");
                let mut outcomes = Vec::with_capacity(count);
                for exchange in exchanges {
                    outcomes.push(match self.write_together(vec![exchange], locked).await {
                        Ok(judged) => judged.into_iter().next().flatten().map(Ok),
                        Err(error) => Some(Err(error)),
                    });
                }
                outcomes
            }
            Err(error) => (0..count).map(|_| Some(Err(again(&error)))).collect(),
        }
    }

    async fn write_alone(&self, exchange: Exchange) -> Outcome {
        let judged = self.write_together(vec![exchange], Locked::Wait).await?;
        judged.into_iter().next().flatten().ok_or_else(broken_off)
    }

    async fn write_together(
        &self,
        exchanges: Vec<Exchange>,
        locked: Locked,
    ) -> Result<Vec<Option<Result<(), Refused>>>, Error> {
        let judged = self.store.create_exchanged(exchanges, locked).await?;
        if judged.iter().flatten().any(Result::is_ok) {
            self.commits.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("portals_token_exchange_commits_total").increment(1);
        }
        Ok(judged)
    }
}

/// What is to be written for those who still wait, and their jobs.
fn waiting(jobs: impl Iterator<Item = Job>) -> (Vec<Exchange>, Vec<Job>) {
    jobs.filter(|job| !job.done.is_closed()).map(|job| (job.exchange.clone(), job)).unzip()
}

fn answer(job: Job, outcome: Outcome) {
    // Who doesn't wait any more has lost a token that nobody knows.
    let _ = job.done.send(outcome);
}

/// Whether it may be one row alone that can't be written.
fn is_of_one(error: &Error) -> bool {
    match error {
        Error::Database(error) => error.sql_err().is_some(),
        Error::KeyRetired => true,
        _ => false,
    }
}

/// The same for another who waited for the same transaction.
fn again(error: &Error) -> Error {
    match error {
        Error::OutcomeUnknown(error) => Error::OutcomeUnknown(DbErr::Custom(chain(error))),
        Error::KeyRetired => Error::KeyRetired,
        error => Error::Database(DbErr::Custom(chain(error))),
    }
}

fn crowded() -> Error {
    Error::Database(DbErr::Custom("too many exchanges wait for portals that are locked".to_owned()))
}

fn broken_off() -> Error {
    Error::OutcomeUnknown(DbErr::Custom("the writer of tokens broke off".to_owned()))
}
