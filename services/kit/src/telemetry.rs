//! Logs and metrics. A log line is static lower-case text with values as fields; never a credential, a variable or a body.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    str::FromStr,
    thread,
    time::Duration,
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Bounds of latency histograms in seconds.
const LATENCY: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The most log lines that wait to be written; more are dropped, so that a blocked log stops nobody.
const MOST_LINES: usize = 16_384;

/// How long the thread that writes lines rests after it has written some.
const REST: Duration = Duration::from_millis(2);

/// What was started.
#[derive(Debug)]
pub struct Telemetry {
    /// For `/metrics`.
    pub metrics: Metrics,
    /// Writes what still waits when it is dropped, which must be the last thing that happens.
    _log: WorkerGuard,
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
}

/// Starts logging to standard error, filtered by `filter` (`tracing` directives), and collecting metrics.
///
/// One thread writes the lines, many at once when there are many: a system call for each would cost a request more than
/// most of what is done for it, and so would waking that thread for each.
pub fn start(format: Format, filter: &str) -> Result<Telemetry, StartError> {
    let (lines, log) =
        NonBlockingBuilder::default().buffered_lines_limit(MOST_LINES).finish(Gathering(BufWriter::new(io::stderr())));
    let dropped = lines.error_counter();
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    match format {
        Format::Text => {
            let colors = io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(lines).with_ansi(colors).with_target(false)).try_init()?;
        }
        Format::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(lines)).try_init()?,
    }
    let recorded = PrometheusBuilder::new().set_buckets(&LATENCY)?.install_recorder()?;
    metrics::gauge!("portals_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(Telemetry { metrics: Metrics { recorded, lines: dropped }, _log: log })
}

/// Rests after each flush, so that lines gather meanwhile. The thread that writes is flushed whenever no line waits; without
/// the rest it is woken by nearly every one.
#[derive(Debug)]
struct Gathering<W>(W);

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(REST);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, AtomicUsize, Ordering},
        },
        time::Instant,
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Counter {
        bytes: Arc<AtomicUsize>,
        flushes: Arc<AtomicU32>,
    }

    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushes.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn lines_gather_and_none_is_lost_at_the_end() {
        let (counter, begun) = (Counter::default(), Instant::now());
        let (mut lines, log) = NonBlockingBuilder::default().finish(Gathering(counter.clone()));
        for _ in 0..1_000 {
            lines.write_all(b"line\n").unwrap();
            // The writing thread gets a chance to take each line by itself.
            thread::yield_now();
        }
        drop(log);
        let (flushes, took) = (counter.flushes.load(Ordering::Relaxed), begun.elapsed());
        assert_eq!(counter.bytes.load(Ordering::Relaxed), 5_000);
        assert!(REST * flushes.saturating_sub(2) <= took, "{flushes} times written in {took:?}");
    }
}
