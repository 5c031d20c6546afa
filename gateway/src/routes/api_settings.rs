//! `/v2/organizations/{org}/api-settings`: what an organization asks of those who call.
//!
//! The token service keeps what is about credentials, the portal service what is about calls of portals; here they are one.

use axum::{extract::Request, response::Response};
use contracts::{
    directory::v1::{ApiSettings, GetApiSettingsRequest, UpdateApiSettingsRequest},
    registry::v1::{GetOrganizationSettingsRequest, OrganizationSettings, UpdateOrganizationSettingsRequest},
};
use http::StatusCode;
use prost_types::FieldMask;
use serde::Serialize;
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;

use super::{
    form::{Names, missing, names},
    rest::Rest,
};
use crate::{
    description::{About, count, flag, text},
    error::Error,
    members::Members,
    reply,
};

const LIST: &str = "allowed_ip_addresses";
const DAYS: &str = "revoke_inactive_tokens_after_days";
const RESTRICT: &str = "restrict_user_api_token_creation";
const CALLS: &str = "portal_requests_per_minute";

const FEATURES: Features = Features { api_ip_allow_list: true, inactive_api_token_revocation: true };

/// The settings as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiSettings)]
struct SettingsJson {
    #[schema(example = "https://portals.example/v2/organizations/my-organization/api-settings")]
    url: String,
    /// Networks that requests may come from, separated by spaces, as given. Null: anywhere.
    #[schema(example = "192.0.2.0/24 2001:db8::/32")]
    allowed_ip_addresses: Option<String>,
    /// Null: never.
    #[schema(example = 90)]
    revoke_inactive_tokens_after_days: Option<u32>,
    /// Whether only administrators make API access tokens that reach the organization.
    restrict_user_api_token_creation: bool,
    /// Calls of all its portals in a minute. Null: as the installation has it.
    #[schema(example = 600)]
    portal_requests_per_minute: Option<u32>,
    features: Features,
}

/// What of the settings is to be had here.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiFeatures)]
struct Features {
    api_ip_allow_list: bool,
    inactive_api_token_revocation: bool,
}

/// The settings of both services.
struct Settings(ApiSettings, OrganizationSettings);

impl Settings {
    fn json(self, url: String) -> SettingsJson {
        let Self(api, organization) = self;
        SettingsJson {
            url,
            allowed_ip_addresses: api.allowed_ip_addresses,
            revoke_inactive_tokens_after_days: api.revoke_inactive_tokens_after_days,
            restrict_user_api_token_creation: api.restrict_user_api_token_creation,
            portal_requests_per_minute: organization.portal_requests_per_minute,
            features: FEATURES,
        }
    }
}

/// What a body asks for.
struct Change {
    new: Settings,
    allow_lockout: bool,
}

impl Change {
    fn read(given: &mut Members) -> Self {
        let Features { api_ip_allow_list, inactive_api_token_revocation } = FEATURES;
        let features = json!({
            "api_ip_allow_list": api_ip_allow_list,
            "inactive_api_token_revocation": inactive_api_token_revocation,
        });
        let api = ApiSettings {
            revoke_inactive_tokens_after_days: given.nullable_count(DAYS),
            allowed_ip_addresses: given.nullable_text(LIST),
            restrict_user_api_token_creation: given.flag(RESTRICT).unwrap_or_default(),
        };
        let organization = OrganizationSettings { portal_requests_per_minute: given.nullable_count(CALLS) };
        let allow_lockout = given.flag("allow_lockout").unwrap_or_default();
        given.forbid_unless("features", &features, "can't be set");
        Self { new: Settings(api, organization), allow_lockout }
    }
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_api_settings", "What an organization asks of those who call", "")
        .answers::<SettingsJson>("The settings.")
}

/// Answers the settings.
pub(crate) async fn show(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    answer(&rest, names(path)?).await
}

