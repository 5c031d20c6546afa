//! `Pipeline` and what hangs on it.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use uuid::Uuid;

use super::{
    Nullable,
    build::{self, BuildStates},
    connection::{BuildConnection, TeamPipelineConnection},
    organization::Organization,
    scalar::{DateTime, Yaml},
    server,
    siblings::Siblings,
    team_pipeline::{self, TeamPipelineOrder},
    user::User,
    viewer,
};
use crate::{
    domain::{
        self,
        cursor::Ordered,
        filter::{Assignments, Builds, ListOrder, MOST_VALUES, Period},
        paging::Arguments,
        pipeline::Visibility,
        relay::{self, Kind},
        text,
    },
    error::Error,
};

/// A pipeline
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) row: Arc<domain::pipeline::Pipeline>,
    /// Those of the list that it came with.
    pub(crate) siblings: Siblings<domain::pipeline::Pipeline>,
}

/// A repository associated with a pipeline
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct Repository {
    /// The git URL for this repository
    url: String,
}

/// Steps defined on a pipeline
#[derive(Clone, Debug, SimpleObject)]
#[graphql(serial)]
pub(crate) struct PipelineSteps {
    /// A YAML representation of the pipeline steps
    yaml: Option<Yaml>,
}

/// The visibility of the pipeline
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Visibility")]
pub(crate) enum PipelineVisibility {
    /// The pipeline is private
    Private,
    /// The pipeline is public
    Public,
}

impl Pipeline {
    /// One pipeline.
    pub(crate) fn new(row: domain::pipeline::Pipeline) -> Self {
        let row = Arc::new(row);
        Self { siblings: Siblings::new(vec![Arc::clone(&row)]), row }
    }

    /// The pipelines of a list.
    pub(crate) fn list(rows: Vec<domain::pipeline::Pipeline>) -> Vec<Self> {
        let rows: Vec<_> = rows.into_iter().map(Arc::new).collect();
        let siblings = Siblings::new(rows.clone());
        rows.into_iter().map(|row| Self { row, siblings: siblings.clone() }).collect()
    }

    /// The pipelines of a list in which one may stand several times.
    pub(crate) fn by_id(rows: impl Iterator<Item = domain::pipeline::Pipeline>) -> HashMap<Uuid, Self> {
        let rows: HashMap<_, _> = rows.map(|row| (row.uuid, row)).collect();
        Self::list(rows.into_values().collect()).into_iter().map(|one| (one.row.uuid, one)).collect()
    }

    /// Where a pipeline stands in a list of that order.
    pub(crate) fn place(&self, order: ListOrder) -> Ordered {
        Ordered::of(order, &self.row.content.name, self.row.uuid)
    }

    /// The address of the pipeline's page.
    pub(crate) fn url(&self, ctx: &Context<'_>) -> Result<String, Error> {
        let organization = viewer(ctx).organization(self.row.organization).ok_or(Error::NoOrganization)?;
        Ok(format!("{}/{}/{}", server(ctx).public_url, organization.slug, self.row.slug))
    }

    /// The organization that the pipeline is in.
    pub(crate) fn organization(&self, ctx: &Context<'_>) -> Result<Organization, Error> {
        viewer(ctx).organization(self.row.organization).cloned().map(Organization).ok_or(Error::NoOrganization)
    }
}

#[Object(serial)]
impl Pipeline {
    /// Whether existing builds can be rebuilt as new builds.
    async fn allow_rebuilds(&self) -> Option<bool> {
        Some(self.row.content.allow_rebuilds)
    }

    /// Whether this pipeline has been archived
    async fn archived(&self) -> bool {
        self.row.archived_at.is_some()
    }

    /// The time when the pipeline was archived
    async fn archived_at(&self) -> Option<DateTime> {
        self.row.archived_at.map(DateTime)
    }

    /// The user that archived this pipeline
    async fn archived_by(&self) -> Option<User> {
        User::of(self.row.archived_by.as_ref())
    }

    /// Determines which branches on this pipeline are built
    async fn branch_configuration(&self) -> Option<&str> {
        self.row.content.branch_configuration.as_deref()
    }

    /// Returns the builds for this pipeline, the newest first
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn builds(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        #[graphql(desc = "Use `%default` to search by the Pipelines default branch")] branch: Option<Vec<String>>,
        commit: Option<Vec<String>>,
        created_at_from: Option<DateTime>,
        created_at_to: Option<DateTime>,
        first: Option<i32>,
        last: Option<i32>,
        meta_data: Option<Vec<String>>,
        state: Option<Vec<BuildStates>>,
    ) -> Nullable<BuildConnection> {
        let created = Period { from: created_at_from.map(|at| at.0), to: created_at_to.map(|at| at.0) };
        let filter = build::Filter { branch, meta_data, state }.of_pipeline(commit, created);
        let page = Arguments { first, last, after, before };
        Some(match filter {
            Ok(filter) => build::of_pipeline(ctx, self, filter.as_ref(), page).await,
            Err(error) => Err(error),
        })
    }

