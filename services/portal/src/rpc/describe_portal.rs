use contracts::registry::v1::{DescribePortalRequest, DescribePortalResponse};
use tonic::{Request, metadata::MetadataMap};

use super::wire;
use crate::{domain::id::PortalId, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DescribePortalRequest>,
    _: &mut MetadataMap,
) -> Result<DescribePortalResponse, Error> {
    service.service(&request)?;
    let DescribePortalRequest { portal_uuid } = request.into_inner();
    let id = portal_uuid.parse().map(PortalId).map_err(|_names_none: uuid::Error| Error::NoPortal)?;
    let portal = service.store.find_portal_by_id(id).await?.ok_or(Error::NoPortal)?;
    let organization = service.store.find_organization_by_id(portal.organization).await?.ok_or(Error::NoPortal)?;
    let portal = service.outline_portal(&organization, portal).await?;
    Ok(DescribePortalResponse { organization: Some(wire::organization(organization)), portal: Some(portal) })
}
