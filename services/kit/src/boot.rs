//! Start and stop: tasks that a stop waits for, the signals that stop, and the admin listener.

mod tasks;

use std::{fs, io, process, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

pub use tasks::Tasks;

/// How often measured values are folded into their histograms: until then each takes memory of its own.
const UPKEEP: Duration = Duration::from_secs(5);

/// SIGINT (Ctrl-C) and SIGTERM.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens from now on. To be called before the process says that it is there: until then a signal ends it the hard way.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
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
    let leaving = tasks.leaving();
    let ready = move || {
        let (parts, leaving) = (parts.clone(), leaving.clone());
        async move { readiness(&parts, &leaving).await }
    };
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move || async move { metrics.render() }));
    let stop = tasks.stopping();
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    tasks.serve("the admin listener", served.into_future());
}

async fn readiness(parts: &[Arc<dyn Readiness>], leaving: &CancellationToken) -> (StatusCode, String) {
    let mut missing = Vec::new();
    if leaving.is_cancelled() {
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