    /// When a new build is created on a branch, whether running builds of it are cancelled
    async fn cancel_intermediate_builds(&self) -> bool {
        self.row.content.cancel_intermediate
    }

    /// Limit which branches build cancelling applies to
    async fn cancel_intermediate_builds_branch_filter(&self) -> Option<&str> {
        self.row.content.cancel_intermediate_filter.as_deref()
    }

    /// The color of the pipeline
    async fn color(&self) -> Option<&str> {
        self.row.content.color.as_deref()
    }

    /// The time when the pipeline was created
    async fn created_at(&self) -> Option<DateTime> {
        Some(DateTime(self.row.created_at))
    }

    /// The user who created the pipeline
    async fn created_by(&self) -> Option<User> {
        User::of(self.row.created_by.as_ref())
    }

    /// The default branch for this pipeline
    async fn default_branch(&self) -> Option<&str> {
        self.row.content.default_branch.as_deref()
    }

    /// The default timeout in minutes for all command steps in this pipeline
    async fn default_timeout_in_minutes(&self) -> Option<i32> {
        self.row.content.default_timeout_minutes
    }

    /// The short description of the pipeline
    async fn description(&self) -> Option<&str> {
        self.row.content.description.as_deref()
    }

    /// The emoji of the pipeline
    async fn emoji(&self) -> Option<&str> {
        self.row.content.emoji.as_deref()
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::Pipeline, self.row.uuid).into()
    }

    /// The maximum timeout in minutes for all command steps in this pipeline
    async fn maximum_timeout_in_minutes(&self) -> Option<i32> {
        self.row.content.maximum_timeout_minutes
    }

    /// The name of the pipeline
    async fn name(&self) -> &str {
        &self.row.content.name
    }

    /// The next build number in the sequence
    async fn next_build_number(&self) -> i32 {
        self.row.content.next_build_number
    }

    #[graphql(name = "organization")]
    async fn organization_field(&self, ctx: &Context<'_>) -> Result<Organization, Error> {
        self.organization(ctx)
    }

    /// The repository for this pipeline
    async fn repository(&self) -> Option<Repository> {
        Some(Repository { url: self.row.content.repository_url.clone() })
    }

    /// When a new build is created on a branch, whether builds of it that haven't started are skipped
    async fn skip_intermediate_builds(&self) -> bool {
        self.row.content.skip_intermediate
    }

    /// Limit which branches build skipping applies to
    async fn skip_intermediate_builds_branch_filter(&self) -> Option<&str> {
        self.row.content.skip_intermediate_filter.as_deref()
    }

    /// The slug of the pipeline
    async fn slug(&self) -> &str {
        &self.row.slug
    }

    async fn steps(&self) -> Option<PipelineSteps> {
        let yaml = self.row.content.steps.clone().map(Yaml);
        Some(PipelineSteps { yaml })
    }

    /// Teams associated with this pipeline
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn teams(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the teams returned", default_with = "Some(TeamPipelineOrder::RecentlyCreated)")] order: Option<
            TeamPipelineOrder,
        >,
        #[graphql(desc = "Search teams named like the given query case insensitively")] search: Option<String>,
    ) -> Nullable<TeamPipelineConnection> {
        let filter = Assignments { search, order: order.map(Into::into).unwrap_or_default() };
        Some(team_pipeline::of_pipeline(ctx, self, &filter, Arguments { first, last, after, before }).await)
    }

    /// The URL for the pipeline
    #[graphql(name = "url")]
    async fn url_field(&self, ctx: &Context<'_>) -> Result<String, Error> {
        self.url(ctx)
    }

    /// The UUID of the pipeline
    async fn uuid(&self) -> String {
        self.row.uuid.to_string()
    }

    /// Whether this pipeline is visible to everyone, including people outside this organization
    async fn visibility(&self) -> PipelineVisibility {
        self.row.content.visibility.into()
    }
}

impl build::Filter {
    fn of_pipeline(self, commit: Option<Vec<String>>, created: Period) -> Result<Option<Builds>, Error> {
        let commits = commit.map(|commits| text::at_most("Commit", commits, MOST_VALUES)).transpose()?;
        let builds = self.builds()?;
        Ok(builds.map(|builds| Builds { commits: domain::filter::texts(commits), created, ..builds }))
    }
}
