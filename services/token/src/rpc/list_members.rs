//! `ListMembers`.

use contracts::directory::v1::{ListMembersRequest, ListMembersResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, SEE_MEMBERS},
};
use crate::{Error, Service, domain::page::Page};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListMembersRequest>,
    notes: &mut MetadataMap,
) -> Result<ListMembersResponse, Error> {
    let caller = service.caller(&request);
    let ListMembersRequest { organization_uuid, page, per_page } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    service.authorize(caller, organization, &SEE_MEMBERS, notes).await?;
    let (found, total) = service.0.store.list_members(organization, Page::of(page, per_page)).await?;
    let members = found.into_iter().map(people::member).collect();
    Ok(ListMembersResponse { members, total: people::total(total) })
}
