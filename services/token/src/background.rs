//! What runs beside the RPCs, all of it.

use std::time::Duration;

use chrono::DateTime;
use kit::{boot::Tasks, error::chain};
use sea_orm::DbErr;
use tokio::sync::oneshot;

use crate::{Error, Service, failures, keys, sweeps, uses, watchers};

impl Service {
    /// Starts it, until the stop.
    pub(crate) fn run_background(&self, tasks: &Tasks) {
        self.every(tasks, uses::PERIOD, |service| async move { service.flush_uses().await });
        self.every(tasks, failures::TALLY_PERIOD, |service| async move {
            service.write_failures(service.0.ambient.now()).await;
        });
        self.every(tasks, keys::PERIOD, |service| async move { service.reload_keys().await });
        self.every(tasks, keys::REKEY_PERIOD, |service| async move { service.flush_rekeys().await });
        self.look_for_revocations(tasks);
        self.hear_of_revocations(tasks);
        self.every(tasks, sweeps::PERIOD, |service| async move { service.sweep().await });
        let service = self.clone();
        tasks.at_the_end(async move { service.end().await });
    }

    /// Looks from time to time: the truth, whatever became of hints.
    pub(crate) fn look_for_revocations(&self, tasks: &Tasks) {
        self.every(tasks, watchers::PERIOD, |service| async move { service.poll_revocations().await });
    }

    /// Looks when another replica hints at something.
    pub(crate) fn hear_of_revocations(&self, tasks: &Tasks) {
        let service = self.clone();
        self.0.store.listen(tasks, move || {
            let service = service.clone();
            async move { service.poll_revocations().await }
        });
    }

    /// Writes what is in memory alone, so that a stop loses nothing of it: not what requests left there that the stop waited
    /// for either. Nothing is made in this process any more.
    async fn end(&self) {
        self.write_failures(DateTime::<chrono::Utc>::MAX_UTC).await;
        self.flush_uses().await;
        self.say_goodbye().await;
    }

    /// Does `work` to its end, also when the caller that waits for it goes away: what takes many transactions must not begin
    /// anew with each try.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, outcome) = oneshot::channel();
        self.0.tasks.attend(async move {
            if let Err(Err(error)) = done.send(work.await) {
                tracing::warn!(error = chain(&error), "what a caller no longer waits for failed");
            }
        });
        let broken_off = |_| Error::OutcomeUnknown(DbErr::Custom("a task broke off".to_owned()));
        outcome.await.map_err(broken_off)?
    }

    fn every<F>(&self, tasks: &Tasks, period: Duration, work: impl Fn(Self) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let service = self.clone();
        tasks.every(period, move || work(service.clone()));
    }
}
