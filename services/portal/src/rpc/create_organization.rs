use contracts::registry::v1::{CreateOrganizationRequest, CreateOrganizationResponse};
use kit::audit::context;
use tonic::{Request, metadata::MetadataMap};

use super::wire;
use crate::{domain::organization, error::Error, service::Parts, store::Unwritten};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreateOrganizationRequest>,
    _: &mut MetadataMap,
) -> Result<CreateOrganizationResponse, Error> {
    let caller = service.service(&request)?;
    let CreateOrganizationRequest { name, slug } = request.into_inner();
    let slug = organization::check(&name, slug.as_deref()).map_err(Error::Invalid)?;
    let made = service.create_organization(slug.to_string(), name, context(&caller, None)).await;
    let organization = made.map_err(|unwritten| match unwritten {
        Unwritten::SlugTaken => Error::invalid("slug", "is taken by another organization"),
        other => other.into(),
    })?;
    Ok(CreateOrganizationResponse { organization: Some(wire::organization(organization)) })
}
