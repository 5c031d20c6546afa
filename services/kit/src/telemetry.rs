//! Logs and metrics. A log line is static lower-case text with values as fields; never a credential, a variable or a body.

use std::{
    io::{self, IsTerminal},
    str::FromStr,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Bounds of latency histograms in seconds.
const LATENCY: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

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
}

/// Starts logging to standard error, filtered by `filter` (`tracing` directives), and collecting metrics.
pub fn start(format: Format, filter: &str) -> Result<PrometheusHandle, StartError> {
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    match format {
        Format::Text => {
            let colors = io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colors).with_target(false)).try_init()?;
        }
        Format::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()?,
    }
    let handle = PrometheusBuilder::new().set_buckets(&LATENCY)?.install_recorder()?;
    metrics::gauge!("portals_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
