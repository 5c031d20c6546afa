use contracts::webhook::v1::{GetDeliveryRequest, GetDeliveryResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::SEE_SERVICE,
    deliveries::{Body, find, wire},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetDeliveryRequest>,
    notes: &mut MetadataMap,
) -> Result<GetDeliveryResponse, Error> {
    let caller = service.caller(&request);
    let GetDeliveryRequest { organization, service_uuid, uuid } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_SERVICE, notes).await?;
    let delivery = find(service, &authority, &service_uuid, &uuid).await?;
    Ok(GetDeliveryResponse { delivery: Some(wire(delivery, Body::Shown)) })
}
