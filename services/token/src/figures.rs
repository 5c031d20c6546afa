//! What `/metrics` says of this service beside what is counted where it happens.

use std::time::Duration;

use kit::{boot::Tasks, error::chain, telemetry::watch};
use metrics::gauge;
use sea_orm::DbErr;
use tokio::time::{Instant, sleep};

use crate::Service;

/// How often rows are counted, where that is cheap.
const PERIOD: Duration = Duration::from_secs(30);
/// How much longer than a count the pause after it is at least: a million tokens take a while.
const PAUSE: u32 = 100;

impl Service {
    /// Shows what is in memory when somebody looks, and counts rows now and then, until the stop.
    pub(crate) fn show_figures(&self, tasks: &Tasks) {
        watch(&self.0, |parts| {
            for (of, pool) in [("secrets", &parts.slow_hash), ("sign_ins", &parts.sign_in_hash)] {
                let (running, waiting) = pool.taken();
                gauge!("portals_token_slow_hashes_running", "of" => of).set(whole(running as u64));
                gauge!("portals_token_slow_hashes_waiting", "of" => of).set(whole(waiting as u64));
            }
        });
        let (service, stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            let mut pause = PERIOD;
            while stop.run_until_cancelled(sleep(pause)).await.is_some() {
                let begun = Instant::now();
                if let Err(error) = service.count_rows().await {
                    tracing::warn!(error = chain(&error), "rows can't be counted");
                }
                pause = PERIOD.max(begun.elapsed() * PAUSE);
            }
        });
    }

    async fn count_rows(&self) -> Result<(), DbErr> {
        gauge!("portals_outbox_events", "owner" => "token").set(whole(self.0.store.outbox().count().await?));
        for (kind, live) in self.0.store.count_live_tokens().await? {
            gauge!("portals_token_live_tokens", "kind" => kind.word()).set(whole(live));
        }
        Ok(())
    }
}

fn whole(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
