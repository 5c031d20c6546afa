use contracts::registry::v1::{GetUpstreamRequest, GetUpstreamResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_UPSTREAM, wire};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetUpstreamRequest>,
    notes: &mut MetadataMap,
) -> Result<GetUpstreamResponse, Error> {
    let caller = service.caller(&request);
    let GetUpstreamRequest { organization, upstream } = request.into_inner();
    let authority = service.authorize(caller, &organization, SEE_UPSTREAM, notes).await?;
    let found = service.store.find_upstream(authority.organization.id, &upstream).await?.ok_or(Error::NoUpstream)?;
    let counts = service.counts(found.id).await?;
    Ok(GetUpstreamResponse { upstream: Some(wire::upstream(found, counts)) })
}
