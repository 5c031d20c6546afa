//! The tasks of a process: a stop waits for them, and one that panics stops the process.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::pin,
    task::Poll,
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::error::chain;

/// How much of the patience of a stop is kept for what is done last.
const LAST: Duration = Duration::from_secs(1);

/// The tasks of a process. Every background task is spawned here, so that a stop can wait for it.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    leave: CancellationToken,
    stop: CancellationToken,
    /// What is done when the others have ended.
    last: TaskTracker,
    drained: CancellationToken,
    broken: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends; it should end soon after [`Tasks::stopping`]. The process can't go on without it: if it
    /// panics, that is logged and [`Tasks::broken`] completes.
    #[track_caller]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (place, broken) = (Location::caller(), self.broken.clone());
        run(&self.tracker, async move {
            if panics(task).await {
                tracing::error!(%place, "a task that this process needs panicked");
                broken.cancel();
            }
        });
    }

    /// As [`Tasks::spawn`], for what must not fail before the stop either: an error is logged and breaks the process, like a
    /// panic. `what` names it.
    #[track_caller]
    pub fn serve<E>(&self, what: &'static str, task: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: std::error::Error + Send + 'static,
    {
        let (broken, stop) = (self.broken.clone(), self.stop.clone());
        self.spawn(async move {
            if let Err(error) = task.await {
                tracing::error!(what, error = chain(&error), "what this process serves failed");
                if !stop.is_cancelled() {
                    broken.cancel();
                }
            }
        });
    }

    /// Runs what one caller alone waits for, such as a connection: a panic in it ends nothing else. Otherwise as
    /// [`Tasks::spawn`].
    #[track_caller]
    pub fn attend(&self, task: impl Future<Output = ()> + Send + 'static) {
        let place = Location::caller();
        run(&self.tracker, async move {
            if panics(task).await {
                tracing::error!(%place, "a caller's task panicked");
            }
        });
    }

    /// Runs `work` every `period` until the stop.
    #[track_caller]
    pub fn every<F: Future<Output = ()> + Send>(&self, period: Duration, mut work: impl FnMut() -> F + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
                work().await;
            }
        });
    }

    /// Runs `work` when everything else has ended or the stop waits for it no longer: what requests leave in memory while a
    /// stop waits for them is there by then. It has a second.
    #[track_caller]
    pub fn at_the_end(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.outlast(|drained| async move {
            drained.cancelled().await;
            work.await;
        });
    }

    /// Runs `work` beside everything else and beyond its end, of which it is told. It has a second then.
    #[track_caller]
    pub fn outlast<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(CancellationToken) -> F) {
        let place = Location::caller();
        let work = work(self.drained.clone());
        run(&self.last, async move {
            if panics(work).await {
                tracing::error!(%place, "what was to be done last panicked");
            }
        });
    }

    /// Says that the process is about to stop: what it serves it goes on serving, but nobody should come to stay.
    pub fn leave(&self) {
        self.leave.cancel();
    }

    /// Cancelled when the process is about to stop, at the latest when it begins to.
    #[must_use]
    pub fn leaving(&self) -> CancellationToken {
        self.leave.clone()
    }

    /// Cancelled when the process begins to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Completes when a task that the process needs has panicked or failed: it must stop, so that whoever watches it starts it anew.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Begins the stop and waits until all tasks have ended and what is done last is done, at most `patience` in all. Says
    /// whether they did.
    pub async fn stop(&self, patience: Duration) -> bool {
        let last = LAST.min(patience / 2);
        self.leave.cancel();
        self.stop.cancel();
        self.tracker.close();
        let ended = tokio::time::timeout(patience.saturating_sub(last), self.tracker.wait()).await.is_ok();
        self.drained.cancel();
        self.last.close();
        tokio::time::timeout(last, self.last.wait()).await.is_ok() && ended
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that spawns, into a tracker")]
fn run(tracker: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(tracker.track_future(task));
}

/// Runs `task` to its end, and says whether that was a panic. Nothing of it is used any more then.
async fn panics(task: impl Future<Output = ()>) -> bool {
    let mut task = pin!(task);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) => Poll::Ready(false),
        Err(_payload) => Poll::Ready(true),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use tokio::{
        sync::oneshot,
        time::{error::Elapsed, timeout},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn is_broken(tasks: &Tasks) -> Result<(), Elapsed> {
        timeout(PATIENCE, tasks.broken()).await
    }

    #[tokio::test]
    async fn a_task_that_panics_breaks_the_process_and_a_stop_does_not_wait_for_it() {
        let tasks = Tasks::default();
        tasks.spawn(async { panic!("on purpose") });
        is_broken(&tasks).await.unwrap();
        assert!(!tasks.stopping().is_cancelled(), "whoever runs the process stops it");
        assert!(tasks.stop(PATIENCE).await);
    }

    #[tokio::test]
    async fn work_that_panics_at_its_second_turn_breaks_the_process() {
        let (tasks, turns) = (Tasks::default(), Arc::new(AtomicU32::new(0)));
        let counted = Arc::clone(&turns);
        tasks.every(Duration::from_millis(1), move || {
            let turn = counted.fetch_add(1, Ordering::SeqCst);
            async move { assert_eq!(turn, 0, "on purpose") }
        });
        is_broken(&tasks).await.unwrap();
        assert_eq!(turns.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_panics_while_it_is_made_breaks_the_process() {
        let tasks = Tasks::default();
        tasks.every(Duration::from_millis(1), || -> std::future::Ready<()> { panic!("on purpose") });
        is_broken(&tasks).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_served_breaks_the_process_when_it_fails_and_not_during_the_stop() {
        let tasks = Tasks::default();
        tasks.serve("a test", std::future::ready(Ok::<_, std::fmt::Error>(())));
        assert!(timeout(Duration::ZERO, tasks.broken()).await.is_err());
        tasks.serve("a test", std::future::ready(Err(std::fmt::Error)));
        is_broken(&tasks).await.unwrap();
        let stopped = Tasks::default();
        let stopping = stopped.stopping();
        stopped.serve("a test", async move {
            stopping.cancelled().await;
            Err(std::fmt::Error)
        });
        assert!(stopped.stop(PATIENCE).await);
        assert!(timeout(Duration::ZERO, stopped.broken()).await.is_err(), "it was over anyway");
    }

    #[tokio::test]
    async fn a_callers_panic_and_an_end_break_nothing() {
        let tasks = Tasks::default();
        tasks.attend(async { panic!("on purpose") });
        tasks.spawn(async {});
        assert!(tasks.stop(PATIENCE).await);
        assert!(timeout(Duration::ZERO, tasks.broken()).await.is_err());
    }

    #[tokio::test]
    async fn what_is_done_last_comes_after_the_other_tasks() {
        let (tasks, order) = (Tasks::default(), Arc::new(Mutex::new(Vec::new())));
        let note = |what| {
            let order = Arc::clone(&order);
            move || order.lock().unwrap().push(what)
        };
        let (release, released) = oneshot::channel::<()>();
        let (last, request) = (note("last"), note("request"));
        tasks.at_the_end(async move { last() });
        tasks.spawn(async move {
            released.await.unwrap();
            request();
        });
        let stopping = tasks.stopping();
        let releasing = async {
            stopping.cancelled().await;
            release.send(()).unwrap();
        };
        let (stopped, ()) = tokio::join!(tasks.stop(PATIENCE), releasing);
        assert!(stopped);
        assert_eq!(*order.lock().unwrap(), ["request", "last"]);
    }

    #[tokio::test]
    async fn what_is_done_last_is_done_even_if_a_task_never_ends() {
        let (tasks, (done, is_done)) = (Tasks::default(), oneshot::channel());
        tasks.spawn(std::future::pending());
        tasks.at_the_end(async move { done.send(()).unwrap() });
        assert!(!tasks.stop(Duration::from_millis(100)).await);
        is_done.await.unwrap();
    }
}
