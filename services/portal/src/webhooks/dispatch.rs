//! Deliveries that are due, tried.

use std::time::Duration;

use chrono::TimeDelta;
use kit::{ambient::Instant, boot::Tasks, error::chain};
use serde_json::json;

use super::{desk::Place, letter, seal};
use crate::{
    domain::{
        delivery::{Attempt, Delivery, Progress, State},
        id::DeliveryId,
        notification_service::{NotificationService, PING},
        portal::Author,
    },
    error::Error,
    service::{Parts, Service},
    upstream::outbound::{Letter, Receipt},
    upstream::seal::Sealed,
};

/// How much longer than a try may take it is nobody else's: for writing what came of it.
const MARGIN: Duration = Duration::from_secs(20);
/// How long after its end a delivery that nobody tries is given up.
const OVERDUE: TimeDelta = TimeDelta::hours(1);
/// How long an event waits for somebody to carry it on.
const UNCARRIED: TimeDelta = TimeDelta::days(7);
/// The most events that are swept in one transaction.
const BATCH: u64 = 500;

impl Service {
    /// Begins to try what is due, as far as there is room, and says how much that is.
    pub(crate) async fn dispatch(&self, tasks: &Tasks) -> Result<usize, Error> {
        let Self(parts) = self;
        let (busy, full) = parts.desk.taken();
        let (mut room, mut begun) = (u64::from(parts.config.webhooks.in_flight).saturating_sub(busy), 0);
        let now = parts.ambient.now();
        let until = now + TimeDelta::from_std(parts.config.webhooks.timeout + MARGIN).unwrap_or(TimeDelta::MAX);
        for id in parts.store.list_services_due(now, &full, room).await? {
            // Who removes one meanwhile leaves deliveries that are due no more.
            let Some((service, token)) = parts.store.find_notification_service_by_id(id).await? else { continue };
            let most = parts.desk.free(id).min(room);
            let claimed = parts.store.claim_deliveries(id, (now, until), most).await?;
            room -= claimed.len() as u64;
            begun += claimed.len();
            for delivery in claimed {
                let (parts, place) = (self.clone(), parts.desk.take(id));
                let (service, token) = (service.clone(), token.clone());
                tasks.attend(async move { parts.0.deliver(delivery, &service, &token, place).await });
            }
        }
        Ok(begun)
    }
}

impl Parts {
    /// Tries a delivery once and writes what came of it.
    async fn deliver(&self, delivery: Delivery, to: &NotificationService, sealed: &Sealed, place: Place) {
        let attempt = self.attempt(&delivery, to, sealed).await;
        let outcome = if attempt.fault.is_none() { "delivered" } else { "failed" };
        metrics::histogram!("portals_webhook_duration_seconds", "outcome" => outcome).record(attempt.took);
        let chance = u16::from_be_bytes(self.ambient.bytes());
        let after = delivery.progress.clone().after(attempt, chance);
        match self.store.write_attempt(&delivery, &after).await {
            Ok(_) => {
                let outcome = if after.state == State::Dead { "dead" } else { outcome };
                metrics::counter!("portals_webhook_deliveries_total", "outcome" => outcome).increment(1);
            }
            Err(error) => tracing::warn!(delivery = %delivery.id.0, error = chain(&error), "a try can't be noted"),
        }
        if after.state == State::Dead {
            tracing::warn!(delivery = %delivery.id.0, service = %to.id.0, "a delivery was given up");
        }
        drop(place);
    }

    async fn attempt(&self, delivery: &Delivery, to: &NotificationService, sealed: &Sealed) -> Attempt {
        let (at, began) = (self.ambient.now(), self.ambient.since_boot());
        let (status, excerpt, fault) = match self.send(delivery, to, sealed, at).await {
            Ok((Receipt { status, .. }, excerpt)) => {
                let fault = (!status.is_success()).then(|| refused(status));
                (Some(status.as_u16()), excerpt, fault)
            }
            Err(fault) => (None, String::new(), Some(fault)),
        };
        Attempt { at, took: self.ambient.since_boot().saturating_sub(began), status, excerpt, fault }
    }

    async fn send(
        &self,
        delivery: &Delivery,
        to: &NotificationService,
        sealed: &Sealed,
        now: Instant,
    ) -> Result<(Receipt, String), String> {
        let token = seal::open(&self.targets.seals(), sealed, (to.id, &to.url));
        let token = token.map_err(|unopened| format!("The token can't be read: {unopened}"))?;
        let headers = letter::headers(to, &token, delivery, now).ok_or("The token can't be sent")?;
        let body = delivery.payload.clone().into();
        let (service, url, patience) = (to.id, to.url.clone(), self.config.webhooks.timeout);
        let letter = Letter { delivery: delivery.id, service, url, headers, body, patience };
        let receipt = self.outbound.post(letter).await?;
        let excerpt = letter::excerpt(&receipt.beginning, &token);
        Ok((receipt, excerpt))
    }

    /// Has a `ping` delivered.
    pub(crate) async fn ping(&self, to: &NotificationService, by: &Author) -> Result<Delivery, Error> {
        let now = self.ambient.now();
        let service = json!({ "id": to.id.0, "description": to.description });
        let payload = json!({ "event": PING, "service": service, "sender": { "id": by.uuid, "name": by.name } });
        let delivery = Delivery {
            id: DeliveryId(self.ambient.uuid()),
            event_uuid: self.ambient.uuid(),
            service: to.id,
            event: PING.to_owned(),
            payload: payload.to_string(),
            progress: Progress::begun(now),
            created_at: now,
        };
        self.store.add_deliveries(vec![delivery.clone()]).await?;
        self.desk.tell();
        Ok(delivery)
    }

    /// Has a delivery made once more.
    pub(crate) async fn redeliver(&self, delivery: Delivery) -> Result<Delivery, Error> {
        let last = delivery.progress.last.clone();
        let progress = Progress { last, ..Progress::begun(self.ambient.now()) };
        self.store.begin_delivery_anew(delivery.id, &progress).await?;
        self.desk.tell();
        Ok(Delivery { progress, ..delivery })
    }

    /// Gives up what nobody tries any more, removes what is old, and says how much waits.
    pub(crate) async fn try_to_tidy_webhooks(&self) -> Result<(), Error> {
        let now = self.ambient.now();
        while self.store.expire_deliveries(now - OVERDUE, now).await? > 0 {}
        while self.store.sweep_deliveries(now - self.config.webhooks.keep).await? > 0 {}
        for events in [Some(self.own_events()), self.targets.built_in_events()].into_iter().flatten() {
            while events.sweep(now - UNCARRIED, BATCH).await? > 0 {}
        }
        let pending = self.store.count_pending_deliveries().await?;
        metrics::gauge!("portals_webhook_deliveries_pending")
            .set(f64::from(u32::try_from(pending).unwrap_or(u32::MAX)));
        Ok(())
    }
}

/// Why an answer of that status is none.
fn refused(status: http::StatusCode) -> String {
    let status =
        if status.is_redirection() { format!("{status}, and redirects aren't followed") } else { status.to_string() };
    format!("The receiver answered {status}")
}
