//! `Team`.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};

use super::{
    Nullable,
    connection::{TeamConnection, TeamMemberConnection, TeamPipelineConnection, wants_count, wants_rows},
    organization::{self, Organization},
    scalar::DateTime,
    server,
    siblings::Siblings,
    team_member::{self, TeamMemberOrder},
    team_pipeline::{self, TeamPipelineOrder},
    user::User,
    viewer,
};
use crate::{
    domain::{
        self,
        cursor::Ordered,
        filter::{Assignments, ListOrder, Teams},
        paging::{Arguments, Page, Window},
        relay::{self, Kind},
        team::{MemberRole, Privacy},
    },
    error::Error,
};

/// An organization team
#[derive(Clone, Debug)]
pub(crate) struct Team {
    pub(crate) row: Arc<domain::team::Team>,
    /// Those of the list that it came with.
    pub(crate) siblings: Siblings<domain::team::Team>,
}

/// Whether a team is visible or secret within an organization
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Privacy")]
pub(crate) enum TeamPrivacy {
    /// Visible to organization administrators and members
    Secret,
    /// Visible to all members of the organization
    Visible,
}

/// The roles a user can be within a team
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "MemberRole")]
pub(crate) enum TeamMemberRole {
    /// The user can manage pipelines and users within the team
    Maintainer,
    /// The user is a regular member of the team
    Member,
}

/// The different orders you can sort teams by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TeamOrder {
    /// Order by name alphabetically
    Name,
    /// Order by the most recently created teams first
    RecentlyCreated,
}

impl From<TeamOrder> for ListOrder {
    fn from(order: TeamOrder) -> Self {
        match order {
            TeamOrder::Name => Self::Name,
            TeamOrder::RecentlyCreated => Self::RecentlyCreated,
        }
    }
}

impl Team {
    /// One team.
    pub(crate) fn new(row: domain::team::Team) -> Self {
        let row = Arc::new(row);
        Self { siblings: Siblings::new(vec![Arc::clone(&row)]), row }
    }

    /// The teams of a list.
    pub(crate) fn list(rows: Vec<domain::team::Team>) -> Vec<Self> {
        let rows: Vec<_> = rows.into_iter().map(Arc::new).collect();
        let siblings = Siblings::new(rows.clone());
        rows.into_iter().map(|row| Self { row, siblings: siblings.clone() }).collect()
    }

    /// Where the team stands in a list of that order.
    pub(crate) fn place(&self, order: ListOrder) -> Ordered {
        Ordered::of(order, &self.row.content.name, self.row.uuid)
    }
}

#[Object(serial)]
impl Team {
    /// The time when this team was created
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// The user that created this team
    async fn created_by(&self) -> Option<User> {
        User::of(self.row.created_by.as_ref())
    }

    /// New organization members will be granted this role on this team
    async fn default_member_role(&self) -> TeamMemberRole {
        self.row.content.default_member_role.into()
    }

    /// A description of the team
    async fn description(&self) -> Option<&str> {
        self.row.content.description.as_deref()
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::Team, self.row.uuid).into()
    }

    /// Add new organization members to this team by default
    async fn is_default_team(&self) -> bool {
        self.row.content.is_default
    }

    /// Users that are part of this team
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn members(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the members returned", default_with = "Some(TeamMemberOrder::RecentlyCreated)")] order: Option<
            TeamMemberOrder,
        >,
        #[graphql(desc = "Search team members by their role")] role: Option<Vec<TeamMemberRole>>,
        #[graphql(desc = "Search team members named like the given query case insensitively")] search: Option<String>,
    ) -> Nullable<TeamMemberConnection> {
        let roles = role.filter(|roles| !roles.is_empty());
        let roles = roles.map(|roles| roles.into_iter().map(MemberRole::from).collect());
        let filter = team_member::Filter { roles, search, order: order.map(Into::into).unwrap_or_default() };
        Some(team_member::of_team(ctx, self, &filter, Arguments { first, last, after, before }).await)
    }

    /// Whether or not team members can create new pipelines in this team
    async fn members_can_create_pipelines(&self) -> bool {
        self.row.content.members_can_create_pipelines
    }

    /// The name of the team
    async fn name(&self) -> &str {
        &self.row.content.name
    }

    /// The organization that this team is a part of
    async fn organization(&self, ctx: &Context<'_>) -> Option<Organization> {
        viewer(ctx).organization(self.row.organization).cloned().map(Organization)
    }

    /// Pipelines associated with this team
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn pipelines(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        #[graphql(desc = "Order the pipelines returned", default_with = "Some(TeamPipelineOrder::RecentlyCreated)")]
        order: Option<TeamPipelineOrder>,
        #[graphql(desc = "Search pipelines named like the given query case insensitively")] search: Option<String>,
    ) -> Nullable<TeamPipelineConnection> {
        let filter = Assignments { search, order: order.map(Into::into).unwrap_or_default() };
        Some(team_pipeline::of_team(ctx, self, &filter, Arguments { first, last, after, before }).await)
    }

    /// The privacy setting for this team
    async fn privacy(&self) -> TeamPrivacy {
        self.row.content.privacy.into()
    }

    /// The slug of the team
    async fn slug(&self) -> &str {
        &self.row.slug
    }

    /// The public UUID for this team
    async fn uuid(&self) -> ID {
        self.row.uuid.to_string().into()
    }
}

/// A part of an organization's teams.
pub(crate) async fn list(
    ctx: &Context<'_>,
    organization: &Organization,
    filter: &Teams,
    arguments: Arguments,
) -> Result<TeamConnection, Error> {
    let page = Page::parse(arguments)?;
    organization::check_search(filter.search.as_deref())?;
    let (store, organization) = (&server(ctx).store, organization.0.uuid);
    let nowhere = filter.search.as_ref().is_some_and(|text| text.contains('\0'));
    let window = if wants_rows(ctx) && !nowhere {
        store.teams(organization, filter, &page).await?
    } else {
        page.window(Vec::new())
    };
    let count = if wants_count(ctx) && !nowhere { store.count_teams(organization, filter).await? } else { 0 };
    let Window { items, has_next, has_previous } = window;
    let items = Team::list(items).into_iter().map(|team| (team.place(filter.order), team)).collect();
    Ok(TeamConnection::new(count, Window { items, has_next, has_previous }))
}