async fn answer(rest: &Rest, slug: String) -> Result<Response, Error> {
    let url = rest.url(&format!("{slug}/api-settings"));
    let organization_uuid = rest.organization(slug.clone()).await?;
    let request = rest.request(GetApiSettingsRequest { organization_uuid });
    let reply = rest.call(rest.gateway.directory().get_api_settings(request)).await?;
    let (metadata, api, _) = reply.into_parts();
    let request = rest.further(GetOrganizationSettingsRequest { organization: slug });
    let organization = rest.call(rest.gateway.registry().get_organization_settings(request)).await?.into_inner();
    reply_with(&metadata, api.settings, organization.settings, url)
}

/// [`update`], described.
pub(crate) fn about_update() -> About {
    let networks = "Networks that requests may come from, separated by spaces; null: anywhere.";
    let days = "Tokens that nobody used for so many days are revoked; null: never.";
    let restrict = "Whether only administrators make API access tokens that reach the organization.";
    let calls = "How often its portals may be called in a minute; null: as often as the installation has it.";
    let lockout = "Take networks that the request itself doesn't come from.";
    let members = [
        text(LIST, "127.0.0.0/8 192.0.2.0/24 2001:db8::/32", networks).nullable(),
        count(DAYS, 30, 90, days).among(&[30, 60, 90, 180, 365]).nullable(),
        flag(RESTRICT, restrict).like(false.into()),
        count(CALLS, 1, 600, calls).nullable(),
        flag("allow_lockout", lockout).like(false.into()),
    ];
    About::of("update_api_settings", "Change the API settings", "What the body doesn't name stays.")
        .takes("ApiSettingsChange", members)
        .refuses(502, &["partly_changed"])
        .answers::<SettingsJson>("The settings as they are now.")
}

/// Changes what the body names and leaves the rest. A body that names nothing is answered like a GET.
pub(crate) async fn update(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let slug = names(path)?;
    let mut given = rest.body(request).await?;
    let Change { new: Settings(api, organization), allow_lockout } = Change::read(&mut given);
    let mut named = rest.accept(given).await?;
    named.retain(|name| [LIST, DAYS, RESTRICT, CALLS].contains(&name.as_str()));
    if named.is_empty() {
        return answer(&rest, slug).await;
    }
    let url = rest.url(&format!("{slug}/api-settings"));
    let (of_portals, of_api): (Vec<_>, Vec<_>) = named.into_iter().partition(|name| name == CALLS);
    let first = of_api.join(", ");
    let organization_uuid = rest.organization(slug.clone()).await?;
    let of_portals = UpdateOrganizationSettingsRequest {
        organization: slug,
        settings: Some(organization),
        update_mask: Some(FieldMask { paths: of_portals }),
        validate_only: true,
    };
    // What one service refuses must not have been changed at the other.
    let request = rest.request(of_portals.clone());
    let reply = rest.call(rest.gateway.registry().update_organization_settings(request)).await?;
    let (metadata, organization, _) = reply.into_parts();
    let of_api = UpdateApiSettingsRequest {
        organization_uuid,
        settings: Some(api),
        update_mask: Some(FieldMask { paths: of_api }),
        allow_lockout,
    };
    let request = rest.further(of_api);
    let api = rest.call(rest.gateway.directory().update_api_settings(request)).await?.into_inner();
    if of_portals.update_mask.as_ref().is_some_and(|mask| !mask.paths.is_empty()) {
        let request = rest.further(UpdateOrganizationSettingsRequest { validate_only: false, ..of_portals });
        let changed = rest.call(rest.gateway.registry().update_organization_settings(request)).await;
        // Not what can be refused, for that was asked: the service has gone meanwhile. The same request again does the rest.
        let partly = |error| if first.is_empty() { error } else { Error::PartlyChanged(first, CALLS, Box::new(error)) };
        changed.map_err(partly)?;
    }
    reply_with(&metadata, api.settings, organization.settings, url)
}

fn reply_with(
    metadata: &MetadataMap,
    api: Option<ApiSettings>,
    organization: Option<OrganizationSettings>,
    url: String,
) -> Result<Response, Error> {
    let settings = api.zip(organization).ok_or_else(|| missing("the settings"))?;
    let settings = Settings(settings.0, settings.1).json(url);
    Ok(reply::json(StatusCode::OK, metadata, &settings))
}
