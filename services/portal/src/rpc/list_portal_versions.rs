use contracts::registry::v1::{ListPortalVersionsRequest, ListPortalVersionsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_PORTAL, wire};
use crate::{domain::page::Page, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListPortalVersionsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListPortalVersionsResponse, Error> {
    let caller = service.caller(&request);
    let ListPortalVersionsRequest { organization, portal, page, per_page } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_PORTAL, notes).await?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    let (versions, total) = service.store.list_versions(portal.id, Page::new(page, per_page)).await?;
    let versions = versions.into_iter().map(|version| wire::version(version, portal.version)).collect();
    Ok(ListPortalVersionsResponse { versions, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
