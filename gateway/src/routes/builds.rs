//! Builds: `/v2/builds`, `/v2/organizations/{org}/builds`, `/v2/organizations/{org}/pipelines/{slug}/builds`.

mod document;
mod filter;

use std::collections::HashMap;

use axum::{extract::Request, response::Response};
use contracts::pipelines::v1::{
    Build, BuildState, CancelBuildRequest, CreateBuildRequest, Entry, GetBuildRequest, ListBuildsRequest,
    ListBuildsResponse, Person, Pipeline, RebuildBuildRequest, ReportBuildStateRequest,
};
use http::StatusCode;
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;

use self::document::BuildJson;
use super::{
    form::{Names, missing, names, number_or_none},
    pipelines::PipelineJson,
    rest::Rest,
};
use crate::{
    description::{About, Member, choice, object, text},
    error::Error,
    members::Members,
    query::narrowed,
    reply,
};

/// The path of a build: organization, pipeline, number.
type Place = Names<(String, String, String)>;

/// [`list_all`], described.
pub(crate) fn about_list_all() -> About {
    let details = "Of every organization that the token reaches. Newest first.";
    listed(About::of("list_all_builds", "List all builds", details))
}

fn listed(about: About) -> About {
    filter::describe(about).lists::<BuildJson>("A page of them.")
}

/// Answers a page of the builds of all organizations that the token reaches.
pub(crate) async fn list_all(rest: Rest) -> Result<Response, Error> {
    let url = format!("{}/v2/builds", rest.gateway.config().public_url);
    answer(&rest, url, ListBuildsRequest::default()).await
}

/// [`list_of_organization`], described.
pub(crate) fn about_list_of_organization() -> About {
    listed(About::of("list_organization_builds", "List builds of an organization", "Newest first."))
}

/// Answers a page of an organization's builds.
pub(crate) async fn list_of_organization(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let url = rest.url(&format!("{organization}/builds"));
    answer(&rest, url, ListBuildsRequest { organization: Some(organization), ..ListBuildsRequest::default() }).await
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    listed(About::of("list_builds", "List builds of a pipeline", "Newest first."))
}

/// Answers a page of a pipeline's builds.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, pipeline) = names(path)?;
    let url = rest.url(&format!("{organization}/pipelines/{pipeline}/builds"));
    let (organization, pipeline) = (Some(organization), Some(pipeline));
    answer(&rest, url, ListBuildsRequest { organization, pipeline, ..ListBuildsRequest::default() }).await
}

async fn answer(rest: &Rest, url: String, of: ListBuildsRequest) -> Result<Response, Error> {
    let (page, filter) = (rest.page()?, filter::read(rest.query())?);
    let message = ListBuildsRequest { filter: Some(filter), page: page.number, per_page: page.size, ..of };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.pipelines().list_builds(request)).await?;
    let (metadata, ListBuildsResponse { builds, pipelines, total }, _) = reply.into_parts();
    let pipelines = pipelines.into_iter().map(|one| Ok((one.uuid.clone(), PipelineJson::of(rest, one)?)));
    let pipelines = pipelines.collect::<Result<HashMap<_, _>, Error>>()?;
    let builds = builds.into_iter().map(|build| {
        let pipeline = pipelines.get(&build.pipeline_uuid).cloned();
        BuildJson::of(build, pipeline.ok_or_else(|| missing("the build's pipeline"))?)
    });
    let builds = builds.collect::<Result<Vec<_>, Error>>()?;
    Ok(page.reply(&metadata, &narrowed(url, rest.query()), total, &builds))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_build", "One build", "").answers::<BuildJson>("The build.")
}

