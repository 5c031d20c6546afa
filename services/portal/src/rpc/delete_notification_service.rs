use contracts::webhook::v1::{DeleteNotificationServiceRequest, DeleteNotificationServiceResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::CHANGE_SERVICE,
    notification_service::{audited, find},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DeleteNotificationServiceRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteNotificationServiceResponse, Error> {
    let caller = service.caller(&request);
    let DeleteNotificationServiceRequest { organization, uuid } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_SERVICE, notes).await?;
    let (found, _) = find(service, &authority, &uuid).await?;
    let data = json!({ "before": audited(&found) });
    let event = authority.service_event("NOTIFICATION_SERVICE_DELETED", &found, data);
    if !service.store.delete_notification_service(found.id, event).await? {
        return Err(Error::NoNotificationService);
    }
    Ok(DeleteNotificationServiceResponse {})
}
