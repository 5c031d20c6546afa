use contracts::registry::v1::{ListPortalsRequest, ListPortalsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::authority::LIST_PORTALS;
use crate::{domain::page::Page, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListPortalsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListPortalsResponse, Error> {
    let caller = service.caller(&request);
    let ListPortalsRequest { organization, page, per_page } = request.into_inner();
    let authority = service.authorize(caller, &organization, LIST_PORTALS, notes).await?;
    let (found, total) = service.store.list_portals(authority.organization.id, Page::new(page, per_page)).await?;
    let mut portals = Vec::with_capacity(found.len());
    for portal in found {
        portals.push(service.outline_portal(&authority.organization, portal).await?);
    }
    Ok(ListPortalsResponse { portals, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
