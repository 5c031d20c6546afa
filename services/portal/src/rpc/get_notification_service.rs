use contracts::webhook::v1::{GetNotificationServiceRequest, GetNotificationServiceResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::SEE_SERVICE,
    notification_service::{find, show},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetNotificationServiceRequest>,
    notes: &mut MetadataMap,
) -> Result<GetNotificationServiceResponse, Error> {
    let caller = service.caller(&request);
    let GetNotificationServiceRequest { organization, uuid } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_SERVICE, notes).await?;
    let found = find(service, &authority, &uuid).await?;
    Ok(GetNotificationServiceResponse { notification_service: Some(show(service, &authority, found)) })
}
