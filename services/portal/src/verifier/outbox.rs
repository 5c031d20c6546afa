//! Events of the token service.

use std::time::Duration;

use contracts::token::v1::{ListOutboxEventsRequest, OutboxEvent, RemoveOutboxEventsRequest};
use kit::{
    grpc::{Caller, to_instant},
    outbox::Entry,
};
use uuid::Uuid;

use super::{Verifier, send};
use crate::{error::Error, webhooks::Feed};

/// How long an answer is waited for. Nobody else waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

#[async_trait::async_trait]
impl Feed for Verifier {
    async fn list(&self, most: u64) -> Result<Vec<Entry>, Error> {
        let message = ListOutboxEventsRequest { limit: u32::try_from(most).unwrap_or(u32::MAX) };
        let (mut client, request) = (self.client.clone(), Caller::default().onward(message, &self.key));
        let reply = send(PATIENCE, request, |request| async move { client.list_outbox_events(request).await }).await?;
        let entries = reply.into_inner().events.into_iter().map(entry);
        entries.collect::<Option<_>>().ok_or(Error::Garbled("an event"))
    }

    async fn remove(&self, uuids: &[Uuid]) -> Result<(), Error> {
        let message = RemoveOutboxEventsRequest { uuids: uuids.iter().map(ToString::to_string).collect() };
        let (mut client, request) = (self.client.clone(), Caller::default().onward(message, &self.key));
        send(PATIENCE, request, |request| async move { client.remove_outbox_events(request).await }).await?;
        Ok(())
    }
}

fn entry(event: OutboxEvent) -> Option<Entry> {
    let OutboxEvent { uuid, organization_uuid, event, occurred_at, payload_json, facts_json } = event;
    Some(Entry {
        uuid: uuid.parse().ok()?,
        organization: organization_uuid.parse().ok()?,
        event,
        occurred_at: to_instant(&occurred_at?)?,
        payload: serde_json::from_slice(&payload_json).ok()?,
        facts: serde_json::from_slice(&facts_json).ok()?,
    })
}
