use contracts::registry::v1::{GetPortalRequest, GetPortalResponse};
use tonic::{Request, metadata::MetadataMap};

use super::authority::SEE_PORTAL;
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetPortalRequest>,
    notes: &mut MetadataMap,
) -> Result<GetPortalResponse, Error> {
    let caller = service.caller(&request);
    let GetPortalRequest { organization, portal } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_PORTAL, notes).await?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    Ok(GetPortalResponse { portal: Some(service.show_portal(&authority.organization, portal).await?) })
}
