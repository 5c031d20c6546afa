//! `ListLiveTokens`.

use contracts::credential::v1::{ListLiveTokensRequest, ListLiveTokensResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_CREDENTIALS, reply};
use crate::{
    Error, Service,
    domain::{page::Page, token::TokenList},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListLiveTokensRequest>,
    notes: &mut MetadataMap,
) -> Result<ListLiveTokensResponse, Error> {
    let caller = service.caller(&request);
    let ListLiveTokensRequest { portal, page, per_page } = request.into_inner();
    let portal = service.authorize_portal(caller, portal, &SEE_CREDENTIALS, notes).await?.portal;
    let (page, now) = (Page::of(page, per_page), service.0.ambient.now());
    let (tokens, total) = service.0.store.list_portal_tokens(portal, TokenList::Live, page, now).await?;
    let live_tokens = tokens.into_iter().map(reply::portal_token).collect();
    Ok(ListLiveTokensResponse { live_tokens, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
