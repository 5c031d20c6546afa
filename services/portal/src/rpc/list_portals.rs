use contracts::registry::v1::{ListPortalsRequest, ListPortalsResponse, Operation, Portal};
use tonic::{Request, metadata::MetadataMap};

use super::authority::LIST_PORTALS;
use crate::{domain::page::Page, error::Error, service::Parts};

/// The schemas of one page; beyond them portals come without.
const MOST_SCHEMA_BYTES: usize = 8 << 20;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListPortalsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListPortalsResponse, Error> {
    let caller = service.caller(&request);
    let ListPortalsRequest { organization, page, per_page, with_schemas } = request.into_inner();
    let authority = service.authorize(caller, &organization, LIST_PORTALS, notes).await?;
    let (found, total) = service.store.list_portals(authority.organization.id, Page::new(page, per_page)).await?;
    let mut portals = Vec::with_capacity(found.len());
    let mut room = if with_schemas { MOST_SCHEMA_BYTES } else { 0 };
    for portal in found {
        let target = service.target(portal.upstream).await?.ok_or(Error::NoPortal)?;
        let mut shown = if room > 0 {
            service.wire_portal(&authority.organization, portal, &target)
        } else {
            service.outline(&authority.organization, portal, &target)
        };
        room = fitted(&mut shown, room);
        portals.push(shown);
    }
    Ok(ListPortalsResponse { portals, total: u32::try_from(total).unwrap_or(u32::MAX) })
}

/// Takes the schemas of a portal away that there is no `room` for. Gives the room that is left.
fn fitted(portal: &mut Portal, room: usize) -> usize {
    let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let of = |operation: &Operation| bytes(&operation.result_schema_json) + bytes(&operation.variables_schema_json);
    let needed = portal.operations.iter().map(of).sum();
    let Some(left) = room.checked_sub(needed) else {
        for operation in &mut portal.operations {
            operation.result_schema_json = None;
            operation.variables_schema_json = None;
        }
        return 0;
    };
    left
}
