//! `VerifyPortalToken`.

use contracts::token::v1::{VerifyPortalTokenRequest, VerifyPortalTokenResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, metadata::MetadataMap};

use super::reply;
use crate::{Error, Service, domain::token::PortalToken};

pub(super) async fn handle(
    service: &Service,
    request: Request<VerifyPortalTokenRequest>,
    _: &mut MetadataMap,
) -> Result<VerifyPortalTokenResponse, Error> {
    let caller = service.service(&request)?;
    let VerifyPortalTokenRequest {} = request.into_inner();
    let (token, acts_as) = service.portal_token(&caller).await?;
    let PortalToken { uuid, portal, kind, life, secret, user, allowed_ip_addresses, sequence, .. } = token;
    let (acts_as, memberships) = acts_as.unzip();
    Ok(VerifyPortalTokenResponse {
        token_uuid: uuid.to_string(),
        portal_uuid: portal.to_string(),
        kind: reply::kind(kind).into(),
        expires_at: life.expires_at.map(to_timestamp),
        depends_on: [secret, user].into_iter().flatten().map(|uuid| uuid.to_string()).collect(),
        user: acts_as.map(reply::user),
        memberships: memberships.unwrap_or_default().iter().map(reply::membership).collect(),
        allowed_ip_addresses,
        sequence,
    })
}
