//! Traces, exported by OTLP over gRPC. Off unless an endpoint is set. ADR 27.
//!
//! Nobody waits for the exporter: spans go into a queue of bounded length, and what finds no room there, or can't be delivered,
//! is counted and gone. What waits at the stop is delivered within the second that is kept for last things.

mod queue;
mod settings;
mod tls;

use std::{sync::Arc, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, SpanData, SpanExporter as _},
};

pub use self::settings::Settings;
use self::{
    queue::{Entrance, Queue},
    tls::Tls,
};
use crate::{
    boot::{Tasks, process_name},
    trace,
};

/// What spans say they come from.
const SCOPE: &str = "portals";

/// Exporting that was set up, and begins with [`Traces::export`].
#[derive(Debug)]
pub struct Traces {
    exporter: SpanExporter,
    queue: Arc<Queue>,
    /// The most that is sent at once.
    batch: usize,
    /// How long spans may wait for others.
    pause: Duration,
    /// How long the collector may take.
    patience: Duration,
}

impl Traces {
    /// Begins to trace. Within the runtime.
    pub(super) fn start(settings: Settings) -> Result<Self, ExporterBuildError> {
        let Settings { endpoint, tls, sampler, service, queue, batch, pause, patience } = settings;
        let mut builder = SpanExporter::builder().with_tonic();
        if let Some(Tls(config)) = tls {
            builder = builder.with_tls_config(config);
        }
        let mut exporter = builder.with_endpoint(endpoint).build()?;
        let resource = resource(service);
        exporter.set_resource(&resource);
        let queue = Arc::new(Queue::new(queue, batch));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler)
            .with_span_processor(Entrance::of(&queue))
            .build();
        trace::begin_with(provider.tracer(SCOPE));
        Ok(Self { exporter, queue, batch, pause, patience })
    }

    /// Exports until everything else has ended.
    pub fn export(self, tasks: &Tasks) {
        tasks.outlast(|drained| async move {
            let mut delivers = true;
            while drained.run_until_cancelled(self.queue.filled(self.pause)).await.is_some() {
                self.deliver(&mut delivers).await;
            }
            self.deliver(&mut delivers).await;
        });
    }

    /// Delivers what waits now. `delivers`: whether the last batch came through, so that a collector that is away for hours is
    /// worth two lines of the log.
    async fn deliver(&self, delivers: &mut bool) {
        for batch in self.queue.take(self.batch) {
            let spans = batch.len() as u64;
            let outcome = self.send(batch).await;
            match &outcome {
                Ok(()) => metrics::counter!("portals_trace_spans_exported_total").increment(spans),
                Err(_) => {
                    metrics::counter!("portals_trace_spans_dropped_total", "reason" => "export").increment(spans);
                }
            }
            match (&outcome, *delivers) {
                (Err(error), true) => tracing::warn!(error, "traces can't be exported"),
                (Ok(()), false) => tracing::info!("traces are exported again"),
                _ => {}
            }
            *delivers = outcome.is_ok();
        }
    }

    async fn send(&self, batch: Vec<SpanData>) -> Result<(), String> {
        match tokio::time::timeout(self.patience, self.exporter.export(batch)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_elapsed) => Err("the collector took too long".to_owned()),
        }
    }
}

/// Who exports: what the environment says, and what it leaves open.
fn resource(service: Option<String>) -> Resource {
    let given = Resource::builder().build();
    let own = [("service.version", env!("CARGO_PKG_VERSION").to_owned()), ("service.instance.id", process_name())];
    let own = own.into_iter().filter(|(name, _)| given.get(&(*name).into()).is_none());
    let mut builder = Resource::builder().with_attributes(own.map(|(name, value)| KeyValue::new(name, value)));
    if let Some(service) = service {
        builder = builder.with_service_name(service);
    }
    builder.build()
}
