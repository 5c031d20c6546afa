//! A build as JSON.

use contracts::pipelines::v1::{Build, BuildState, Entry, Person};
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::{ToSchema, openapi::Object};

use crate::{
    description::words,
    error::Error,
    routes::{
        form::{graphql_id, missing, rfc3339, rfc3339_or_null},
        pipelines::PipelineJson,
        user::UserJson,
    },
};

/// The states, as the public API writes them.
pub(super) const STATES: [(BuildState, &str); 11] = [
    (BuildState::Blocked, "blocked"),
    (BuildState::Canceled, "canceled"),
    (BuildState::Canceling, "canceling"),
    (BuildState::Creating, "creating"),
    (BuildState::Failed, "failed"),
    (BuildState::Failing, "failing"),
    (BuildState::NotRun, "not_run"),
    (BuildState::Passed, "passed"),
    (BuildState::Running, "running"),
    (BuildState::Scheduled, "scheduled"),
    (BuildState::Skipped, "skipped"),
];

/// A build.
#[derive(Serialize, ToSchema)]
#[schema(as = Build)]
pub(super) struct BuildJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "QnVpbGQtLS0wMThmMmI1ZQ==")]
    graphql_id: String,
    #[schema(example = "https://portals.example/v2/organizations/my-organization/pipelines/my-pipeline/builds/1")]
    url: String,
    #[schema(example = "https://portals.example/my-organization/my-pipeline/builds/1")]
    web_url: String,
    #[schema(example = 1)]
    number: u32,
    #[schema(schema_with = states)]
    state: &'static str,
    cancel_reason: Option<String>,
    blocked: bool,
    #[schema(example = "Nightly")]
    message: Option<String>,
    #[schema(example = "HEAD")]
    commit: String,
    #[schema(example = "main")]
    branch: String,
    #[schema(value_type = HashMap<String, String>, example = json!({"DEPLOY": "true"}))]
    env: Entries,
    /// Always `api`: nothing else makes builds.
    #[schema(example = "api")]
    source: &'static str,
    /// Null where an organization's own authority, or somebody without an account, made it.
    creator: Option<UserJson>,
    author: Option<AuthorJson>,
    /// Always empty: builds have no jobs.
    #[schema(value_type = Vec<Object>, max_items = 0, example = json!([]))]
    jobs: [(); 0],
    created_at: String,
    scheduled_at: Option<String>,
    started_at: Option<String>,
    /// Always null: nobody says that a build is going to fail.
    failing_at: Option<String>,
    finished_at: Option<String>,
    #[schema(value_type = HashMap<String, String>, example = json!({"release": "1.2"}))]
    meta_data: Entries,
    /// Always null.
    pull_request: Option<String>,
    /// Always null.
    merge_queue: Option<String>,
    rebuilt_from: Option<RebuiltFromJson>,
    pipeline: PipelineJson,
}

fn states() -> Object {
    words(STATES.map(|(_, word)| word))
}

/// Who a build is attributed to.
#[derive(Serialize, ToSchema)]
#[schema(as = BuildAuthor)]
struct AuthorJson {
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
}

/// The build that another is a copy of.
#[derive(Serialize, ToSchema)]
#[schema(as = BuildOrigin)]
struct RebuiltFromJson {
    #[schema(format = "uuid")]
    id: String,
    number: u32,
    #[schema(example = "https://portals.example/v2/organizations/my-organization/pipelines/my-pipeline/builds/1")]
    url: String,
}

/// Names and values, written as an object in their order.
struct Entries(Vec<Entry>);

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for Entry { name, value } in &self.0 {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

impl BuildJson {
    pub(super) fn of(build: Build, pipeline: PipelineJson) -> Result<Self, Error> {
        let state = build.state();
        let word = STATES.iter().find(|(known, _)| *known == state).map(|(_, word)| *word);
        let url = |number: u32| format!("{}/{number}", pipeline.builds_url);
        let rebuilt_from = build.rebuilt_from.map(|origin| RebuiltFromJson {
            url: url(origin.number),
            id: origin.uuid,
            number: origin.number,
        });
        Ok(Self {
            graphql_id: graphql_id("Build", &build.uuid),
            id: build.uuid,
            url: url(build.number),
            web_url: build.web_url,
            number: build.number,
            state: word.ok_or_else(|| missing("the build's state"))?,
            cancel_reason: build.cancel_reason,
            blocked: state == BuildState::Blocked,
            message: build.message,
            commit: build.commit,
            branch: build.branch,
            env: Entries(build.env),
            source: "api",
            creator: build.created_by.as_ref().and_then(UserJson::remembered),
            author: build.created_by.map(|Person { uuid: _, name, email }| AuthorJson { name, email }),
            jobs: [],
            created_at: rfc3339(build.created_at)?,
            scheduled_at: rfc3339_or_null(build.scheduled_at)?,
            started_at: rfc3339_or_null(build.started_at)?,
            failing_at: None,
            finished_at: rfc3339_or_null(build.finished_at)?,
            meta_data: Entries(build.meta_data),
            pull_request: None,
            merge_queue: None,
            rebuilt_from,
            pipeline,
        })
    }
}
