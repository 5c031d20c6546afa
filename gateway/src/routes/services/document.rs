//! A notification service as JSON.

use std::collections::BTreeMap;

use contracts::webhook::v1::{NotificationService, TokenMode};
use serde::Serialize;

use crate::{
    error::Error,
    routes::{
        form::{graphql_id, missing, rfc3339},
        rest::Rest,
        user::UserJson,
    },
};

/// The only provider.
pub(super) const PROVIDER: &str = "webhook";
/// The only version of what is delivered.
pub(super) const VERSION: &str = "v2";

/// The states of builds that can be chosen.
const STATES: [&str; 10] =
    ["blocked", "canceled", "canceling", "failed", "failing", "not_run", "passed", "running", "scheduled", "skipped"];

/// A notification service.
#[derive(Serialize)]
pub(super) struct ServiceJson {
    id: String,
    graphql_id: String,
    url: String,
    provider: ProviderJson,
    description: String,
    enabled: bool,
    scope: &'static str,
    scope_uuids: Vec<String>,
    branch_configuration: Option<String>,
    build_states: BTreeMap<&'static str, bool>,
    settings: SettingsJson,
    created_at: String,
    updated_at: String,
    created_by: UserJson,
}

#[derive(Serialize)]
struct ProviderJson {
    id: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct SettingsJson {
    url: String,
    version: &'static str,
    /// Null for callers who couldn't replace it.
    token: Option<String>,
    token_mode: &'static str,
    events: Vec<String>,
    tls_verify: bool,
}

impl ServiceJson {
    pub(super) fn of(rest: &Rest, organization: &str, service: NotificationService) -> Result<Self, Error> {
        let token_mode = match service.token_mode() {
            TokenMode::Token => "token",
            TokenMode::Signature => "signature",
            TokenMode::Unspecified => return Err(missing("how a token is used")),
        };
        let is_chosen = |state: &str| service.build_states.iter().any(|chosen| chosen == state);
        let created_by = service.created_by.ok_or_else(|| missing("the notification service's author"))?;
        Ok(Self {
            graphql_id: graphql_id("NotificationService", &service.uuid),
            url: rest.url(&format!("{organization}/services/{}", service.uuid)),
            id: service.uuid,
            provider: ProviderJson { id: PROVIDER, name: "Webhook" },
            description: service.description,
            enabled: service.enabled,
            scope: if service.pipeline_uuids.is_empty() { "all" } else { "some_projects" },
            scope_uuids: service.pipeline_uuids,
            branch_configuration: service.branch_configuration,
            build_states: STATES.into_iter().map(|state| (state, is_chosen(state))).collect(),
            settings: SettingsJson {
                url: service.url,
                version: VERSION,
                token: (!service.token.is_empty()).then_some(service.token),
                token_mode,
                events: service.events,
                tls_verify: true,
            },
            created_at: rfc3339(service.created_at)?,
            updated_at: rfc3339(service.updated_at)?,
            created_by: UserJson::author(created_by)?,
        })
    }
}
