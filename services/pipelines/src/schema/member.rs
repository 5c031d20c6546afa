//! `OrganizationMember`.

use async_graphql::{Context, Enum, ID, Object};

use super::{
    connection::{OrganizationMemberConnection, wants_count, wants_rows},
    organization::Organization,
    scalar::DateTime,
    server,
    user::User,
};
use crate::{
    domain::{
        self,
        cursor::MemberPlace,
        member::{Found, MemberOrder, Members, Place, Role},
        paging::{Arguments, Page},
        relay::{self, Kind},
    },
    error::Error,
};

/// A member of an organization
#[derive(Clone, Debug)]
pub(crate) struct OrganizationMember {
    member: domain::member::Member,
    organization: Organization,
}

/// The roles a user can be within an organization
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Role")]
pub(crate) enum OrganizationMemberRole {
    /// Has full access to the entire organization
    Admin,
    /// The user is a regular member of the organization
    Member,
}

/// The different orders you can sort members by
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrganizationMemberOrder {
    /// Order by name alphabetically
    Name,
    /// Order by the most recently created members first
    RecentlyCreated,
}

impl OrganizationMember {
    pub(crate) fn new(member: domain::member::Member, organization: Organization) -> Self {
        Self { member, organization }
    }

    fn id_of(&self) -> uuid::Uuid {
        domain::member::id(self.organization.0.uuid, self.member.user.uuid)
    }
}

#[Object(serial)]
impl OrganizationMember {
    /// The time when this user was added to the organization
    async fn created_at(&self) -> DateTime {
        DateTime(self.member.since)
    }

    /// ID of the object.
    pub(crate) async fn id(&self) -> ID {
        relay::encode(Kind::OrganizationMember, self.id_of()).into()
    }

    async fn organization(&self) -> Organization {
        self.organization.clone()
    }

    /// The users role within the organization
    async fn role(&self) -> OrganizationMemberRole {
        self.member.role.into()
    }

    async fn user(&self) -> User {
        self.member.user.clone().into()
    }

    /// The public UUID for this organization member
    async fn uuid(&self) -> String {
        self.id_of().to_string()
    }
}

/// A part of an organization's members. `question` says which, but for the page.
pub(crate) async fn list(
    ctx: &Context<'_>,
    organization: &Organization,
    question: Members,
    arguments: Arguments,
) -> Result<OrganizationMemberConnection, Error> {
    let page = Page::<MemberPlace>::parse(arguments)?;
    let order = question.order;
    let fits = |place: &Option<MemberPlace>| place.as_ref().is_none_or(|place| place.order() == order);
    if !fits(&page.after) || !fits(&page.before) {
        return Err(Error::Paging("the cursor belongs to another order of this list".to_owned()));
    }
    let question = Members {
        organization: organization.0.uuid,
        after: page.after.clone().map(|place| place.0),
        before: page.before.clone().map(|place| place.0),
        backwards: page.backwards(),
        limit: if wants_rows(ctx) { page.limit() } else { 0 },
        count: wants_count(ctx),
        ..question
    };
    let nowhere = [&question.search, &question.email].into_iter().flatten().any(|text| text.contains('\0'));
    let Found { members, count } = if nowhere || question.limit == 0 && !question.count {
        Found::default()
    } else {
        server(ctx).directory.members(question).await?
    };
    let placed = |member: domain::member::Member| {
        let user = &member.user;
        let place = match order {
            MemberOrder::Name => Place::Named(user.name.clone(), user.uuid),
            MemberOrder::RecentlyJoined => Place::Joined(member.since, user.uuid),
        };
        (MemberPlace(place), OrganizationMember::new(member, organization.clone()))
    };
    let window = page.window(members.into_iter().map(placed).collect());
    Ok(OrganizationMemberConnection::new(count, window))
}

impl From<OrganizationMemberOrder> for MemberOrder {
    fn from(order: OrganizationMemberOrder) -> Self {
        match order {
            OrganizationMemberOrder::Name => Self::Name,
            OrganizationMemberOrder::RecentlyCreated => Self::RecentlyJoined,
        }
    }
}
