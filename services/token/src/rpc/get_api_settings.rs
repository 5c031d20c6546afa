//! `GetApiSettings`.

use contracts::directory::v1::{GetApiSettingsRequest, GetApiSettingsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, SEE_SETTINGS},
};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetApiSettingsRequest>,
    notes: &mut MetadataMap,
) -> Result<GetApiSettingsResponse, Error> {
    let caller = service.caller(&request);
    let GetApiSettingsRequest { organization_uuid } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    service.authorize(caller, organization, &SEE_SETTINGS, notes).await?;
    let settings = service.0.store.api_settings(organization).await?;
    Ok(GetApiSettingsResponse { settings: Some(people::api_settings(settings)) })
}
