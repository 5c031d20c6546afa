//! `GetApiToken`.

use contracts::directory::v1::{GetApiTokenRequest, GetApiTokenResponse};
use tonic::{Request, metadata::MetadataMap};

use super::people;
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetApiTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<GetApiTokenResponse, Error> {
    let caller = service.caller(&request);
    let GetApiTokenRequest {} = request.into_inner();
    let (token, _) = service.counted_api_token(&caller, None, notes).await?;
    let found = service.0.store.get_api_token(token.uuid).await?.ok_or(Error::NoApiToken)?;
    Ok(GetApiTokenResponse { api_token: Some(people::api_token(found)) })
}
