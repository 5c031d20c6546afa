use contracts::webhook::v1::{RedeliverDeliveryRequest, RedeliverDeliveryResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::CHANGE_SERVICE,
    deliveries::{Body, find, wire},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<RedeliverDeliveryRequest>,
    notes: &mut MetadataMap,
) -> Result<RedeliverDeliveryResponse, Error> {
    let caller = service.caller(&request);
    let RedeliverDeliveryRequest { organization, service_uuid, uuid } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_SERVICE, notes).await?;
    let delivery = find(service, &authority, &service_uuid, &uuid).await?;
    let delivery = service.redeliver(delivery).await?;
    Ok(RedeliverDeliveryResponse { delivery: Some(wire(delivery, Body::Shown)) })
}
