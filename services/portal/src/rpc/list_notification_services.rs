use contracts::webhook::v1::{ListNotificationServicesRequest, ListNotificationServicesResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::LIST_SERVICES,
    notification_service::{part, show},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListNotificationServicesRequest>,
    notes: &mut MetadataMap,
) -> Result<ListNotificationServicesResponse, Error> {
    let caller = service.caller(&request);
    let ListNotificationServicesRequest { organization, after, before, limit } = request.into_inner();
    let authority = service.authorize(caller, &organization, LIST_SERVICES, notes).await?;
    let part = part(after, before, limit)?;
    let found = service.store.list_notification_services(authority.organization.id, part).await?;
    let (found, [has_previous, has_next]) = part.of(found);
    let shown = found.into_iter().map(|kept| show(service, &authority, kept)).collect();
    Ok(ListNotificationServicesResponse { notification_services: shown, has_previous, has_next })
}
