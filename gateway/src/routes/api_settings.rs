//! `/v2/organizations/{org}/api-settings`: what an organization asks of API access tokens.

use axum::{extract::Request, response::Response};
use contracts::directory::v1::{ApiSettings, GetApiSettingsRequest, UpdateApiSettingsRequest};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;

use super::{
    form::{Names, missing, names},
    rest::Rest,
};
use crate::{error::Error, reply};

const DAYS: &str = "revoke_inactive_tokens_after_days";
/// Documented members that this installation doesn't know how to keep. Ignoring them would let an administrator believe in
/// a protection that isn't there.
const NOT_YET: [&str; 3] = ["allowed_ip_addresses", "restrict_user_api_token_creation", "features"];
const FEATURES: Features = Features { api_ip_allow_list: false, inactive_api_token_revocation: true };

/// What [`NOT_YET`] are answered as. Sent back so, they ask for nothing.
fn fixed() -> [Value; 3] {
    let Features { api_ip_allow_list, inactive_api_token_revocation } = FEATURES;
    let features = json!({
        "api_ip_allow_list": api_ip_allow_list,
        "inactive_api_token_revocation": inactive_api_token_revocation,
    });
    [Value::Null, Value::Bool(false), features]
}

/// The settings as JSON.
#[derive(Serialize)]
struct SettingsJson {
    url: String,
    /// Always null: can't be set yet.
    allowed_ip_addresses: Option<String>,
    revoke_inactive_tokens_after_days: Option<u32>,
    /// Always false: can't be set yet.
    restrict_user_api_token_creation: bool,
    features: Features,
}

/// What of the settings is to be had here.
#[derive(Serialize)]
struct Features {
    api_ip_allow_list: bool,
    inactive_api_token_revocation: bool,
}

impl SettingsJson {
    fn of(settings: Option<ApiSettings>, url: String) -> Result<Self, Error> {
        let ApiSettings { revoke_inactive_tokens_after_days } = settings.ok_or_else(|| missing("the settings"))?;
        Ok(Self {
            url,
            allowed_ip_addresses: None,
            revoke_inactive_tokens_after_days,
            restrict_user_api_token_creation: false,
            features: FEATURES,
        })
    }
}

async fn fetch(rest: &Rest, organization_uuid: String) -> Result<(MetadataMap, Option<ApiSettings>), Error> {
    let request = rest.request(GetApiSettingsRequest { organization_uuid });
    let reply = rest.call(rest.gateway.directory().get_api_settings(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok((metadata, reply.settings))
}

/// Answers the settings.
pub(crate) async fn show(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let slug = names(path)?;
    let url = rest.url(&format!("{slug}/api-settings"));
    let organization = rest.organization(slug).await?;
    let (metadata, settings) = fetch(&rest, organization).await?;
    Ok(reply::json(StatusCode::OK, &metadata, &SettingsJson::of(settings, url)?))
}

/// Changes what the body names and leaves the rest. A body that names nothing is answered like a GET.
pub(crate) async fn update(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let slug = names(path)?;
    let mut given = rest.body(request).await?;
    let days = given.nullable_count(DAYS);
    for (name, same) in NOT_YET.into_iter().zip(fixed()) {
        given.forbid_unless(name, &same, "can't be set here yet");
    }
    let named = rest.accept(given).await?;
    let url = rest.url(&format!("{slug}/api-settings"));
    let organization_uuid = rest.organization(slug).await?;
    if !named.iter().any(|name| name == DAYS) {
        // Nothing is written back that was only read: somebody else may be changing it.
        let (metadata, settings) = fetch(&rest, organization_uuid).await?;
        return Ok(reply::json(StatusCode::OK, &metadata, &SettingsJson::of(settings, url)?));
    }
    let settings = Some(ApiSettings { revoke_inactive_tokens_after_days: days });
    let request = rest.request(UpdateApiSettingsRequest { organization_uuid, settings });
    let reply = rest.call(rest.gateway.directory().update_api_settings(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &SettingsJson::of(reply.settings, url)?))
}
