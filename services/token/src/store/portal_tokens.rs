//! Rows of portal tokens.

use kit::{
    ambient::Instant,
    audit::{self, Event},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store,
    entity::portal_token::{ActiveModel, Column, Entity},
    portals,
};
use crate::{
    domain::{
        tag::Tag,
        token::{NewServiceToken, PortalKind, PortalToken, may_issue},
    },
    error::Error,
};

/// What is to be revoked, and when that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revocation {
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) at: Instant,
}

impl Store {
    /// The token that carries one of `tags`. One read of a unique index.
    pub(crate) async fn find_portal_token(&self, tags: &[Tag]) -> Result<Option<PortalToken>, DbErr> {
        let tags = tags.iter().map(|tag| tag.bytes.clone());
        let row = Entity::find().filter(Column::Tag.is_in(tags)).one(self.database.read()).await?;
        row.map(PortalToken::try_from).transpose()
    }

    /// Stores a service token unless the portal has too many or is revoked.
    pub(crate) async fn create_service_token(&self, token: NewServiceToken, event: Event) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let revoked = portals::lock(&transaction, token.organization, token.portal).await?;
        let live = live_service_tokens(&transaction, token.portal, token.imprint.created_at).await?;
        may_issue(revoked, live)?;
        Entity::insert(row(token)).exec_without_returning(&transaction).await?;
        audit::record(&transaction, &self.ambient, event).await?;
        Ok(transaction.commit().await?)
    }

    /// Revokes the portal for good and every token of it that isn't revoked yet, which it answers; `event` tells of one.
    pub(crate) async fn revoke_portal(
        &self,
        Revocation { organization, portal, at }: Revocation,
        event: impl Fn(&PortalToken) -> Event + Send + Sync,
    ) -> Result<Vec<PortalToken>, Error> {
        let transaction = self.database.begin().await?;
        if !portals::lock(&transaction, organization, portal).await? {
            portals::close(&transaction, portal, at).await?;
        }
        let tokens = unrevoked(&transaction, portal).await?;
        Entity::update_many()
            .col_expr(Column::RevokedAt, Expr::value(at))
            .filter(Column::PortalUuid.eq(portal))
            .filter(Column::RevokedAt.is_null())
            .exec(&transaction)
            .await?;
        for token in &tokens {
            audit::record(&transaction, &self.ambient, event(token)).await?;
        }
        transaction.commit().await?;
        Ok(tokens)
    }
}

async fn live_service_tokens(transaction: &DatabaseTransaction, portal: Uuid, now: Instant) -> Result<u64, DbErr> {
    let unexpired = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    Entity::find()
        .filter(Column::PortalUuid.eq(portal))
        .filter(Column::Kind.eq(PortalKind::Service.word()))
        .filter(Column::RevokedAt.is_null())
        .filter(unexpired)
        .count(transaction)
        .await
}

async fn unrevoked(connection: &impl ConnectionTrait, portal: Uuid) -> Result<Vec<PortalToken>, DbErr> {
    let rows = Entity::find()
        .filter(Column::PortalUuid.eq(portal))
        .filter(Column::RevokedAt.is_null())
        .order_by_asc(Column::Uuid)
        .all(connection)
        .await?;
    rows.into_iter().map(PortalToken::try_from).collect()
}

fn row(token: NewServiceToken) -> ActiveModel {
    let NewServiceToken { imprint, organization, portal, created_by } = token;
    ActiveModel {
        uuid: Set(imprint.uuid),
        tag: Set(imprint.tag.bytes),
        key_id: Set(imprint.tag.key_id),
        last_four: Set(imprint.last_four),
        description: Set(imprint.description),
        created_at: Set(imprint.created_at),
        expires_at: Set(None),
        last_used_at: Set(None),
        last_used_ip: Set(None),
        revoked_at: Set(None),
        organization_uuid: Set(organization),
        portal_uuid: Set(portal),
        kind: Set(PortalKind::Service.word().to_owned()),
        created_by_uuid: Set(created_by.uuid),
        created_by_name: Set(created_by.name),
        created_by_email: Set(created_by.email),
        created_by_created_at: Set(created_by.created_at),
    }
}
