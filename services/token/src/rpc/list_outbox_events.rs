//! `ListOutboxEvents`.

use contracts::token::v1::{ListOutboxEventsRequest, ListOutboxEventsResponse, OutboxEvent};
use kit::{grpc::to_timestamp, outbox::Entry};
use tonic::{Request, metadata::MetadataMap};

use crate::{Error, Service};

/// The most events of one answer: each has some kilobytes at most.
const MOST: u64 = 100;

pub(super) async fn handle(
    service: &Service,
    request: Request<ListOutboxEventsRequest>,
    _: &mut MetadataMap,
) -> Result<ListOutboxEventsResponse, Error> {
    let _caller = service.service(&request)?;
    let ListOutboxEventsRequest { limit } = request.into_inner();
    let entries = service.0.store.outbox().list(MOST.min(limit.into())).await?;
    Ok(ListOutboxEventsResponse { events: entries.into_iter().map(event).collect() })
}

fn event(Entry { uuid, organization, event, occurred_at, payload, facts }: Entry) -> OutboxEvent {
    OutboxEvent {
        uuid: uuid.to_string(),
        organization_uuid: organization.to_string(),
        event,
        occurred_at: Some(to_timestamp(occurred_at)),
        payload_json: payload.to_string().into_bytes(),
        facts_json: facts.to_string().into_bytes(),
    }
}
