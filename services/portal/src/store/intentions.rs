//! Portals that are about to be written: noted before the token service is asked for their first token, and gone with the
//! transaction that writes the portal. What stays is a token without a portal, which is to be revoked.

use kit::ambient::Instant;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::Expr,
};

use super::{Store, entity::intended_portal};
use crate::domain::{
    id::{OrganizationId, PortalId},
    portal::Portal,
};

/// How many are looked at at once.
const BATCH: u64 = if cfg!(test) { 2 } else { 100 };

/// A portal that was about to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intention {
    pub(crate) organization: OrganizationId,
    pub(crate) portal: PortalId,
}

impl Store {
    /// Notes that `portal` is about to be written.
    pub(crate) async fn intend(&self, portal: &Portal) -> Result<(), DbErr> {
        let row = intended_portal::ActiveModel {
            portal_uuid: Set(portal.id.0),
            organization_uuid: Set(portal.organization.0),
            created_at: Set(portal.created_at),
            abandoned: Set(false),
        };
        let transaction = self.database.begin().await?;
        row.insert(&transaction).await?;
        transaction.commit().await
    }

    /// Those from before `end` whose portals aren't written, some of them: the oldest, `after` that one.
    pub(crate) async fn list_intentions(
        &self,
        end: Instant,
        after: Option<Intention>,
    ) -> Result<Vec<Intention>, DbErr> {
        let before = intended_portal::Entity::find().filter(intended_portal::Column::CreatedAt.lte(end));
        // The ids sort by time.
        let uuid = intended_portal::Column::PortalUuid;
        let before = before.filter(uuid.gt(after.map_or(uuid::Uuid::nil(), |last| last.portal.0)));
        let rows = before.order_by_asc(uuid).limit(BATCH).all(self.database.read()).await?;
        let intention = |row: intended_portal::Model| Intention {
            organization: OrganizationId(row.organization_uuid),
            portal: PortalId(row.portal_uuid),
        };
        Ok(rows.into_iter().map(intention).collect())
    }

    /// Sees to it that the portal won't be written any more. `false` if it has been.
    pub(crate) async fn abandon(&self, portal: PortalId) -> Result<bool, DbErr> {
        let transaction = self.database.begin().await?;
        let mark = intended_portal::Entity::update_many()
            .col_expr(intended_portal::Column::Abandoned, Expr::value(true))
            .filter(intended_portal::Column::PortalUuid.eq(portal.0));
        let marked = mark.exec(&transaction).await?.rows_affected;
        transaction.commit().await?;
        Ok(marked > 0)
    }

    /// Forgets an intention that nothing is left of.
    pub(crate) async fn forget_intention(&self, portal: PortalId) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        intended_portal::Entity::delete_by_id(portal.0).exec(&transaction).await?;
        transaction.commit().await
    }
}

/// Carries out an intention, in the transaction that writes its portal; refused where it was abandoned.
pub(super) async fn carry_out(transaction: &impl ConnectionTrait, portal: PortalId) -> Result<(), DbErr> {
    let delete = intended_portal::Entity::delete_many()
        .filter(intended_portal::Column::PortalUuid.eq(portal.0))
        .filter(intended_portal::Column::Abandoned.eq(false));
    match delete.exec(transaction).await?.rows_affected {
        0 => Err(DbErr::RecordNotFound("the portal's intention: it took too long and was abandoned".to_owned())),
        _ => Ok(()),
    }
}
