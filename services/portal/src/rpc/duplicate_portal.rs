use contracts::registry::v1::{DuplicatePortalRequest, DuplicatePortalResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{Authority, CHANGE_PORTAL},
    change::Present,
    create_portal::create,
};
use crate::{
    domain::{details::Details, slug::Slug},
    error::Error,
    service::Parts,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DuplicatePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<DuplicatePortalResponse, Error> {
    let caller = service.caller(&request);
    let DuplicatePortalRequest { organization, portal, name, slug } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_PORTAL, notes).await?;
    let present = Present::find(service, &authority, &portal).await?;
    let mut details = present.details();
    details.content.name = name.unwrap_or_else(|| present.portal.content.name_of_copy());
    details.slug = match slug {
        Some(slug) => Some(slug),
        None => free_slug(service, &authority, &details).await?,
    };
    let (portal, token) = create(service, &authority, details, Some(present.portal.id)).await?;
    Ok(DuplicatePortalResponse { portal: Some(portal), token })
}

/// A slug of the name that is free. `None`: the name makes none.
async fn free_slug(service: &Parts, authority: &Authority, details: &Details) -> Result<Option<String>, Error> {
    let Some(slug) = Slug::from_name(&details.content.name) else { return Ok(None) };
    let taken = service.store.list_slugs(authority.organization.id).await?;
    Ok(Some(slug.free_among(&taken).to_string()))
}
