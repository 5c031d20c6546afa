//! Rows of memberships.

use kit::{ambient::Instant, error::Violation};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, Func},
};
use uuid::Uuid;

use super::{
    Store, api_settings, api_tokens, commit,
    entity::{
        membership::{ActiveModel, Column, Entity, Model},
        user,
    },
    revocations, user_tokens, users,
};
use crate::{
    Error,
    domain::{
        email::Email,
        page::Page,
        token::PortalKind,
        trail::{Trail, Why},
        user::{Member, Membership, Role, User, may_lose},
    },
};

/// What is answered about a user who doesn't belong to the organization, whether there is one or not.
pub(crate) const NO_MEMBER: &str = "No member found";

/// A user's place, by which a member is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemberKey {
    pub(crate) organization: Uuid,
    pub(crate) user: Uuid,
}

/// Somebody who becomes a member.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) organization: Uuid,
    pub(crate) email: Email,
    pub(crate) role: Role,
    /// Who they are if nobody has that address, or why nobody can be made.
    pub(crate) new: Result<(User, String), Violation>,
    pub(crate) at: Instant,
}

impl Store {
    /// A page of the organization's members, by name, and how many there are.
    pub(crate) async fn list_members(&self, organization: Uuid, page: Page) -> Result<(Vec<Member>, u64), DbErr> {
        let of = Entity::find().filter(Column::OrganizationUuid.eq(organization));
        let total = of.clone().count(self.database.read()).await?;
        let name = Func::lower(Expr::col((user::Entity, user::Column::Name)));
        let rows = of
            .find_both_related(user::Entity)
            .order_by_asc(Expr::expr(name))
            .order_by_asc(user::Column::Uuid)
            .offset(page.offset())
            .limit(page.limit())
            .all(self.database.read())
            .await?;
        Ok((rows.into_iter().map(member).collect::<Result<_, _>>()?, total))
    }

    /// The organization's member.
    pub(crate) async fn find_member(&self, key: MemberKey) -> Result<Option<Member>, DbErr> {
        find(self.database.read(), key).await
    }

    /// Adds a member, and the user where nobody has the address.
    pub(crate) async fn create_member(&self, joining: Joining, trail: &Trail) -> Result<(Member, u64), Error> {
        let Joining { organization, email, role, new, at } = joining;
        let transaction = self.database.begin().await?;
        let (user, made) = users::find_or_insert(&transaction, &email, new).await?;
        api_settings::lock(&transaction, organization).await?;
        let events = made.then(|| trail.user_created(&user));
        let key = MemberKey { organization, user: user.uuid };
        if find(&transaction, key).await?.is_some() {
            return Err(Error::Validation(vec![Violation::new("email", "is a member's already")]));
        }
        self.record(&transaction, events).await?;
        let sequence = self.join(&transaction, key, &user, Change { role, at, trail }).await?;
        commit(transaction).await?;
        Ok((Member { user, role }, sequence))
    }

    /// Gives a member another role. Answers the event's place too, if there was anything to change.
    pub(crate) async fn update_member(
        &self,
        key: MemberKey,
        role: Role,
        at: Instant,
        trail: &Trail,
    ) -> Result<(Member, Option<u64>), Error> {
        let transaction = self.database.begin().await?;
        let (member, others) = locked(&transaction, key).await?;
        if member.role == role {
            return Ok((member, None));
        }
        if !may_lose(member.role, others) {
            return Err(Error::LastAdministrator);
        }
        let sequence = self.change_role(&transaction, key, &member, Change { role, at, trail }).await?;
        commit(transaction).await?;
        Ok((Member { user: member.user, role }, Some(sequence)))
    }

    /// Ends a membership, and what acts for the user in the organization. Answers the event's place.
    pub(crate) async fn delete_member(&self, key: MemberKey, at: Instant, trail: &Trail) -> Result<u64, Error> {
        let transaction = self.database.begin().await?;
        let (member, others) = locked(&transaction, key).await?;
        if !may_lose(member.role, others) {
            return Err(Error::LastAdministrator);
        }
        Entity::delete_by_id((key.user, key.organization)).exec(&transaction).await?;
        let mut events = vec![trail.member_deleted(key.organization, &member.user, member.role)];
        for token in api_tokens::leave(&transaction, &member.user, key.organization).await? {
            events.push(trail.access_revoked(key.organization, &token, Why::UserLeft));
        }
        let tokens = user_tokens::end_of_user(&transaction, key.user, Some(key.organization), at).await?;
        self.record_ends(&transaction, &tokens, trail).await?;
        self.record(&transaction, events).await?;
        let sequence = revocations::announce(&transaction, key.user, &[PortalKind::User], at).await?;
        commit(transaction).await?;
        Ok(sequence)
    }

