use contracts::webhook::v1::{TestNotificationServiceRequest, TestNotificationServiceResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::CHANGE_SERVICE,
    deliveries::{Body, wire},
    notification_service::find,
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<TestNotificationServiceRequest>,
    notes: &mut MetadataMap,
) -> Result<TestNotificationServiceResponse, Error> {
    let caller = service.caller(&request);
    let TestNotificationServiceRequest { organization, uuid } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_SERVICE, notes).await?;
    let (found, _) = find(service, &authority, &uuid).await?;
    let delivery = service.ping(&found, &authority.identity.user).await?;
    Ok(TestNotificationServiceResponse { delivery: Some(wire(delivery, Body::Shown)) })
}
