//! Rows whose time is over are removed, in transactions so small that nobody waits for them.

use std::time::Duration;

use kit::error::chain;
use sea_orm::DbErr;

use crate::{
    Service,
    store::{BATCH, Swept},
};

/// How often.
pub(crate) const PERIOD: Duration = Duration::from_mins(1);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) transactions: u64,
}

impl Service {
    /// Removes every kind of row whose time is over. What fails is tried again at the next sweep.
    pub(crate) async fn sweep(&self) {
        for swept in Swept::ALL {
            match self.sweep_all(swept).await {
                Ok(tally) if tally.rows > 0 => tracing::debug!(?swept, rows = tally.rows, "swept"),
                Ok(_) => {}
                Err(error) => tracing::warn!(?swept, error = chain(&error), "a sweep failed"),
            }
        }
        match self.sweep_inactive_api_tokens().await {
            Ok(ended) => metrics::counter!("portals_token_inactive_access_revoked_total").increment(ended),
            Err(error) => tracing::warn!(error = chain(&error), "the sweep of inactive api access tokens failed"),
        }
    }

    /// Removes all such rows there are now, until the process stops.
    pub(crate) async fn sweep_all(&self, swept: Swept) -> Result<Tally, DbErr> {
        let (stop, mut tally) = (self.0.tasks.stopping(), Tally::default());
        loop {
            let rows = self.0.store.sweep(swept).await?;
            tally = Tally { rows: tally.rows + rows, transactions: tally.transactions + 1 };
            metrics::counter!("portals_token_swept_rows_total", "table" => swept.table()).increment(rows);
            if rows < BATCH || stop.is_cancelled() {
                return Ok(tally);
            }
        }
    }
}
