//! `GetAuthenticatedUser`.

use contracts::token::v1::{GetAuthenticatedUserRequest, GetAuthenticatedUserResponse};
use tonic::{Request, metadata::MetadataMap};

use super::reply;
use crate::{Error, Service, domain::scope::Scope};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetAuthenticatedUserRequest>,
    notes: &mut MetadataMap,
) -> Result<GetAuthenticatedUserResponse, Error> {
    let caller = service.caller(&request);
    let GetAuthenticatedUserRequest {} = request.into_inner();
    let (token, _) = service.counted_api_token(&caller, None, notes).await?;
    token.require_scope(Scope::ReadUser)?;
    Ok(GetAuthenticatedUserResponse { user: Some(reply::user(token.user)) })
}
