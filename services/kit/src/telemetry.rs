//! Logs, metrics and traces. A log line is static lower-case text with values as fields; never a credential, a variable or a body.

mod log;
mod process;
pub mod traces;
mod watched;

use std::str::FromStr;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, WorkerGuard};

use self::traces::Traces;
pub use self::watched::watch;
use crate::boot::Tasks;

/// Bounds of latency histograms in seconds.
const LATENCY: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What was started.
#[derive(Debug)]
pub struct Telemetry {
    /// For `/metrics`.
    pub metrics: Metrics,
    /// To be exported; `None`: nothing is, or it is already.
    traces: Option<Traces>,
    /// Writes what still waits when it is dropped, which must be the last thing that happens.
    _log: WorkerGuard,
}

impl Telemetry {
    /// Begins to export traces, if any.
    pub fn export(&mut self, tasks: &Tasks) {
        if let Some(traces) = self.traces.take() {
            traces.export(tasks);
        }
    }
}

/// What `/metrics` says. Clones say the same.
#[derive(Clone)]
pub struct Metrics {
    recorded: PrometheusHandle,
    lines: ErrorCounter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// All of it, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        watched::look();
        process::look();
        metrics::counter!("portals_log_lines_dropped_total").absolute(self.lines.dropped_lines() as u64);
        self.recorded.render()
    }

    /// Folds what was recorded since the last time; without it histograms grow until somebody asks.
    pub(crate) fn run_upkeep(&self) {
        self.recorded.run_upkeep();
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("must be text or json"),
        }
    }
}

/// Why telemetry can't start: it was started before.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log.
    #[error("logging can't be set up")]
    Log(#[from] tracing_subscriber::util::TryInitError),
    /// The metrics.
    #[error("metrics can't be set up")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The traces.
    #[error("traces can't be exported")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Starts logging to standard error, filtered by `filter` (`tracing` directives), collecting metrics, and tracing if `traces` are
/// exported.
pub fn start(format: Format, filter: &str, traces: Option<traces::Settings>) -> Result<Telemetry, StartError> {
    let (log, dropped) = log::start(format, filter)?;
    let recorded = PrometheusBuilder::new().set_buckets(&LATENCY)?.install_recorder()?;
    metrics::gauge!("portals_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let traces = traces.map(Traces::start).transpose()?;
    Ok(Telemetry { metrics: Metrics { recorded, lines: dropped }, traces, _log: log })
}
