use contracts::registry::v1::{RefreshUpstreamRequest, RefreshUpstreamResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::CHANGE_UPSTREAM, wire};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<RefreshUpstreamRequest>,
    notes: &mut MetadataMap,
) -> Result<RefreshUpstreamResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let RefreshUpstreamRequest { organization, upstream } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_UPSTREAM, notes).await?;
    let found = service.store.find_upstream(authority.organization.id, &upstream).await?.ok_or(Error::NoUpstream)?;
    let (counts, broken) = (service.counts(found.id).await?, service.broken_portals(found.id).await?);
    let found = service.refresh(found.id, authority.cause()).await?.ok_or(Error::Outdated)?;
    service.check_soon(found.id, began).await;
    // After the commit nothing may fail.
    let counts = service.counts(found.id).await.unwrap_or(counts);
    let broken_portals = service.broken_portals(found.id).await.unwrap_or(broken);
    Ok(RefreshUpstreamResponse { upstream: Some(wire::upstream(found, counts)), broken_portals })
}
