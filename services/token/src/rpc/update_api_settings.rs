//! `UpdateApiSettings`.

use contracts::directory::v1::{ApiSettings, UpdateApiSettingsRequest, UpdateApiSettingsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{ADMINISTER, refused},
};
use crate::{Error, Service, domain::api_token::check_inactivity};

pub(super) async fn handle(
    service: &Service,
    request: Request<UpdateApiSettingsRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateApiSettingsResponse, Error> {
    let caller = service.caller(&request);
    let UpdateApiSettingsRequest { organization_uuid, settings } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let settings = settings.ok_or_else(|| parse::invalid("settings", "is missing"))?;
    let ApiSettings { revoke_inactive_tokens_after_days: limit } = settings;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    let limit = check_inactivity(limit).map_err(refused)?;
    service.0.store.set_inactivity_limit(organization, limit, &authority.trail()).await?;
    Ok(UpdateApiSettingsResponse { settings: Some(ApiSettings { revoke_inactive_tokens_after_days: limit }) })
}
