//! `Organization`.

use async_graphql::{Context, Enum, ID, Object};

use super::{
    Nullable, authority,
    connection::{OrganizationMemberConnection, PipelineConnection, TeamConnection, wants_count, wants_rows},
    inputs::PipelineRepositoryInput,
    member::{self, OrganizationMemberOrder, OrganizationMemberRole},
    pipeline::Pipeline,
    scalar::DateTime,
    selector::{PipelineSelector, TeamSelector, UserSelector},
    server,
    team::{self, TeamOrder, TeamPrivacy},
};
use crate::{
    domain::{
        self,
        filter::{ListOrder, Period, Pipelines, Selector, Teams},
        member::Members,
        paging::{Arguments, Page, Window},
        relay::{self, Kind},
    },
    error::Error,
};

/// The longest text to search for, in bytes; engines bound the patterns that they match.
const LONGEST_SEARCH: usize = 255;

/// An organization
#[derive(Clone, Debug)]
pub(crate) struct Organization(pub(crate) domain::viewer::Organization);

/// The different orders you can sort pipelines by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum PipelineOrders {
    /// Order by name alphabetically
    Name,
    /// Order by most recently created pipelines first
    RecentlyCreated,
}

#[Object(serial)]
impl Organization {
    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::Organization, self.0.uuid).into()
    }

    /// Whether teams is enabled for this organization
    async fn is_teams_enabled(&self) -> Option<bool> {
        Some(true)
    }

    /// Returns users within the organization
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        #[graphql(desc = "Search members by their email address")] email: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(
            desc = "Order the members returned",
            default_with = "Some(OrganizationMemberOrder::RecentlyCreated)"
        )]
        order: Option<OrganizationMemberOrder>,
        #[graphql(desc = "Search members by their role")] role: Option<Vec<OrganizationMemberRole>>,
        #[graphql(desc = "Search members named like the given query case insensitively")] search: Option<String>,
        #[graphql(desc = "Filter members by the team that they are in")] team: Option<TeamSelector>,
    ) -> Nullable<OrganizationMemberConnection> {
        let roles = role.filter(|roles| !roles.is_empty()).map(|roles| roles.into_iter().map(Into::into).collect());
        let order = order.map(Into::into).unwrap_or_default();
        let question = Members { roles, search, email, order, ..Members::default() };
        Some(self.list_members(ctx, question, team, Arguments { first, last, after, before }).await)
    }

    /// The name of the organization
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Return all the pipelines the current user has access to for this organization
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn pipelines(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        #[graphql(desc = "Filter pipelines based on whether or not they've been archived.")] archived: Option<bool>,
        before: Option<String>,
        created_at_from: Option<DateTime>,
        created_at_to: Option<DateTime>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the pipelines", default_with = "Some(PipelineOrders::RecentlyCreated)")] order: Option<
            PipelineOrders,
        >,
        repository: Option<PipelineRepositoryInput>,
        #[graphql(desc = "Search pipelines named like the given query case insensitively")] search: Option<String>,
        #[graphql(desc = "Filter pipelines by the team that they are in")] team: Option<TeamSelector>,
    ) -> Nullable<PipelineConnection> {
        let team = match team {
            Some(team) => Some(team.find(ctx, self.0.uuid).await),
            None => None,
        };
        let team = match team.transpose() {
            Ok(team) => team,
            Err(error) => return Some(Err(error)),
        };
        let filter = Pipelines {
            team,
            archived,
            search,
            repository_url: repository.map(|repository| repository.url),
            repository_like: None,
            created: Period { from: created_at_from.map(|at| at.0), to: created_at_to.map(|at| at.0) },
            order: match order {
                Some(PipelineOrders::Name) => ListOrder::Name,
                Some(PipelineOrders::RecentlyCreated) | None => ListOrder::RecentlyCreated,
            },
        };
        Some(self.list(ctx, &filter, Arguments { first, last, after, before }).await)
    }

    /// Whether this organization is visible to everyone, including people outside it
    async fn public(&self) -> bool {
        false
    }

    /// The slug used to represent the organization in URLs
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Returns teams within the organization that the viewer can see
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn teams(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the teams returned", default_with = "Some(TeamOrder::Name)")] order: Option<TeamOrder>,
        #[graphql(desc = "Filter teams by the pipeline that they have")] pipeline: Option<PipelineSelector>,
        #[graphql(desc = "Filter the teams that have one of these privacy settings")] privacy: Option<Vec<TeamPrivacy>>,
        #[graphql(desc = "Search teams named like the given query case insensitively")] search: Option<String>,
        #[graphql(desc = "Filter teams by the user that is in them")] user: Option<UserSelector>,
    ) -> Nullable<TeamConnection> {
        let filter = Filter { order, pipeline, privacy, search, user };
        Some(self.list_teams(ctx, filter, Arguments { first, last, after, before }).await)
    }

    /// The public UUID for this organization
    async fn uuid(&self) -> String {
        self.0.uuid.to_string()
    }
}

