//! What is known of portals, and the lock under which their credentials change.

use kit::ambient::Instant;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use super::entity::known_portal::{ActiveModel, Column, Entity};

/// Locks the portal until `transaction` ends, making its row where there is none, and says whether it is revoked.
///
/// `SQLite` has one writer; on `PostgreSQL` the row is the lock, so that what is read afterwards can't change meanwhile.
pub(super) async fn lock(transaction: &DatabaseTransaction, organization: Uuid, portal: Uuid) -> Result<bool, DbErr> {
    let row = ActiveModel { portal_uuid: Set(portal), organization_uuid: Set(organization), revoked_at: Set(None) };
    Entity::insert(row).on_conflict_do_nothing().exec_without_returning(transaction).await?;
    let row = Entity::find_by_id(portal).lock_exclusive().one(transaction).await?;
    Ok(row.is_some_and(|row| row.revoked_at.is_some()))
}

/// Remembers that the locked portal is revoked for good.
pub(super) async fn close(transaction: &DatabaseTransaction, portal: Uuid, at: Instant) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(at))
        .filter(Column::PortalUuid.eq(portal))
        .exec(transaction)
        .await?;
    Ok(())
}
