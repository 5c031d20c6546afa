//! What runs beside the RPCs, all of it.

use std::time::Duration;

use kit::{boot::Tasks, error::chain};
use sea_orm::DbErr;
use tokio::sync::oneshot;

use crate::{Error, Service, keys, sweeps, uses, watchers};

impl Service {
    /// Starts it, until the stop.
    pub(crate) fn run_background(&self, tasks: &Tasks) {
        self.flush_uses_until_the_stop(tasks);
        self.audit_failures(tasks);
        self.every(tasks, keys::PERIOD, |service| async move { service.reload_keys().await });
        self.every(tasks, keys::REKEY_PERIOD, |service| async move { service.flush_rekeys().await });
        self.every(tasks, watchers::PERIOD, |service| async move { service.poll_revocations().await });
        self.every(tasks, sweeps::PERIOD, |service| async move { service.sweep().await });
    }

    /// Does `work` to its end, also when the caller that waits for it goes away: what takes many transactions must not begin
    /// anew with each try.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, outcome) = oneshot::channel();
        self.0.tasks.spawn(async move {
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

    /// The last time after the stop has begun, so that what was noted isn't lost.
    fn flush_uses_until_the_stop(&self, tasks: &Tasks) {
        let (service, stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(uses::PERIOD)).await.is_some() {
                service.flush_uses().await;
            }
            service.flush_uses().await;
        });
    }
}
