use contracts::registry::v1::{RestorePortalVersionRequest, RestorePortalVersionResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{Authority, CHANGE_PORTAL},
    change::{Cause, Present, until_current},
};
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<RestorePortalVersionRequest>,
    notes: &mut MetadataMap,
) -> Result<RestorePortalVersionResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let RestorePortalVersionRequest { organization, portal, number } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_PORTAL, notes).await?;
    let cause = Cause { began, restored: Some(number) };
    let Present { portal, target } = until_current(|| restore(service, &authority, &portal, number, cause)).await?;
    Ok(RestorePortalVersionResponse { portal: Some(service.wire_portal(&authority.organization, portal, &target)) })
}

async fn restore(
    service: &Parts,
    authority: &Authority,
    portal: &str,
    number: u32,
    cause: Cause,
) -> Result<Present, Error> {
    let present = Present::find(service, authority, portal).await?;
    let version = service.store.find_version(present.portal.id, number).await?.ok_or(Error::NoVersion)?;
    let mut details = present.details();
    details.content.query = version.query;
    present.change(service, authority, details, cause).await
}
