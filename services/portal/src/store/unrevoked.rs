//! Portals whose credentials the token service doesn't know yet to be revoked.

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};

use super::{Store, entity::portal};
use crate::domain::id::{OrganizationId, PortalId};

/// How many are looked at at once.
const BATCH: u64 = if cfg!(test) { 2 } else { 100 };

/// A portal whose credentials, or some of them, aren't known to be revoked yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unrevoked {
    pub(crate) organization: OrganizationId,
    pub(crate) portal: PortalId,
    /// Since when it is closed, or closed to users.
    pub(crate) since: Instant,
}

impl Store {
    /// Closed portals whose credentials may live, some of them: those closed first, `after` that one.
    pub(crate) async fn list_unrevoked(&self, after: Option<Unrevoked>) -> Result<Vec<Unrevoked>, DbErr> {
        let closed = portal::Entity::find().filter(portal::Column::RevokedAt.is_null());
        self.list(closed, portal::Column::DeletedAt, after).await
    }

    /// Open portals that users may no longer run, and whose user tokens may live, some of them: those closed to users first,
    /// `after` that one.
    pub(crate) async fn list_users_unrevoked(&self, after: Option<Unrevoked>) -> Result<Vec<Unrevoked>, DbErr> {
        let open = portal::Entity::find().filter(portal::Column::DeletedAt.is_null());
        self.list(open, portal::Column::UsersUnrevokedSince, after).await
    }

    /// That portal, if its user tokens may live although they shouldn't.
    pub(crate) async fn find_users_unrevoked(&self, id: PortalId) -> Result<Option<Unrevoked>, DbErr> {
        let one = portal::Entity::find_by_id(id.0);
        Ok(self.list(one, portal::Column::UsersUnrevokedSince, None).await?.pop())
    }

    async fn list(
        &self,
        of: Select<portal::Entity>,
        since: portal::Column,
        after: Option<Unrevoked>,
    ) -> Result<Vec<Unrevoked>, DbErr> {
        let (uuid, organization) = (portal::Column::Uuid, portal::Column::OrganizationUuid);
        let later = after.map(|last| {
            let together = since.eq(last.since).and(uuid.gt(last.portal.0));
            Condition::any().add(since.gt(last.since)).add(together)
        });
        let of = of.filter(since.is_not_null()).filter(later.unwrap_or_else(Condition::all));
        let oldest = of.order_by_asc(since).order_by_asc(uuid).limit(BATCH);
        let columns = oldest.select_only().columns([uuid, organization, since]);
        let rows: Vec<(uuid::Uuid, uuid::Uuid, Instant)> = columns.into_tuple().all(self.database.read()).await?;
        let unrevoked = |(uuid, organization, since)| Unrevoked {
            organization: OrganizationId(organization),
            portal: PortalId(uuid),
            since,
        };
        Ok(rows.into_iter().map(unrevoked).collect())
    }

    /// Whether users may run that portal, or ever could.
    pub(crate) async fn was_user_invokable(&self, id: PortalId) -> Result<bool, DbErr> {
        let column = portal::Entity::find_by_id(id.0).select_only().column(portal::Column::WasUserInvokable);
        Ok(column.into_tuple().one(self.database.read()).await?.unwrap_or_default())
    }

    /// Remembers that a closed portal's credentials are revoked.
    pub(crate) async fn mark_revoked(&self, id: PortalId) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        let now = Expr::value(self.ambient.now());
        let mark = portal::Entity::update_many()
            .col_expr(portal::Column::RevokedAt, now)
            .filter(portal::Column::Uuid.eq(id.0));
        mark.exec(&transaction).await?;
        transaction.commit().await
    }

    /// Remembers that a portal's user tokens are revoked, unless it was closed to users once more meanwhile.
    pub(crate) async fn mark_users_revoked(&self, done: Unrevoked) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        let mark = portal::Entity::update_many()
            .col_expr(portal::Column::UsersUnrevokedSince, Expr::value(None::<Instant>))
            .filter(portal::Column::Uuid.eq(done.portal.0))
            .filter(portal::Column::UsersUnrevokedSince.eq(done.since));
        mark.exec(&transaction).await?;
        transaction.commit().await
    }
}
