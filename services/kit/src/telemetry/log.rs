//! Log lines: how they are formed, and the thread that writes them.

use std::{
    fmt,
    io::{self, BufWriter, IsTerminal, Write},
    thread,
    time::Duration,
};

use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{DefaultFields, Format as Formed, Json, JsonFields, Writer},
        layer,
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::{SubscriberInitExt, TryInitError},
};

use super::Format;
use crate::trace;

/// The most log lines that wait to be written; more are dropped, so that a blocked log stops nobody.
const MOST_LINES: usize = 16_384;

/// How long the thread that writes lines rests after it has written some.
const REST: Duration = Duration::from_millis(2);

/// Starts logging to standard error.
///
/// One thread writes the lines, many at once when there are many: a system call for each would cost a request more than
/// most of what is done for it, and so would waking that thread for each.
pub(super) fn start(format: Format, filter: &str) -> Result<(WorkerGuard, ErrorCounter), TryInitError> {
    let (lines, log) =
        NonBlockingBuilder::default().buffered_lines_limit(MOST_LINES).finish(Gathering(BufWriter::new(io::stderr())));
    let dropped = lines.error_counter();
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    match format {
        Format::Text => {
            let colors = io::stderr().is_terminal();
            let text =
                layer().with_writer(lines).with_ansi(colors).with_target(false).fmt_fields(TracedFields::default());
            registry.with(text).try_init()?;
        }
        Format::Json => {
            let form = Traced(Formed::default().json().flatten_event(true));
            let json = layer().fmt_fields(JsonFields::new()).event_format(form).with_writer(lines);
            registry.with(json).try_init()?;
        }
    }
    Ok((log, dropped))
}

/// Lines of JSON that begin with the trace they belong to, where there is one.
struct Traced(Formed<Json>);

impl<S, N> FormatEvent<S, N> for Traced
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(trace) = trace::current_id() else { return self.0.format_event(context, writer, event) };
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, "{{\"trace_id\":\"{trace}\",{rest}"),
            None => writer.write_str(&line),
        }
    }
}

/// Fields of lines for people, and behind them the trace.
#[derive(Default)]
struct TracedFields(DefaultFields);

impl<'w> FormatFields<'w> for TracedFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let Some(trace) = trace::current_id() else { return self.0.format_fields(writer, fields) };
        let mut line = String::new();
        self.0.format_fields(Writer::new(&mut line), fields)?;
        write!(writer, "{line} trace_id={trace}")
    }
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
