//! `DeleteLiveToken`.

use contracts::credential::v1::{DeleteLiveTokenRequest, DeleteLiveTokenResponse};
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_CREDENTIALS;
use crate::{Error, Service, domain::token::TokenList};

pub(super) async fn handle(
    service: &Service,
    request: Request<DeleteLiveTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteLiveTokenResponse, Error> {
    let caller = service.caller(&request);
    let DeleteLiveTokenRequest { portal, token_uuid, wait } = request.into_inner();
    let authority = service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let ended = service.end_portal_token(&authority, TokenList::Live, &token_uuid, wait).await?;
    if ended { Ok(DeleteLiveTokenResponse {}) } else { Err(Error::NotFound("No live token found")) }
}
