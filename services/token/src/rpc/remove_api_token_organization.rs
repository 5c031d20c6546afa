//! `RemoveApiTokenOrganization`.

use contracts::directory::v1::{RemoveApiTokenOrganizationRequest, RemoveApiTokenOrganizationResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{parse, people::ADMINISTER};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<RemoveApiTokenOrganizationRequest>,
    notes: &mut MetadataMap,
) -> Result<RemoveApiTokenOrganizationResponse, Error> {
    let caller = service.caller(&request);
    let RemoveApiTokenOrganizationRequest { organization_uuid, token_uuid } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let token = parse::uuid("token_uuid", &token_uuid)?;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    service.0.store.remove_api_token_organization(token, organization, &authority.trail()).await?;
    Ok(RemoveApiTokenOrganizationResponse {})
}
