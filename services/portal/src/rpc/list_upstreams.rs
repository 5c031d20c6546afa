use contracts::registry::v1::{ListUpstreamsRequest, ListUpstreamsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::LIST_UPSTREAMS, wire};
use crate::{
    domain::{page::Page, upstream::Upstream},
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListUpstreamsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListUpstreamsResponse, Error> {
    let caller = service.caller(&request);
    let ListUpstreamsRequest { organization, page, per_page } = request.into_inner();
    let authority = service.authorize(caller, &organization, LIST_UPSTREAMS, notes).await?;
    let (found, total) = service.store.list_upstreams(authority.organization.id, Page::new(page, per_page)).await?;
    let ids: Vec<_> = found.iter().map(|upstream| upstream.id).collect();
    let counts = service.store.count_portals_on(&ids).await?;
    let show = |upstream: Upstream| {
        let counts = counts.get(&upstream.id).copied().unwrap_or_default();
        wire::upstream(upstream, counts)
    };
    let upstreams = found.into_iter().map(show).collect();
    Ok(ListUpstreamsResponse { upstreams, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
