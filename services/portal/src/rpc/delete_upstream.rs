use contracts::registry::v1::{DeleteUpstreamRequest, DeleteUpstreamResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_UPSTREAM;
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DeleteUpstreamRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteUpstreamResponse, Error> {
    let caller = service.caller(&request);
    let DeleteUpstreamRequest { organization, upstream } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_UPSTREAM, notes).await?;
    let found = service.store.find_upstream(authority.organization.id, &upstream).await?.ok_or(Error::NoUpstream)?;
    let event = authority.upstream_event("UPSTREAM_DELETED", &found, json!({ "slug": found.slug.as_str() }));
    if !service.store.delete_upstream(found.id, event).await? {
        return Err(Error::NoUpstream);
    }
    service.catalog.changed();
    Ok(DeleteUpstreamResponse {})
}
