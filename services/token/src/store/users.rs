//! Rows of users and memberships.

use kit::audit::{self, Event};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait};
use uuid::Uuid;

use super::{
    Store,
    api_tokens::{self, Reach},
    entity::{membership, user},
};
use crate::domain::{
    scope::Scope,
    token::Imprint,
    user::{Role, User},
};

/// An administrator to be stored, with an API access token of every scope.
#[derive(Clone, Debug)]
pub(crate) struct Administrator {
    pub(crate) user: User,
    pub(crate) password_hash: String,
    pub(crate) organization: Uuid,
    pub(crate) token: Imprint,
}

impl Store {
    /// Whether there is any user.
    pub(crate) async fn has_users(&self) -> Result<bool, DbErr> {
        has_users(self.database.read()).await
    }

    /// Stores the first user; does nothing if there is one.
    pub(crate) async fn create_first_user(&self, first: Administrator, event: Event) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        if has_users(&transaction).await? {
            return Ok(());
        }
        let reach = Reach { user: first.user.uuid, organization: first.organization, scopes: Scope::all() };
        insert(&transaction, first.user, first.password_hash).await?;
        join(&transaction, &reach, first.token.created_at).await?;
        api_tokens::insert(&transaction, first.token, reach).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        transaction.commit().await
    }
}

async fn has_users(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(user::Entity::find().one(connection).await?.is_some())
}

async fn insert(transaction: &DatabaseTransaction, user: User, password_hash: String) -> Result<(), DbErr> {
    let row = user::ActiveModel {
        uuid: Set(user.uuid),
        name: Set(user.name),
        email: Set(user.email),
        password_hash: Set(password_hash),
        created_at: Set(user.created_at),
    };
    user::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}

async fn join(transaction: &DatabaseTransaction, reach: &Reach, at: kit::ambient::Instant) -> Result<(), DbErr> {
    let row = membership::ActiveModel {
        user_uuid: Set(reach.user),
        organization_uuid: Set(reach.organization),
        role: Set(Role::Admin.word().to_owned()),
        created_at: Set(at),
    };
    membership::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(())
}
