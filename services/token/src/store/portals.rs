//! What is known of portals, and the lock under which their credentials change.

use kit::ambient::Instant;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::Store;
use super::entity::known_portal::{ActiveModel, Column, Entity};

impl Store {
    /// Whether the organization has a portal of that UUID whose credentials aren't revoked for good.
    pub(crate) async fn has_portal(&self, organization: Uuid, portal: Uuid) -> Result<bool, DbErr> {
        let found = Entity::find_by_id(portal)
            .filter(Column::OrganizationUuid.eq(organization))
            .filter(Column::RevokedAt.is_null())
            .one(self.database.read())
            .await?;
        Ok(found.is_some())
    }
}

/// Locks the portal until `transaction` ends, making its row where there is none, and says whether it is revoked.
///
/// `SQLite` has one writer; on `PostgreSQL` the row is the lock, so that what is read afterwards can't change meanwhile.
pub(super) async fn lock(transaction: &DatabaseTransaction, organization: Uuid, portal: Uuid) -> Result<bool, DbErr> {
    let row = ActiveModel { portal_uuid: Set(portal), organization_uuid: Set(organization), revoked_at: Set(None) };
    Entity::insert(row).on_conflict_do_nothing().exec_without_returning(transaction).await?;
    let row = Entity::find_by_id(portal).lock_exclusive().one(transaction).await?;
    Ok(row.is_some_and(|row| row.revoked_at.is_some()))
}

/// Whether a portal that the organization is known to have is revoked.
pub(super) async fn known(
    connection: &impl ConnectionTrait,
    organization: Uuid,
    portal: Uuid,
) -> Result<Option<bool>, DbErr> {
    let known = Entity::find_by_id(portal).filter(Column::OrganizationUuid.eq(organization));
    Ok(known.one(connection).await?.map(|row| row.revoked_at.is_some()))
}

/// Locks a portal that the organization is known to have until `transaction` ends, and says whether it is revoked.
pub(super) async fn lock_known(
    transaction: &DatabaseTransaction,
    organization: Uuid,
    portal: Uuid,
) -> Result<Option<bool>, DbErr> {
    let known = Entity::find_by_id(portal).filter(Column::OrganizationUuid.eq(organization));
    let row = known.lock_exclusive().one(transaction).await?;
    Ok(row.map(|row| row.revoked_at.is_some()))
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
