//! Start and stop: tasks that a stop waits for, the signals that stop, and the admin listener.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often measured values are folded into their histograms: until then each takes memory of its own.
const UPKEEP: Duration = Duration::from_secs(5);

/// The tasks of a process. Every background task is spawned here, so that a stop can wait for it.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Runs `task` until it ends; it should end soon after [`Tasks::stopping`].
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns, into the tracker")]
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.tracker.track_future(task));
    }

    /// Runs `work` every `period` until the stop.
    pub fn every<F: Future<Output = ()> + Send>(&self, period: Duration, mut work: impl FnMut() -> F + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
                work().await;
            }
        });
    }

    /// Cancelled when the process begins to stop.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Begins the stop and waits until all tasks have ended, at most `patience`. Says whether they did.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

/// Listens for SIGINT (Ctrl-C) and SIGTERM from now on. The future completes when one arrives. To be called before the
/// process says that it is there: until then a signal ends it the hard way.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// What the admin listener asks before it says that the process is ready.
#[async_trait::async_trait]
pub trait Readiness: Send + Sync {
    /// `Ok`, or what is missing.
    async fn ready(&self) -> Result<(), String>;
}

/// Serves `/healthz` (alive), `/readyz` (every part can work) and `/metrics` (Prometheus text) until the stop.
pub fn serve_admin(tasks: &Tasks, listener: TcpListener, parts: Vec<Arc<dyn Readiness>>, metrics: PrometheusHandle) {
    let upkeep = metrics.clone();
    tasks.every(UPKEEP, move || {
        let upkeep = upkeep.clone();
        async move { upkeep.run_upkeep() }
    });
    let stop = tasks.stopping();
    let ready = move || {
        let (parts, stop) = (parts.clone(), stop.clone());
        async move { readiness(&parts, &stop).await }
    };
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || async move { metrics.render() }));
    let stop = tasks.stopping();
    tasks.spawn(async move {
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the admin listener failed");
        }
    });
}

async fn readiness(parts: &[Arc<dyn Readiness>], stop: &CancellationToken) -> (StatusCode, String) {
    let mut missing = Vec::new();
    if stop.is_cancelled() {
        missing.push("stopping".to_owned());
    }
    for part in parts {
        missing.extend(part.ready().await.err());
    }
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", missing.join("\n")))
}
