//! `ListApiTokens`.

use contracts::directory::v1::{ListApiTokensRequest, ListApiTokensResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, SEE_API_TOKENS},
};
use crate::{Error, Service, domain::page::Page};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListApiTokensRequest>,
    notes: &mut MetadataMap,
) -> Result<ListApiTokensResponse, Error> {
    let caller = service.caller(&request);
    let ListApiTokensRequest { organization_uuid, page, per_page } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    service.authorize(caller, organization, &SEE_API_TOKENS, notes).await?;
    let now = service.0.ambient.now();
    let (found, total) = service.0.store.list_api_tokens(organization, Page::of(page, per_page), now).await?;
    let api_tokens = found.into_iter().map(people::api_token).collect();
    Ok(ListApiTokensResponse { api_tokens, total: people::total(total) })
}
