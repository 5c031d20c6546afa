//! `Build` and what hangs on it.

mod list;

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Interface, Object, SimpleObject};

use super::{
    Nullable,
    connection::{BuildMetaDataConnection, part},
    organization::Organization,
    pipeline::Pipeline,
    scalar::DateTime,
    scope,
    serial::Serial,
    server,
    user::{BuildCreator, User},
};
use crate::{
    domain::{
        self,
        build::{MetaDatum, State},
        relay::{self, Kind},
    },
    error::Error,
};

pub(crate) use list::{Filter, made_by, of_pipeline};

/// A build from a pipeline
#[derive(Clone, Debug)]
pub(crate) struct Build {
    row: Arc<domain::build::Build>,
    pipeline: Pipeline,
    /// The build that this one was rebuilt from, when it has been looked up with others.
    origin: Option<Arc<Build>>,
}

/// All the possible states a build can be in
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "State")]
pub(crate) enum BuildStates {
    /// The build is blocked
    Blocked,
    /// The build was canceled
    Canceled,
    /// The build is currently being canceled
    Canceling,
    /// The build is being created
    Creating,
    /// The build failed
    Failed,
    /// The build is failing
    Failing,
    /// The build wasn't run
    NotRun,
    /// The build passed
    Passed,
    /// The build is currently running jobs
    Running,
    /// The build has yet to start running jobs
    Scheduled,
    /// The build was skipped
    Skipped,
}

/// Where a build came from
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "name", ty = "&String"))]
pub(crate) enum BuildSource {
    Api(BuildSourceApi),
}

/// A build was triggered via an API
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "BuildSourceAPI", serial)]
pub(crate) struct BuildSourceApi {
    name: String,
}

/// Meta-data of a build
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct BuildMetaData {
    /// The key used to set this meta data
    key: String,
    /// The value set to this meta data
    value: String,
}

impl Build {
    pub(crate) fn new((row, pipeline): (domain::build::Build, domain::pipeline::Pipeline)) -> Self {
        Self::on(row, Pipeline::new(pipeline))
    }

    pub(crate) fn on(row: domain::build::Build, pipeline: Pipeline) -> Self {
        Self { row: Arc::new(row), pipeline, origin: None }
    }
}

#[Object(serial)]
impl Build {
    /// The branch for the build
    async fn branch(&self) -> &str {
        &self.row.content.branch
    }

    async fn cancel_reason(&self) -> Option<&str> {
        self.row.cancel_reason.as_deref()
    }

    /// The time when the build was cancelled
    async fn canceled_at(&self) -> Option<DateTime> {
        self.row.canceled_at.map(DateTime)
    }

    /// The user who canceled this build. If the build was canceled, and this value is null, then it was canceled automatically
    async fn canceled_by(&self) -> Option<User> {
        User::of(self.row.canceled_by.as_ref())
    }

    /// The fully-qualified commit for the build
    async fn commit(&self) -> &str {
        &self.row.content.commit
    }

    /// The time when the build was created
    async fn created_at(&self) -> Option<DateTime> {
        Some(DateTime(self.row.created_at))
    }

    async fn created_by(&self) -> Option<Serial<BuildCreator>> {
        self.row.created_by.as_ref().map(BuildCreator::of).map(Serial)
    }

    /// Custom environment variables passed to this build
    async fn env(&self) -> Option<&Vec<String>> {
        Some(&self.row.content.env)
    }

    /// The time when the build finished
    async fn finished_at(&self) -> Option<DateTime> {
        self.row.finished_at.map(DateTime)
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::Build, self.row.uuid).into()
    }

    /// The message for the build
    async fn message(&self) -> Option<&str> {
        self.row.content.message.as_deref()
    }

    async fn meta_data(&self, first: Option<i32>, last: Option<i32>) -> Nullable<BuildMetaDataConnection> {
        let list = &self.row.content.meta_data;
        let node = |MetaDatum { key, value }: &MetaDatum| BuildMetaData { key: key.clone(), value: value.clone() };
        let window = part(list.iter().map(node).collect(), first, last);
        Some(window.map(|window| BuildMetaDataConnection::new(list.len() as u64, window)))
    }

    /// The number of the build
    async fn number(&self) -> i32 {
        self.row.number
    }

    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization, Error> {
        self.pipeline.organization(ctx)
    }

    async fn pipeline(&self) -> Pipeline {
        self.pipeline.clone()
    }

    /// The build that this build was rebuilt from
    async fn rebuilt_from(&self, ctx: &Context<'_>) -> Nullable<Arc<Build>> {
        if let Some(origin) = &self.origin {
            return Some(Ok(Arc::clone(origin)));
        }
        let found = server(ctx).store.build(&scope(ctx), self.row.rebuilt_from?).await.transpose()?;
        Some(found.map(Self::new).map(Arc::new))
    }

    /// The time when the build became scheduled for running
    async fn scheduled_at(&self) -> Option<DateTime> {
        self.row.scheduled_at.map(DateTime)
    }

    /// Where the build was created
    async fn source(&self) -> Serial<BuildSource> {
        Serial(BuildSource::Api(BuildSourceApi { name: "API".to_owned() }))
    }

    /// The time when the build started running
    async fn started_at(&self) -> Option<DateTime> {
        self.row.started_at.map(DateTime)
    }

    /// The current state of the build
    async fn state(&self) -> BuildStates {
        self.row.state.into()
    }

    /// The URL for the build
    async fn url(&self, ctx: &Context<'_>) -> Result<String, Error> {
        Ok(format!("{}/builds/{}", self.pipeline.url(ctx)?, self.row.number))
    }

    /// The UUID for the build
    async fn uuid(&self) -> String {
        self.row.uuid.to_string()
    }
}
