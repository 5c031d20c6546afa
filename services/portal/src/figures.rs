//! What `/metrics` says of this service beside what is counted where it happens.

use std::time::Duration;

use kit::{boot::Tasks, error::chain, telemetry::watch};
use metrics::gauge;

use crate::service::{Parts, Service};

/// How often rows are counted.
const PERIOD: Duration = Duration::from_secs(30);

impl Service {
    /// Shows what is in memory when somebody looks, and counts rows now and then, until the stop.
    pub(crate) fn show_figures(&self, tasks: &Tasks) {
        watch(&self.0, |parts| {
            parts.verifier.show_figures();
            let (in_flight, _) = parts.desk.taken();
            gauge!("portals_webhook_deliveries_in_flight").set(u32::try_from(in_flight).unwrap_or(u32::MAX));
        });
        let service = self.clone();
        tasks.every(PERIOD, move || {
            let Self(parts) = service.clone();
            async move { parts.count_events().await }
        });
    }
}

impl Parts {
    /// How many events wait to be carried on.
    async fn count_events(&self) {
        for (owner, events) in [("portal", Some(self.own_events())), ("pipelines", self.targets.built_in_events())] {
            let Some(events) = events else { continue };
            match events.count().await {
                Ok(waiting) => {
                    gauge!("portals_outbox_events", "owner" => owner).set(u32::try_from(waiting).unwrap_or(u32::MAX));
                }
                Err(error) => tracing::warn!(owner, error = chain(&error), "events can't be counted"),
            }
        }
    }
}
