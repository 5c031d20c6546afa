//! Rows of users.

use kit::{ambient::Instant, error::Violation};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, TryInsertResult, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, api_settings, api_tokens, commit,
    entity::{
        session,
        user::{ActiveModel, Column, Entity},
    },
    memberships::{self, MemberKey},
    revocations, user_tokens,
};
use crate::{
    Error,
    domain::{
        api_token::NewApiToken,
        email::Email,
        page::Page,
        token::PortalKind,
        trail::{Trail, Why, trails},
        user::{Role, User},
    },
};

/// What is answered about an address that nobody has.
pub(crate) const NO_USER: &str = "No user found";

/// An administrator to be stored, with an API access token.
#[derive(Clone, Debug)]
pub(crate) struct Administrator {
    pub(crate) user: User,
    pub(crate) password_hash: String,
    pub(crate) organization: Uuid,
    pub(crate) token: NewApiToken,
}

impl Store {
    /// Whether there is any user.
    pub(crate) async fn has_users(&self) -> Result<bool, DbErr> {
        has_users(self.database.read()).await
    }

    /// Stores the first user; does nothing if there is one.
    pub(crate) async fn create_first_user(&self, first: Administrator, trail: &Trail) -> Result<(), Error> {
        let Administrator { user, password_hash, organization, token } = first;
        let transaction = self.database.begin().await?;
        if has_users(&transaction).await? {
            return Ok(());
        }
        insert(&transaction, &user, password_hash).await?;
        let key = MemberKey { organization, user: user.uuid };
        memberships::insert(&transaction, key, Role::Admin, user.created_at).await?;
        let reach = token.reach();
        let token = api_tokens::insert(&transaction, token, &user, &[organization]).await?;
        let events = [
            trail.user_created(&user),
            trail.member_created(organization, &user, Role::Admin),
            trail.api_token_created(organization, &token, reach),
        ];
        self.record(&transaction, events).await?;
        commit(transaction).await
    }

    /// A page of all users, by e-mail address, and how many there are.
    pub(crate) async fn list_users(&self, page: Page) -> Result<(Vec<User>, u64), DbErr> {
        let total = Entity::find().count(self.database.read()).await?;
        let rows = Entity::find()
            .order_by_asc(Column::Email)
            .offset(page.offset())
            .limit(page.limit())
            .all(self.database.read())
            .await?;
        Ok((rows.into_iter().map(User::from).collect(), total))
    }

    /// Stores a user unless somebody has the address.
    pub(crate) async fn create_user(&self, user: &User, password_hash: String, trail: &Trail) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        if !insert(&transaction, user, password_hash).await? {
            return Err(Error::Validation(vec![Violation::new("email", "is somebody's already")]));
        }
        self.record(&transaction, [trail.user_created(user)]).await?;
        commit(transaction).await
    }

    /// Changes the password of the user of that address, and ends their sessions.
    pub(crate) async fn set_password(&self, email: &Email, password_hash: String, trail: &Trail) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let user = locked(&transaction, email).await?;
        Entity::update_many()
            .col_expr(Column::PasswordHash, Expr::value(password_hash))
            .filter(Column::Uuid.eq(user.uuid))
            .exec(&transaction)
            .await?;
        let sessions = session::Entity::delete_many().filter(session::Column::UserUuid.eq(user.uuid));
        let ended = sessions.exec(&transaction).await?.rows_affected;
        self.record(&transaction, [trail.password_changed(&user, ended)]).await?;
        commit(transaction).await
    }

    /// Removes the user of that address with all that is theirs, the place of a last administrator too. Answers the event's
    /// place.
    pub(crate) async fn delete_user(&self, email: &Email, at: Instant, trail: &Trail) -> Result<u64, Error> {
        let transaction = self.database.begin().await?;
        let user = locked(&transaction, email).await?;
        let mut events = Vec::new();
        for place in memberships::of_user(&transaction, user.uuid).await? {
            api_settings::lock(&transaction, place.organization).await?;
        }
        // Read again: until the locks came a place may have ended or got another role. None can come, the user is locked.
        for place in memberships::of_user(&transaction, user.uuid).await? {
            events.push(trail.member_deleted(place.organization, &user, place.role));
        }
        for (token, organizations) in api_tokens::of_user(&transaction, &user).await? {
            let deleted = |of: &Uuid| trail.api_token_deleted(*of, &token, Why::UserLeft);
            events.extend(trails(&organizations).iter().map(deleted));
        }
        // Memberships, API access tokens and sessions go with the row.
        Entity::delete_by_id(user.uuid).exec(&transaction).await?;
        let tokens = user_tokens::end_of_user(&transaction, user.uuid, None, at).await?;
        self.record_ends(&transaction, &tokens, trail).await?;
        events.push(trail.user_deleted(&user));
        self.record(&transaction, events).await?;
        let sequence = revocations::announce(&transaction, user.uuid, &[PortalKind::User], at).await?;
        commit(transaction).await?;
        Ok(sequence)
    }
}

async fn has_users(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().one(connection).await?.is_some())
}

/// Stores a user; says whether the address was free.
async fn insert(transaction: &DatabaseTransaction, user: &User, password_hash: String) -> Result<bool, DbErr> {
    let User { uuid, name, email, created_at } = user.clone();
    let row = ActiveModel {
        uuid: Set(uuid),
        name: Set(name),
        email: Set(email),
        password_hash: Set(password_hash),
        created_at: Set(created_at),
    };
    let insert = Entity::insert(row).on_conflict_do_nothing_on([Column::Email]);
    let done = insert.exec_without_returning(transaction).await?;
    Ok(matches!(done, TryInsertResult::Inserted(1..)))
}

/// The user of that address, whom nobody can remove before `transaction` ends.
pub(super) async fn locked(transaction: &DatabaseTransaction, email: &Email) -> Result<User, Error> {
    let found = Entity::find().filter(Column::Email.eq(email.as_str())).lock_exclusive().one(transaction).await?;
    found.map(User::from).ok_or(Error::NotFound(NO_USER))
}

/// The same, made as `new` says where there is none; and whether they were made.
pub(super) async fn find_or_insert(
    transaction: &DatabaseTransaction,
    email: &Email,
    new: Result<(User, String), Violation>,
) -> Result<(User, bool), Error> {
    if let Ok((user, password_hash)) = &new
        && insert(transaction, user, password_hash.clone()).await?
    {
        return Ok((user.clone(), true));
    }
    match (locked(transaction, email).await, new) {
        (Err(Error::NotFound(_)), Err(wrong)) => Err(Error::Validation(vec![wrong])),
        (found, _) => Ok((found?, false)),
    }
}
