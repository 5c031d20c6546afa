use contracts::registry::v1::{GetOrganizationRequest, GetOrganizationResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_ORGANIZATION, wire};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetOrganizationRequest>,
    notes: &mut MetadataMap,
) -> Result<GetOrganizationResponse, Error> {
    let caller = service.caller(&request);
    let GetOrganizationRequest { organization } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_ORGANIZATION, notes).await?;
    Ok(GetOrganizationResponse { organization: Some(wire::organization(authority.organization)) })
}
