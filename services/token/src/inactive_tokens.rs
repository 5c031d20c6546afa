//! The end of API access tokens that nobody uses (spec §9).

use crate::{Error, Service};

/// The most rows of one transaction.
const MOST: u64 = 200;

impl Service {
    /// Takes organizations out of the reach of tokens that weren't used for longer than these allow, in small transactions, and
    /// answers how many that were. A token that reaches nothing more ends.
    pub(crate) async fn sweep_inactive_api_tokens(&self) -> Result<u64, Error> {
        // What was used a moment ago isn't unused.
        self.flush_uses().await;
        let mut removed = 0;
        loop {
            let batch = self.0.store.revoke_inactive(MOST, self.0.ambient.now()).await?;
            removed += batch;
            metrics::counter!("portals_token_inactive_accesses_total").increment(batch);
            if batch < MOST {
                return Ok(removed);
            }
        }
    }
}
