//! `VerifyApiToken`.

use contracts::token::v1::{VerifyApiTokenRequest, VerifyApiTokenResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{parse, reply};
use crate::{Error, Service, domain::token::ApiToken};

pub(super) async fn handle(
    service: &Service,
    request: Request<VerifyApiTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<VerifyApiTokenResponse, Error> {
    let caller = service.service(&request)?;
    let VerifyApiTokenRequest { organization_uuid } = request.into_inner();
    let organization = organization_uuid.map(|uuid| parse::uuid("organization_uuid", &uuid)).transpose()?;
    let (token, rates) = service.counted_api_token(&caller, organization, notes).await?;
    let ApiToken { uuid, user, scopes, memberships, .. } = token;
    Ok(VerifyApiTokenResponse {
        token_uuid: uuid.to_string(),
        user: Some(reply::user(user)),
        scopes: scopes.into_iter().map(|scope| scope.name().to_owned()).collect(),
        memberships: memberships.iter().map(reply::membership).collect(),
        organization_rate: rates.organization.map(reply::figures),
    })
}
