use std::time::Duration;

use contracts::registry::v1::{UpdatePortalRequest, UpdatePortalResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{Authority, CHANGE_PORTAL},
    change::{Cause, Present, until_current},
};
use crate::{domain::details::Details, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<UpdatePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdatePortalResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let request = request.into_inner();
    let authority = service.authorize(caller, &request.organization, CHANGE_PORTAL, notes).await?;
    let Present { portal, target } = until_current(|| change(service, &authority, &request, began)).await?;
    Ok(UpdatePortalResponse { portal: Some(service.wire_portal(&authority.organization, portal, &target)) })
}

/// `began`: when the request came, since boot.
async fn change(
    service: &Parts,
    authority: &Authority,
    request: &UpdatePortalRequest,
    began: Duration,
) -> Result<Present, Error> {
    let present = Present::find(service, authority, &request.portal).await?;
    let details = merge(present.details(), request)?;
    present.change(service, authority, details, Cause { began, restored: None }).await
}

/// What the portal shall be: as it is, but for what the request's mask names.
fn merge(present: Details, request: &UpdatePortalRequest) -> Result<Details, Error> {
    let Details { mut slug, mut upstream, mut content } = present;
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    for path in paths {
        match path.as_str() {
            "name" => content.name = request.name.clone().unwrap_or_default(),
            "slug" => slug.clone_from(&request.slug),
            "description" => content.description.clone_from(&request.description),
            "query" => content.query = request.query.clone().unwrap_or_default(),
            "allowed_ip_addresses" => content.allowed_ip_addresses.clone_from(&request.allowed_ip_addresses),
            "user_invokable" => content.user_invokable = request.user_invokable.unwrap_or_default(),
            "upstream" => upstream.clone_from(&request.upstream),
            "strict_variables" => content.strict_variables = request.strict_variables.unwrap_or_default(),
            other => return Err(Error::invalid("update_mask", format!("names {other:?}, which can't be changed"))),
        }
    }
    Ok(Details { slug, upstream, content })
}
