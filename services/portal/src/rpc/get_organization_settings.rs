use contracts::registry::v1::{GetOrganizationSettingsRequest, GetOrganizationSettingsResponse, OrganizationSettings};
use tonic::{Request, metadata::MetadataMap};

use super::authority::SEE_SETTINGS;
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetOrganizationSettingsRequest>,
    notes: &mut MetadataMap,
) -> Result<GetOrganizationSettingsResponse, Error> {
    let caller = service.caller(&request);
    let GetOrganizationSettingsRequest { organization } = request.into_inner();
    let organization = service.authorize(caller, &organization, SEE_SETTINGS, notes).await?.organization;
    let settings = OrganizationSettings { portal_requests_per_minute: organization.portal_requests_per_minute };
    Ok(GetOrganizationSettingsResponse { settings: Some(settings) })
}