/// Which teams, as sent.
struct Filter {
    order: Option<TeamOrder>,
    pipeline: Option<PipelineSelector>,
    privacy: Option<Vec<TeamPrivacy>>,
    search: Option<String>,
    user: Option<UserSelector>,
}

impl Organization {
    async fn list_teams(&self, ctx: &Context<'_>, filter: Filter, page: Arguments) -> Result<TeamConnection, Error> {
        let Filter { order, pipeline, privacy, search, user } = filter;
        let pipeline = match pipeline {
            Some(pipeline) => Some(pipeline.find(ctx, self.0.uuid).await?),
            None => None,
        };
        let privacy = privacy.filter(|list| !list.is_empty());
        let filter = Teams {
            search,
            privacy: privacy.map(|list| list.into_iter().map(Into::into).collect()),
            user: user.map(UserSelector::find),
            pipeline,
            sight: authority::sight(ctx, self.0.uuid).await?,
            order: order.unwrap_or(TeamOrder::Name).into(),
        };
        team::list(ctx, self, &filter, page).await
    }

    async fn list_members(
        &self,
        ctx: &Context<'_>,
        question: Members,
        team: Option<TeamSelector>,
        page: Arguments,
    ) -> Result<OrganizationMemberConnection, Error> {
        check_search(question.search.as_deref())?;
        check_search(question.email.as_deref())?;
        let Some(team) = team else { return member::list(ctx, self, question, page).await };
        let Selector { value, negated } = team.find(ctx, self.0.uuid).await?;
        let rows = server(ctx).store.members_of_teams(&[value]).await?;
        let users: Vec<_> = rows.into_values().flatten().map(|row| row.user).collect();
        let question =
            if negated { Members { except: users, ..question } } else { Members { users: Some(users), ..question } };
        member::list(ctx, self, question, page).await
    }

    async fn list(&self, ctx: &Context<'_>, filter: &Pipelines, page: Arguments) -> Result<PipelineConnection, Error> {
        let page = Page::parse(page)?;
        check_search(filter.search.as_deref())?;
        let store = &server(ctx).store;
        let nowhere = [&filter.search, &filter.repository_url].into_iter().flatten().any(|text| text.contains('\0'));
        let window = if wants_rows(ctx) && !nowhere {
            store.pipelines(self.0.uuid, filter, &page).await?
        } else {
            page.window(Vec::new())
        };
        let count = if wants_count(ctx) && !nowhere { store.count_pipelines(self.0.uuid, filter).await? } else { 0 };
        let Window { items, has_next, has_previous } = window;
        let items = Pipeline::list(items).into_iter().map(|one| (one.place(filter.order), one)).collect();
        Ok(PipelineConnection::new(count, Window { items, has_next, has_previous }))
    }
}

/// Refuses a text to search for that is too long.
pub(crate) fn check_search(text: Option<&str>) -> Result<(), Error> {
    if text.is_some_and(|text| text.len() > LONGEST_SEARCH) {
        return Err(Error::invalid(format!("Search is too long (at most {LONGEST_SEARCH} bytes)")));
    }
    Ok(())
}
