use contracts::registry::v1::{GetPortalVersionRequest, GetPortalVersionResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_PORTAL, wire};
use crate::{
    domain::{diff, id::PortalId, version::Version},
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetPortalVersionRequest>,
    notes: &mut MetadataMap,
) -> Result<GetPortalVersionResponse, Error> {
    let caller = service.caller(&request);
    let GetPortalVersionRequest { organization, portal, number, compare_with } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_PORTAL, notes).await?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    let version = find(service, portal.id, number).await?;
    let diff = match compare_with {
        None => None,
        Some(other) => Some(compare(&find(service, portal.id, other).await?, &version)),
    };
    Ok(GetPortalVersionResponse { version: Some(wire::version(version, portal.version)), diff })
}

async fn find(service: &Parts, portal: PortalId, number: u32) -> Result<Version, Error> {
    service.store.find_version(portal, number).await?.ok_or(Error::NoVersion)
}

fn compare(before: &Version, after: &Version) -> String {
    diff::unified((&before.title(), &before.query), (&after.title(), &after.query))
}
