//! Start and stop: tasks that a stop waits for, the signals that stop, and the admin listener.

mod tasks;

use std::{fs, future::Future, io, process, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

pub use tasks::Tasks;

/// How often measured values are folded into their histograms: until then each takes memory of its own.
const UPKEEP: Duration = Duration::from_secs(5);

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

/// What this process is called where there are several: its machine (in a container, its name) and its number.
#[must_use]
pub fn process_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}/{}", host.trim(), process::id())
}

/// What the admin listener asks before it says that the process is ready.
#[async_trait::async_trait]
pub trait Readiness: Send + Sync {
    /// `Ok`, or what is missing.
    async fn ready(&self) -> Result<(), String>;
}

/// Serves `/healthz` (alive), `/readyz` (every part can work) and `/metrics` (Prometheus text) until the stop.
pub fn serve_admin(tasks: &Tasks, listener: TcpListener, parts: Vec<Arc<dyn Readiness>>, metrics: Metrics) {
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
