//! `DeleteServiceToken`.

use contracts::credential::v1::{DeleteServiceTokenRequest, DeleteServiceTokenResponse};
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_CREDENTIALS;
use crate::{Error, Service, domain::token::TokenList};

pub(super) async fn handle(
    service: &Service,
    request: Request<DeleteServiceTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteServiceTokenResponse, Error> {
    let caller = service.caller(&request);
    let DeleteServiceTokenRequest { portal, token_uuid, wait } = request.into_inner();
    let authority = service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let ended = service.end_portal_token(&authority, TokenList::Service, &token_uuid, wait).await?;
    if ended { Ok(DeleteServiceTokenResponse {}) } else { Err(Error::NotFound("No service token found")) }
}
