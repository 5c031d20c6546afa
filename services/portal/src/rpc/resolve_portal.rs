use contracts::registry::v1::{ResolvePortalRequest, ResolvePortalResponse};
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use crate::{
    domain::{id::OrganizationId, slug::Slug},
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ResolvePortalRequest>,
    _: &mut MetadataMap,
) -> Result<ResolvePortalResponse, Error> {
    service.service(&request)?;
    let ResolvePortalRequest { organization, portal } = request.into_inner();
    // Always the same two reads, and nothing kept: the time that an answer takes mustn't tell what there is, nor what others
    // asked for lately. What is no slug names nothing, which is no secret.
    let organization = service.store.find_organization(&organization).await?.map(|found| found.id);
    let organization = organization.unwrap_or(OrganizationId(Uuid::nil()));
    let portal = match Slug::parse(&portal) {
        Some(slug) => service.store.locate_portal(organization, &slug).await?,
        None => None,
    };
    let (portal, user_invokable) = portal.unzip();
    Ok(ResolvePortalResponse {
        organization_uuid: organization.0.to_string(),
        portal_uuid: portal.map_or(Uuid::nil(), |id| id.0).to_string(),
        user_invokable: user_invokable.unwrap_or_default(),
    })
}
