//! `RevokeApiToken`.

use contracts::directory::v1::{RevokeApiTokenRequest, RevokeApiTokenResponse};
use kit::audit;
use tonic::{Request, metadata::MetadataMap};

use crate::{Error, Service, domain::trail::Trail};

pub(super) async fn handle(
    service: &Service,
    request: Request<RevokeApiTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<RevokeApiTokenResponse, Error> {
    let caller = service.caller(&request);
    let RevokeApiTokenRequest {} = request.into_inner();
    let (token, _) = service.counted_api_token(&caller, None, notes).await?;
    let trail = Trail { actor: Some(token.user.into()), context: audit::context(&caller, Some(token.uuid)) };
    let revoked = service.0.store.revoke_api_token(token.uuid, service.0.ambient.now(), &trail).await?;
    if revoked { Ok(RevokeApiTokenResponse {}) } else { Err(Error::NoApiToken) }
}
