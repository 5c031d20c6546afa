//! `VerifyPortalToken`.

use contracts::token::v1::{VerifyPortalTokenRequest, VerifyPortalTokenResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, Response};

use super::reply;
use crate::{Error, Service, domain::token::PortalToken};

pub(super) async fn handle(
    service: &Service,
    request: Request<VerifyPortalTokenRequest>,
) -> Result<Response<VerifyPortalTokenResponse>, Error> {
    let caller = service.service(&request)?;
    let VerifyPortalTokenRequest {} = request.into_inner();
    let PortalToken { uuid, portal, kind, life, .. } = service.portal_token(&caller).await?;
    Ok(Response::new(VerifyPortalTokenResponse {
        token_uuid: uuid.to_string(),
        portal_uuid: portal.to_string(),
        kind: reply::kind(kind).into(),
        expires_at: life.expires_at.map(to_timestamp),
    }))
}
