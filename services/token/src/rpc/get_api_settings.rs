//! `GetApiSettings`.

use contracts::directory::v1::{ApiSettings, GetApiSettingsRequest, GetApiSettingsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{parse, people::SEE_SETTINGS};
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
    let limit = service.0.store.inactivity_limit(organization).await?;
    Ok(GetApiSettingsResponse { settings: Some(ApiSettings { revoke_inactive_tokens_after_days: limit }) })
}
