//! Spans that wait to be exported.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use tokio::sync::Notify;

/// So many at most; more are counted and dropped.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Mutex<Vec<SpanData>>,
    most: usize,
    /// How many make a batch.
    batch: usize,
    full: Notify,
}

impl Queue {
    pub(super) fn new(most: usize, batch: usize) -> Self {
        Self { spans: Mutex::default(), most, batch, full: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SpanData>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, span: SpanData) {
        let mut spans = self.lock();
        if spans.len() >= self.most {
            drop(spans);
            metrics::counter!("portals_trace_spans_dropped_total", "reason" => "queue").increment(1);
            return;
        }
        spans.push(span);
        // Once a batch, and not once a span: who exports needn't be woken for each.
        if spans.len() == self.batch {
            self.full.notify_one();
        }
    }

    /// Completes when a batch waits, or after `pause`.
    pub(super) async fn filled(&self, pause: Duration) {
        _ = tokio::time::timeout(pause, self.full.notified()).await;
    }

    /// Everything that waits, in batches of `size` at most.
    pub(super) fn take(&self, size: usize) -> Vec<Vec<SpanData>> {
        let mut waiting = mem::take(&mut *self.lock()).into_iter();
        let batches = std::iter::from_fn(|| Some(waiting.by_ref().take(size).collect::<Vec<_>>()));
        batches.take_while(|batch| !batch.is_empty()).collect()
    }
}

/// Where ended spans enter.
#[derive(Debug)]
pub(super) struct Entrance(Arc<Queue>);

impl Entrance {
    pub(super) fn of(queue: &Arc<Queue>) -> Self {
        Self(Arc::clone(queue))
    }
}

impl SpanProcessor for Entrance {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.put(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;

    fn world(most: usize, batch: usize) -> (Arc<Queue>, impl Fn(usize)) {
        let queue = Arc::new(Queue::new(most, batch));
        let provider = SdkTracerProvider::builder().with_span_processor(Entrance::of(&queue)).build();
        (queue, move |count| (0..count).for_each(|_| drop(provider.tracer("test").start("span"))))
    }

    #[test]
    fn more_than_there_is_room_for_is_dropped_and_the_rest_comes_in_batches() {
        let (queue, end) = world(10, 4);
        end(25);
        let sizes: Vec<usize> = queue.take(4).iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 4, 2]);
        assert!(queue.take(4).is_empty());
        end(1);
        assert_eq!(queue.take(4).len(), 1, "there is room again");
    }

    #[tokio::test]
    async fn a_full_batch_does_not_wait_for_the_pause() {
        let (queue, end) = world(10, 4);
        end(4);
        let begun = Instant::now();
        queue.filled(Duration::from_mins(10)).await;
        assert!(begun.elapsed() < Duration::from_mins(5));
    }
}
