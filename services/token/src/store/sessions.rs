//! Rows of sessions.

use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::{
        membership,
        session::{ActiveModel, Column, Entity},
        user,
    },
    keys,
};
use crate::{
    domain::{
        email::Email,
        session::{NewSession, SEEN_EVERY, StoredSession},
        tag::Tag,
        user::{Membership, User},
    },
    error::Error,
};

/// What a password is checked against, and what stands there instead if it was outdated.
#[derive(Clone, Debug)]
pub(crate) struct PasswordHash {
    pub(crate) checked: String,
    pub(crate) raised: Option<String>,
}

impl Store {
    /// The user of that address and the hash of their password.
    pub(crate) async fn find_password(&self, email: &Email) -> Result<Option<(User, String)>, DbErr> {
        let by_email = user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
        let row = by_email.one(self.database.read()).await?;
        Ok(row.map(|row| {
            let hash = row.password_hash.clone();
            (row.into(), hash)
        }))
    }

    /// Stores a session of who presented the password of that hash. Answers whether it still was the user's.
    pub(crate) async fn create_session(
        &self,
        session: NewSession,
        hash: PasswordHash,
        event: Event,
    ) -> Result<bool, Error> {
        let transaction = self.database.begin().await?;
        // A password that was changed meanwhile ended all sessions: none may begin with the old one.
        let user = user::Entity::find_by_id(session.user).lock_exclusive().one(&transaction).await?;
        if user.is_none_or(|user| user.password_hash != hash.checked) {
            return Ok(false);
        }
        if let Some(raised) = hash.raised {
            raise(&transaction, session.user, raised).await?;
        }
        keys::hold(&transaction, [session.tag.key_id.as_str()]).await?;
        Entity::insert(row(session)).exec_without_returning(&transaction).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        commit(transaction).await?;
        Ok(true)
    }

    /// The session that carries one of `tags`, with its user. One read of indexes.
    pub(crate) async fn find_session(&self, tags: &[Tag]) -> Result<Option<StoredSession>, DbErr> {
        let tags = tags.iter().map(|tag| tag.bytes.clone());
        let found =
            Entity::find().filter(Column::Tag.is_in(tags)).find_both_related(user::Entity).one(self.database.read());
        Ok(found.await?.map(|(session, user)| StoredSession {
            uuid: session.uuid,
            tag: Tag { key_id: session.key_id, bytes: session.tag },
            user: user.into(),
            last_seen_at: session.last_seen_at,
        }))
    }

    /// Writes that a session is used, unless that was written less than a minute ago.
    pub(crate) async fn touch_session(&self, session: Uuid, now: Instant) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        Entity::update_many()
            .col_expr(Column::LastSeenAt, Expr::value(now))
            .filter(Column::Uuid.eq(session))
            .filter(Column::LastSeenAt.lte(now - SEEN_EVERY))
            .exec(&transaction)
            .await?;
        transaction.commit().await
    }

    /// Ends a session. Doing it twice does no harm.
    pub(crate) async fn delete_session(&self, session: Uuid, event: Event) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        if Entity::delete_by_id(session).exec(&transaction).await?.rows_affected > 0 {
            audit::record(&transaction, &self.ambient, event).await?;
        }
        commit(transaction).await
    }

    /// Where the user belongs, sorted by organization.
    pub(crate) async fn memberships_of_user(&self, user: Uuid) -> Result<Vec<Membership>, DbErr> {
        let rows = membership::Entity::find()
            .filter(membership::Column::UserUuid.eq(user))
            .order_by_asc(membership::Column::OrganizationUuid)
            .all(self.database.read())
            .await?;
        rows.into_iter().map(Membership::try_from).collect()
    }

    /// The user of that UUID.
    pub(crate) async fn find_user(&self, user: Uuid) -> Result<Option<User>, DbErr> {
        Ok(user::Entity::find_by_id(user).one(self.database.read()).await?.map(User::from))
    }
}

async fn raise(transaction: &impl ConnectionTrait, user: Uuid, hash: String) -> Result<(), DbErr> {
    user::Entity::update_many()
        .col_expr(user::Column::PasswordHash, Expr::value(hash))
        .filter(user::Column::Uuid.eq(user))
        .exec(transaction)
        .await?;
    Ok(())
}

fn row(session: NewSession) -> ActiveModel {
    ActiveModel {
        uuid: Set(session.uuid),
        tag: Set(session.tag.bytes),
        key_id: Set(session.tag.key_id),
        user_uuid: Set(session.user),
        created_at: Set(session.created_at),
        last_seen_at: Set(session.created_at),
        client_ip: Set(session.client_ip),
        client_agent: Set(session.client_agent),
    }
}