    /// Makes the user of that address a member or gives them the role, as the operator wants it: the last administrator too.
    /// Answers the event's place, if there was anything to change.
    pub(crate) async fn set_membership(
        &self,
        email: &Email,
        Membership { organization, role }: Membership,
        at: Instant,
        trail: &Trail,
    ) -> Result<Option<u64>, Error> {
        let transaction = self.database.begin().await?;
        let user = users::locked(&transaction, email).await?;
        api_settings::lock(&transaction, organization).await?;
        let key = MemberKey { organization, user: user.uuid };
        let sequence = match find(&transaction, key).await? {
            Some(member) if member.role == role => return Ok(None),
            Some(member) => self.change_role(&transaction, key, &member, Change { role, at, trail }).await?,
            None => self.join(&transaction, key, &user, Change { role, at, trail }).await?,
        };
        commit(transaction).await?;
        Ok(Some(sequence))
    }

    /// Makes `user` a member. What verifiers keep of them tells where they belong, so that it has to go.
    async fn join(
        &self,
        transaction: &DatabaseTransaction,
        key: MemberKey,
        user: &User,
        Change { role, at, trail }: Change<'_>,
    ) -> Result<u64, DbErr> {
        insert(transaction, key, role, at).await?;
        self.record(transaction, [trail.member_created(key.organization, user, role)]).await?;
        revocations::announce(transaction, key.user, &[PortalKind::User], at).await
    }

    /// Gives `member` another role. The same goes for verifiers.
    async fn change_role(
        &self,
        transaction: &DatabaseTransaction,
        key: MemberKey,
        member: &Member,
        Change { role, at, trail }: Change<'_>,
    ) -> Result<u64, DbErr> {
        Entity::update_many()
            .col_expr(Column::Role, Expr::value(role.word()))
            .filter(Column::UserUuid.eq(key.user))
            .filter(Column::OrganizationUuid.eq(key.organization))
            .exec(transaction)
            .await?;
        let event = trail.member_updated(key.organization, &member.user, [member.role, role]);
        self.record(transaction, [event]).await?;
        revocations::announce(transaction, key.user, &[PortalKind::User], at).await
    }
}

/// A role to be had from an instant on.
struct Change<'a> {
    role: Role,
    at: Instant,
    trail: &'a Trail,
}

/// Locks the organization and answers the member and how many other administrators there are.
async fn locked(transaction: &DatabaseTransaction, key: MemberKey) -> Result<(Member, u64), Error> {
    api_settings::lock(transaction, key.organization).await?;
    let member = find(transaction, key).await?.ok_or(Error::NotFound(NO_MEMBER))?;
    let others = Entity::find()
        .filter(Column::OrganizationUuid.eq(key.organization))
        .filter(Column::Role.eq(Role::Admin.word()))
        .filter(Column::UserUuid.ne(key.user))
        .count(transaction)
        .await?;
    Ok((member, others))
}

async fn find(connection: &impl ConnectionTrait, key: MemberKey) -> Result<Option<Member>, DbErr> {
    let found =
        Entity::find_by_id((key.user, key.organization)).find_both_related(user::Entity).one(connection).await?;
    found.map(member).transpose()
}

/// Stores a membership.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    key: MemberKey,
    role: Role,
    at: Instant,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        user_uuid: Set(key.user),
        organization_uuid: Set(key.organization),
        role: Set(role.word().to_owned()),
        created_at: Set(at),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

/// Where the user belongs, sorted.
pub(super) async fn of_user(connection: &impl ConnectionTrait, user: Uuid) -> Result<Vec<Membership>, DbErr> {
    read(of(user), connection).await
}

/// The same, so that no membership of theirs ends before `transaction` does.
pub(super) async fn kept_of_user(transaction: &DatabaseTransaction, user: Uuid) -> Result<Vec<Membership>, DbErr> {
    read(of(user).lock_shared(), transaction).await
}

fn of(user: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::UserUuid.eq(user)).order_by_asc(Column::OrganizationUuid)
}

async fn read(select: Select<Entity>, connection: &impl ConnectionTrait) -> Result<Vec<Membership>, DbErr> {
    select.all(connection).await?.into_iter().map(Membership::try_from).collect()
}

/// A member from their rows.
pub(super) fn member((row, user): (Model, user::Model)) -> Result<Member, DbErr> {
    let Membership { role, .. } = Membership::try_from(row)?;
    Ok(Member { user: user.into(), role })
}
