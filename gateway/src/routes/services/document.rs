//! A notification service as JSON.

use std::collections::BTreeMap;

use contracts::webhook::v1::{NotificationService, TokenMode};
use serde::Serialize;
use utoipa::{ToSchema, openapi::Object};

use crate::{
    description::words,
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
pub(super) const STATES: [&str; 10] =
    ["blocked", "canceled", "canceling", "failed", "failing", "not_run", "passed", "running", "scheduled", "skipped"];

/// How pipelines are chosen.
pub(super) const SCOPES: [&str; 2] = ["all", "some_projects"];
/// How receivers know a delivery.
pub(super) const TOKEN_MODES: [&str; 2] = ["token", "signature"];

/// A notification service.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationService)]
pub(super) struct ServiceJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "Tm90aWZpY2F0aW9uU2VydmljZS0tLTAxOGYyYjVl")]
    graphql_id: String,
    #[schema(
        example = "https://portals.example/v2/organizations/my-organization/services/018f2b5e-0000-7000-8000-000000000000"
    )]
    url: String,
    provider: ProviderJson,
    #[schema(example = "Deployments")]
    description: String,
    #[schema(example = true)]
    enabled: bool,
    #[schema(schema_with = scopes)]
    scope: &'static str,
    /// UUIDs of pipelines; empty where all count.
    #[schema(example = json!([]))]
    scope_uuids: Vec<String>,
    #[schema(example = "main release/*")]
    branch_configuration: Option<String>,
    /// Whether it is told of builds in that state.
    #[schema(value_type = HashMap<String, bool>, example = json!({"failed": true, "passed": true, "running": false}))]
    build_states: BTreeMap<&'static str, bool>,
    settings: SettingsJson,
    created_at: String,
    updated_at: String,
    created_by: UserJson,
}

fn scopes() -> Object {
    words(SCOPES)
}

/// What kind of receiver it is: there is only this one.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationProvider)]
struct ProviderJson {
    #[schema(example = "webhook")]
    id: &'static str,
    #[schema(example = "Webhook")]
    name: &'static str,
}

/// Where, and how, it is told.
#[derive(Serialize, ToSchema)]
#[schema(as = NotificationSettings)]
struct SettingsJson {
    #[schema(example = "https://hooks.example.com/portals")]
    url: String,
    #[schema(example = "v2")]
    version: &'static str,
    /// Null for callers who couldn't replace it.
    #[schema(example = "a-token-of-sixteen-or-more")]
    token: Option<String>,
    #[schema(schema_with = token_modes)]
    token_mode: &'static str,
    #[schema(example = json!(["ping", "build.finished"]))]
    events: Vec<String>,
    #[schema(example = true)]
    tls_verify: bool,
}

fn token_modes() -> Object {
    words(TOKEN_MODES)
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
