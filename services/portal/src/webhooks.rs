//! Webhooks: what happens, told to addresses outside (spec §9).
//!
//! Whoever changes something leaves a notice in its own database, in the same transaction ([`kit::outbox`]). `feeds` reads these
//! notices – this service's, the built-in API's, the token service's – and makes a delivery of each for every notification
//! service that wants it; then the notice goes. `dispatch` tries deliveries that are due, `letter` writes what is sent, `payload`
//! says what is told of a portal, `seal` keeps tokens. Every node does all of this: what two of them do at once is done once,
//! because the rows say so.
//!
//! An event that is committed is told, at least once, unless its receiver fails for 24 hours. ADR 23.

mod desk;
mod dispatch;
mod feeds;
mod letter;
mod payload;
pub(crate) mod seal;

use std::time::Duration;

use kit::{boot::Tasks, error::chain};

use crate::service::{Parts, Service};

pub(crate) use desk::Desk;
pub(crate) use feeds::Feed;
pub(crate) use payload::Told;

/// How often it is looked for events, and for deliveries that are due.
const LOOK: Duration = Duration::from_secs(if cfg!(test) { 3_600 } else { 1 });
/// How often it is tidied up.
const TIDY: Duration = Duration::from_secs(if cfg!(test) { 3_600 } else { 60 });

impl Service {
    /// Carries events on and delivers them, until the stop. What is being tried then is waited for.
    pub(crate) fn deliver_webhooks(&self, tasks: &Tasks) {
        let carrier = self.clone();
        tasks.every(LOOK, move || {
            let Self(parts) = carrier.clone();
            async move { parts.carry_events().await }
        });
        let tidier = self.clone();
        tasks.every(TIDY, move || {
            let Self(parts) = tidier.clone();
            async move { parts.tidy_webhooks().await }
        });
        let (dispatcher, own, stop) = (self.clone(), tasks.clone(), tasks.stopping());
        tasks.spawn(async move {
            stop.run_until_cancelled(dispatcher.dispatch_again_and_again(&own)).await;
        });
    }

    async fn dispatch_again_and_again(&self, tasks: &Tasks) {
        loop {
            if let Err(error) = self.dispatch(tasks).await {
                tracing::warn!(error = chain(&error), "webhooks can't be delivered");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.0.desk.news() => {}
            }
        }
    }
}

impl Parts {
    async fn tidy_webhooks(&self) {
        if let Err(error) = self.try_to_tidy_webhooks().await {
            tracing::warn!(error = chain(&error), "deliveries can't be swept");
        }
    }
}
