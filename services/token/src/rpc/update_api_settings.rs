//! `UpdateApiSettings`.

use contracts::directory::v1::{self as wire, UpdateApiSettingsRequest, UpdateApiSettingsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, ADMINISTER, refused},
};
use crate::{
    Error, Service,
    domain::api_settings::{ApiSettings, Lockout, Named},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<UpdateApiSettingsRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateApiSettingsResponse, Error> {
    let caller = service.caller(&request);
    let UpdateApiSettingsRequest { organization_uuid, settings, update_mask, allow_lockout } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let settings = settings.ok_or_else(|| parse::invalid("settings", "is missing"))?;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    let named = Named::read(update_mask.as_ref().map(|mask| mask.paths.as_slice())).map_err(refused)?;
    let settings = read(settings);
    let lockout = if allow_lockout { Lockout::Meant } else { Lockout::Refused(authority.caller.client_ip) };
    let faults = settings.check(named, lockout);
    if !faults.is_empty() {
        return Err(Error::Validation(faults));
    }
    let settings = service.0.store.set_api_settings(organization, &settings, named, &authority.trail()).await?;
    Ok(UpdateApiSettingsResponse { settings: Some(people::api_settings(settings)) })
}

fn read(settings: wire::ApiSettings) -> ApiSettings {
    let wire::ApiSettings {
        revoke_inactive_tokens_after_days: inactivity_days,
        allowed_ip_addresses,
        restrict_user_api_token_creation: restricts_creation,
    } = settings;
    ApiSettings { inactivity_days, allowed_ip_addresses, restricts_creation }
}
