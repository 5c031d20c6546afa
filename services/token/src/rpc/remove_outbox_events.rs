//! `RemoveOutboxEvents`.

use contracts::token::v1::{RemoveOutboxEventsRequest, RemoveOutboxEventsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::parse;
use crate::{Error, Service};

/// The most events of one request.
const MOST: usize = 1_000;

pub(super) async fn handle(
    service: &Service,
    request: Request<RemoveOutboxEventsRequest>,
    _: &mut MetadataMap,
) -> Result<RemoveOutboxEventsResponse, Error> {
    let _caller = service.service(&request)?;
    let RemoveOutboxEventsRequest { uuids } = request.into_inner();
    if uuids.len() > MOST {
        return Err(parse::invalid("uuids", &format!("must be {MOST} at most")));
    }
    let uuids = uuids.iter().enumerate().map(|(number, uuid)| parse::uuid(&format!("uuids[{number}]"), uuid));
    service.0.store.outbox().remove(&uuids.collect::<Result<Vec<_>, _>>()?).await?;
    Ok(RemoveOutboxEventsResponse {})
}
