//! `TeamMember`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::{Context, Enum, ID, Object};
use uuid::Uuid;

use super::{
    connection::{TeamMemberConnection, section},
    member::OrganizationMember,
    organization::{self, Organization},
    scalar::DateTime,
    server,
    team::{Team, TeamMemberRole},
    user::User,
    viewer,
};
use crate::{
    domain::{
        self,
        cursor::Ordered,
        filter::ListOrder,
        member::{Member, Members},
        paging::{Arguments, Page},
        relay::{self, Kind},
        team::{MOST_MEMBERS, MemberRole, Membership},
    },
    error::Error,
};

/// An member of a team
#[derive(Clone, Debug)]
pub(crate) struct TeamMember {
    row: Arc<Membership>,
    team: Team,
    /// `None`: they have left the organization.
    member: Option<Member>,
}

/// The different orders you can sort team members by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum TeamMemberOrder {
    /// Order by name alphabetically
    Name,
    /// Order by the most recently added members first
    RecentlyCreated,
}

/// Which members of a team, in which order.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) roles: Option<Vec<MemberRole>>,
    pub(crate) search: Option<String>,
    pub(crate) order: ListOrder,
}

impl From<TeamMemberOrder> for ListOrder {
    fn from(order: TeamMemberOrder) -> Self {
        match order {
            TeamMemberOrder::Name => Self::Name,
            TeamMemberOrder::RecentlyCreated => Self::RecentlyCreated,
        }
    }
}

impl TeamMember {
    pub(crate) fn new(row: Membership, team: Team, member: Option<Member>) -> Self {
        Self { row: Arc::new(row), team, member }
    }

    /// Where the member stands in a list of that order.
    pub(crate) fn place(&self, order: ListOrder) -> Ordered {
        Ordered::of(order, self.member.as_ref().map_or("", |member| &member.user.name), self.row.uuid)
    }
}

#[Object(serial)]
impl TeamMember {
    /// The time when the team member was added
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// The user that added this team member
    async fn created_by(&self) -> Option<User> {
        User::of(self.row.created_by.as_ref())
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::TeamMember, self.row.uuid).into()
    }

    /// The organization member associated with this team member
    async fn organization_member(&self, ctx: &Context<'_>) -> Option<OrganizationMember> {
        let organization = viewer(ctx).organization(self.row.organization).cloned().map(Organization)?;
        Some(OrganizationMember::new(self.member.clone()?, organization))
    }

    /// The users role within the team
    async fn role(&self) -> TeamMemberRole {
        self.row.role.into()
    }

    /// The team associated with this team member
    async fn team(&self) -> Option<Team> {
        Some(self.team.clone())
    }

    /// The user associated with this team member
    async fn user(&self) -> Option<User> {
        self.member.clone().map(|member| member.user.into())
    }

    /// The public UUID for this team member
    async fn uuid(&self) -> ID {
        self.row.uuid.to_string().into()
    }
}

/// A part of a team's members. Those who have left the organization aren't among them.
pub(crate) async fn of_team(
    ctx: &Context<'_>,
    team: &Team,
    filter: &Filter,
    arguments: Arguments,
) -> Result<TeamMemberConnection, Error> {
    let page = Page::<Ordered>::parse(arguments)?;
    organization::check_search(filter.search.as_deref())?;
    let found = team.siblings.ask("members".to_owned(), of_siblings(ctx, team)).await?;
    let search = filter.search.as_ref().map(|search| search.to_lowercase());
    let wanted = |member: &&TeamMember| {
        let named = |member: &Member, search: &String| member.user.name.to_lowercase().contains(search);
        filter.roles.as_ref().is_none_or(|roles| roles.contains(&member.row.role))
            && search.as_ref().is_none_or(|search| member.member.as_ref().is_some_and(|member| named(member, search)))
    };
    let of_this = found.get(&team.row.uuid).into_iter().flatten().filter(wanted).cloned();
    let members: Vec<_> = of_this.map(|member| (member.place(filter.order), member)).collect();
    let count = members.len() as u64;
    Ok(TeamMemberConnection::new(count, section(members, &page)?))
}

/// The members of a team and those of the teams of its list.
async fn of_siblings(ctx: &Context<'_>, team: &Team) -> Result<HashMap<Uuid, Vec<TeamMember>>, Error> {
    let teams: HashMap<_, _> = team.siblings.all().iter().map(|row| (row.uuid, Arc::clone(row))).collect();
    let uuids: Vec<_> = teams.keys().copied().collect();
    let rows = server(ctx).store.members_of_teams(&uuids).await?;
    // Teams of one list are of one organization, or the list has but one.
    let users: HashSet<_> = rows.values().flatten().map(|row| row.user).collect();
    let members = find(ctx, team.row.organization, users.into_iter().collect()).await?;
    let of_team = |(uuid, rows): (Uuid, Vec<Membership>)| {
        let team = Team { row: Arc::clone(teams.get(&uuid)?), siblings: team.siblings.clone() };
        let member = |row: Membership| Some((members.get(&row.user)?.clone(), row));
        let members = rows.into_iter().filter_map(member);
        Some((uuid, members.map(|(member, row)| TeamMember::new(row, team.clone(), Some(member))).collect()))
    };
    Ok(rows.into_iter().filter_map(of_team).collect())
}

/// Those of the users who belong to the organization.
pub(crate) async fn find(
    ctx: &Context<'_>,
    organization: Uuid,
    users: Vec<Uuid>,
) -> Result<HashMap<Uuid, domain::member::Member>, Error> {
    let mut found = HashMap::new();
    for some in users.chunks(usize::try_from(MOST_MEMBERS).unwrap_or(usize::MAX)) {
        let question = Members { organization, users: Some(some.to_vec()), limit: MOST_MEMBERS, ..Members::default() };
        let members = server(ctx).directory.members(question).await?.members;
        found.extend(members.into_iter().map(|member| (member.user.uuid, member)));
    }
    Ok(found)
}
