//! `/v2/organizations/{org}/pipelines`: the built-in API's pipelines.

use axum::response::Response;
use contracts::pipelines::v1::{GetPipelineRequest, ListPipelinesRequest, ListPipelinesResponse, Pipeline, Visibility};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::{ToSchema, openapi::Object};

use super::{
    form::{Names, graphql_id, missing, names, rfc3339, rfc3339_or_null},
    rest::Rest,
    user::UserJson,
};
use crate::{
    description::{About, words},
    error::Error,
    query::{narrowed, parameter},
    reply,
};

/// A pipeline as JSON.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Pipeline)]
pub(super) struct PipelineJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "UGlwZWxpbmUtLS0wMThmMmI1ZQ==")]
    graphql_id: String,
    #[schema(example = "https://portals.example/v2/organizations/my-organization/pipelines/my-pipeline")]
    pub(super) url: String,
    #[schema(example = "https://portals.example/my-organization/my-pipeline")]
    web_url: String,
    #[schema(example = "My pipeline")]
    name: String,
    description: Option<String>,
    #[schema(example = "my-pipeline")]
    slug: String,
    #[schema(example = "git@github.com:my-organization/my-pipeline.git")]
    repository: String,
    /// Always null: there are no clusters.
    cluster_id: Option<String>,
    #[schema(example = "main release/*")]
    branch_configuration: Option<String>,
    #[schema(example = "main")]
    default_branch: Option<String>,
    skip_queued_branch_builds: bool,
    #[schema(example = "!main")]
    skip_queued_branch_builds_filter: Option<String>,
    cancel_running_branch_builds: bool,
    #[schema(example = "!main")]
    cancel_running_branch_builds_filter: Option<String>,
    allow_rebuilds: bool,
    provider: ProviderJson,
    #[schema(example = "https://portals.example/v2/organizations/my-organization/pipelines/my-pipeline/builds")]
    pub(super) builds_url: String,
    /// Always null: there are no badges.
    badge_url: Option<String>,
    created_by: Option<UserJson>,
    created_at: String,
    archived_at: Option<String>,
    /// Always null: pipelines have no environment of their own.
    env: Option<String>,
    /// Null if the change was made but the builds couldn't be counted after it.
    scheduled_builds_count: Option<u32>,
    /// The same.
    running_builds_count: Option<u32>,
    /// Always 0, as the next two: builds have no jobs.
    scheduled_jobs_count: u32,
    running_jobs_count: u32,
    waiting_jobs_count: u32,
    #[schema(schema_with = visibilities)]
    visibility: &'static str,
    /// Its steps, as YAML.
    #[schema(example = "steps:\n  - command: make\n")]
    configuration: Option<String>,
}

fn visibilities() -> Object {
    words(["private", "public"])
}

/// Where the code comes from. All null: repositories are not looked at.
#[derive(Clone, Default, Serialize, ToSchema)]
#[schema(as = PipelineProvider)]
struct ProviderJson {
    /// Always null.
    id: Option<String>,
    /// Always null.
    webhook_url: Option<String>,
    /// Always null.
    settings: Option<String>,
}

impl PipelineJson {
    pub(super) fn of(rest: &Rest, pipeline: Pipeline) -> Result<Self, Error> {
        let url = rest.url(&format!("{}/pipelines/{}", pipeline.organization, pipeline.slug));
        let visibility = match pipeline.visibility() {
            Visibility::Public => "public",
            Visibility::Private | Visibility::Unspecified => "private",
        };
        Ok(Self {
            graphql_id: graphql_id("Pipeline", &pipeline.uuid),
            id: pipeline.uuid,
            builds_url: format!("{url}/builds"),
            url,
            web_url: pipeline.web_url,
            name: pipeline.name,
            description: pipeline.description,
            slug: pipeline.slug,
            repository: pipeline.repository_url,
            cluster_id: None,
            branch_configuration: pipeline.branch_configuration,
            default_branch: pipeline.default_branch,
            skip_queued_branch_builds: pipeline.skip_intermediate,
            skip_queued_branch_builds_filter: pipeline.skip_intermediate_filter,
            cancel_running_branch_builds: pipeline.cancel_intermediate,
            cancel_running_branch_builds_filter: pipeline.cancel_intermediate_filter,
            allow_rebuilds: pipeline.allow_rebuilds,
            provider: ProviderJson::default(),
            badge_url: None,
            created_by: pipeline.created_by.as_ref().and_then(UserJson::remembered),
            created_at: rfc3339(pipeline.created_at)?,
            archived_at: rfc3339_or_null(pipeline.archived_at)?,
            env: None,
            scheduled_builds_count: pipeline.builds.map(|builds| builds.scheduled),
            running_builds_count: pipeline.builds.map(|builds| builds.running),
            scheduled_jobs_count: 0,
            running_jobs_count: 0,
            waiting_jobs_count: 0,
            visibility,
            configuration: pipeline.configuration,
        })
    }
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    let part = json!({ "type": "string" });
    About::of("list_pipelines", "List pipelines", "Newest first, archived ones too.")
        .parameter("name", &part, "Those whose name contains this, whatever the case.")
        .parameter("repository", &part, "Those whose repository contains this, whatever the case.")
        .lists::<PipelineJson>("A page of them.")
        .refuses(422, &["validation_failed"])
}

/// Answers a page of an organization's pipelines.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let page = rest.page()?;
    let url = narrowed(rest.url(&format!("{organization}/pipelines")), rest.query());
    let [name, repository] = ["name", "repository"].map(|name| parameter(rest.query(), name));
    let message = ListPipelinesRequest { organization, name, repository, page: page.number, per_page: page.size };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.pipelines().list_pipelines(request)).await?;
    let (metadata, ListPipelinesResponse { pipelines, total }, _) = reply.into_parts();
    let pipelines = pipelines.into_iter().map(|one| PipelineJson::of(&rest, one)).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &pipelines))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_pipeline", "One pipeline", "").answers::<PipelineJson>("The pipeline.")
}

/// Answers one pipeline.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, pipeline) = names(path)?;
    let request = rest.request(GetPipelineRequest { organization, pipeline });
    let reply = rest.call(rest.gateway.pipelines().get_pipeline(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let pipeline = PipelineJson::of(&rest, reply.pipeline.ok_or_else(|| missing("the pipeline"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &pipeline))
}
