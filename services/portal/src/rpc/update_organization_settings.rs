use contracts::registry::v1::{
    OrganizationSettings, UpdateOrganizationSettingsRequest, UpdateOrganizationSettingsResponse,
};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_SETTINGS;
use crate::{domain::organization::check_requests_per_minute, error::Error, service::Parts};

const CALLS: &str = "portal_requests_per_minute";

pub(super) async fn handle(
    service: &Parts,
    request: Request<UpdateOrganizationSettingsRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateOrganizationSettingsResponse, Error> {
    let caller = service.caller(&request);
    let UpdateOrganizationSettingsRequest { organization, settings, update_mask, validate_only } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_SETTINGS, notes).await?;
    let named = update_mask.map(|mask| mask.paths);
    if let Some(strange) = named.iter().flatten().find(|path| path.as_str() != CALLS) {
        return Err(Error::invalid("update_mask", format!("names {strange:?}, which can't be changed")));
    }
    let settings = settings.ok_or_else(|| Error::invalid("settings", "is missing"))?;
    let before = authority.organization.portal_requests_per_minute;
    let is_named = named.is_none_or(|named| !named.is_empty());
    let limit = if is_named { settings.portal_requests_per_minute } else { before };
    if is_named {
        let most = service.config.limits.most_requests_per_minute;
        check_requests_per_minute(limit, most).map_err(|fault| Error::Invalid(vec![fault]))?;
    }
    if before != limit && !validate_only {
        let event = authority.organization_event("ORGANIZATION_UPDATED", json!({ CALLS: [before, limit] }));
        service.store.set_requests_per_minute(authority.organization.id, limit, event).await?;
        service.catalog.changed();
    }
    let settings = OrganizationSettings { portal_requests_per_minute: limit };
    Ok(UpdateOrganizationSettingsResponse { settings: Some(settings) })
}