/// Answers one build.
pub(crate) async fn show(rest: Rest, path: Place) -> Result<Response, Error> {
    let (organization, pipeline, number) = names(path)?;
    let number = number_or_none(&number);
    let request = rest.request(GetBuildRequest { organization, pipeline, number });
    let reply = rest.call(rest.gateway.pipelines().get_build(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    one(&rest, StatusCode::OK, &metadata, (reply.build, reply.pipeline))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    About::of("create_build", "Make a build", "")
        .takes("NewBuild", members())
        .creates::<BuildJson>("The build.")
        .refuses(422, &["invalid_state"])
}

fn members() -> Vec<Member> {
    let author = json!({
        "type": ["object", "null"],
        "properties": { "name": { "type": "string" }, "email": { "type": "string" } },
        "required": ["name", "email"],
        "example": { "name": "Ada", "email": "ada@example.com" },
        "description": "Whom it is attributed to; null: who asks for it.",
    });
    let pairs = |example: Value, sentence: &str| {
        let value = json!({ "type": ["string", "number", "boolean"] });
        json!({ "type": ["object", "null"], "additionalProperties": value, "example": example, "description": sentence })
    };
    let (env, meta_data) = (json!({ "DEPLOY": "true" }), json!({ "release": "1.2" }));
    vec![
        text("commit", "HEAD", "What is built.").required(),
        text("branch", "main", "On which branch.").required(),
        text("message", "Nightly", "What is said of it.").nullable(),
        object("author", author),
        object("env", pairs(env, "Its environment. Values are kept as text; names have no `=`.")),
        object("meta_data", pairs(meta_data, "What builds can be found by. Values are kept as text.")),
    ]
}

/// Makes a build.
pub(crate) async fn create(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let (organization, pipeline) = names(path)?;
    let mut given = rest.body(request).await?;
    let entries = |pairs: Vec<_>| pairs.into_iter().map(|(name, value)| Entry { name, value }).collect();
    let message = CreateBuildRequest {
        organization,
        pipeline,
        commit: given.required_text("commit"),
        branch: given.required_text("branch"),
        message: given.nullable_text("message"),
        author: author(&mut given),
        env: entries(given.pairs("env")),
        meta_data: entries(given.pairs("meta_data")),
    };
    rest.accept(given).await?;
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.pipelines().create_build(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    one(&rest, StatusCode::CREATED, &metadata, (reply.build, reply.pipeline))
}

fn author(given: &mut Members) -> Option<Person> {
    let members = given.nullable_object("author")?;
    let mut text = |name: &str| match members.get(name).and_then(|value| value.as_str()) {
        Some(text) => Some(text.to_owned()),
        None => given.refuse(&format!("author.{name}"), "must be a string"),
    };
    let (name, email) = (text("name"), text("email"));
    Some(Person { uuid: String::new(), name: name?, email: email? })
}

/// [`report`], described.
pub(crate) fn about_report() -> About {
    let details = "For whoever runs it: one that is scheduled begins to run, one that runs passes or fails. What is said again changes nothing.";
    let state = choice("state", &["running", "passed", "failed"], "What it does, or how it ended.");
    About::of("report_build_state", "Say what became of a build", details)
        .takes("BuildReport", [state.required()])
        .answers::<BuildJson>("The build as it is now.")
        .refuses(422, &["invalid_state"])
}

/// Takes a runner's word for what became of a build.
pub(crate) async fn report(rest: Rest, path: Place, request: Request) -> Result<Response, Error> {
    let (organization, pipeline, number) = names(path)?;
    let number = number_or_none(&number);
    let mut given = rest.body(request).await?;
    let state = match given.required("state").as_deref() {
        Some("running") => Some(BuildState::Running),
        Some("passed") => Some(BuildState::Passed),
        Some("failed") => Some(BuildState::Failed),
        Some(_) => given.refuse("state", "must be running, passed or failed"),
        None => None,
    };
    rest.accept(given).await?;
    let state = state.unwrap_or_default().into();
    let request = rest.request(ReportBuildStateRequest { organization, pipeline, number, state });
    let reply = rest.call(rest.gateway.pipelines().report_build_state(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    one(&rest, StatusCode::OK, &metadata, (reply.build, reply.pipeline))
}

/// [`cancel`], described.
pub(crate) fn about_cancel() -> About {
    About::of("cancel_build", "Cancel a build", "Not one that is over.")
        .answers::<BuildJson>("The build as it is now.")
        .refuses(422, &["invalid_state"])
}

/// Cancels a build.
pub(crate) async fn cancel(rest: Rest, path: Place) -> Result<Response, Error> {
    let (organization, pipeline, number) = names(path)?;
    let number = number_or_none(&number);
    let request = rest.request(CancelBuildRequest { organization, pipeline, number });
    let reply = rest.call(rest.gateway.pipelines().cancel_build(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    one(&rest, StatusCode::OK, &metadata, (reply.build, reply.pipeline))
}

/// [`rebuild`], described.
pub(crate) fn about_rebuild() -> About {
    About::of("rebuild_build", "Make a build like another one", "Not where the pipeline is archived or forbids it.")
        .answers::<BuildJson>("The new build.")
        .refuses(422, &["invalid_state"])
}

/// Makes a build like another one, and answers the new one.
pub(crate) async fn rebuild(rest: Rest, path: Place) -> Result<Response, Error> {
    let (organization, pipeline, number) = names(path)?;
    let number = number_or_none(&number);
    let request = rest.request(RebuildBuildRequest { organization, pipeline, number });
    let reply = rest.call(rest.gateway.pipelines().rebuild_build(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    one(&rest, StatusCode::OK, &metadata, (reply.build, reply.pipeline))
}

fn one(
    rest: &Rest,
    status: StatusCode,
    metadata: &MetadataMap,
    (build, pipeline): (Option<Build>, Option<Pipeline>),
) -> Result<Response, Error> {
    let pipeline = PipelineJson::of(rest, pipeline.ok_or_else(|| missing("the build's pipeline"))?)?;
    let build = BuildJson::of(build.ok_or_else(|| missing("the build"))?, pipeline)?;
    Ok(reply::json(status, metadata, &build))
}
