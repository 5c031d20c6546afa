use contracts::registry::v1::{ListOrganizationsRequest, ListOrganizationsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::wire;
use crate::{domain::page::Page, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListOrganizationsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListOrganizationsResponse, Error> {
    let caller = service.caller(&request);
    let ListOrganizationsRequest { page, per_page } = request.into_inner();
    let identity = service.verifier.verify_api_token(&caller, None, notes).await?;
    identity.require_scope("read_organizations")?;
    let (found, total) = service.store.list_organizations(&identity.organizations(), Page::new(page, per_page)).await?;
    let organizations = found.into_iter().map(wire::organization).collect();
    Ok(ListOrganizationsResponse { organizations, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
