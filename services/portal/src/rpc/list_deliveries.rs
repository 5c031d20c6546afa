use contracts::webhook::v1::{ListDeliveriesRequest, ListDeliveriesResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::SEE_SERVICE,
    deliveries::{Body, state, wire},
    notification_service::{find, part},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListDeliveriesRequest>,
    notes: &mut MetadataMap,
) -> Result<ListDeliveriesResponse, Error> {
    let caller = service.caller(&request);
    let request = request.into_inner();
    let state = state(request.state());
    let ListDeliveriesRequest { organization, service_uuid, state: _, after, before, limit } = request;
    let authority = service.authorize(caller, &organization, SEE_SERVICE, notes).await?;
    let (found, _) = find(service, &authority, &service_uuid).await?;
    let part = part(after, before, limit)?;
    let (found, [has_previous, has_next]) = part.of(service.store.list_deliveries(found.id, state, part).await?);
    let deliveries = found.into_iter().map(|delivery| wire(delivery, Body::Hidden)).collect();
    Ok(ListDeliveriesResponse { deliveries, has_previous, has_next })
}
