//! Rows of organizations' settings, and the lock under which an organization's memberships change.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::api_settings::{ActiveModel, Column, Entity, Model},
};
use crate::{Error, domain::trail::Trail};

impl Store {
    /// After how many days without use the organization has tokens revoked; `None`: never.
    pub(crate) async fn inactivity_limit(&self, organization: Uuid) -> Result<Option<u32>, DbErr> {
        Ok(Entity::find_by_id(organization).one(self.database.read()).await?.and_then(|row| days(&row)))
    }

    /// Changes that.
    pub(crate) async fn set_inactivity_limit(
        &self,
        organization: Uuid,
        limit: Option<u32>,
        trail: &Trail,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let before = lock(&transaction, organization).await?.as_ref().and_then(days);
        if before == limit {
            return Ok(());
        }
        let value = limit.and_then(|days| i32::try_from(days).ok());
        Entity::update_many()
            .col_expr(Column::RevokeInactiveTokensAfterDays, Expr::value(value))
            .filter(Column::OrganizationUuid.eq(organization))
            .exec(&transaction)
            .await?;
        self.record(&transaction, [trail.settings_updated(organization, [before, limit])]).await?;
        commit(transaction).await
    }
}

/// Locks the organization until `transaction` ends, making its row where there is none, and answers that.
///
/// `SQLite` has one writer; on `PostgreSQL` the row is the lock. Who changes memberships takes it, so that two who remove each
/// other can't leave an organization without an administrator.
pub(super) async fn lock(transaction: &DatabaseTransaction, organization: Uuid) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel { organization_uuid: Set(organization), revoke_inactive_tokens_after_days: Set(None) };
    Entity::insert(row).on_conflict_do_nothing().exec_without_returning(transaction).await?;
    Entity::find_by_id(organization).lock_exclusive().one(transaction).await
}

fn days(row: &Model) -> Option<u32> {
    row.revoke_inactive_tokens_after_days.and_then(|days| u32::try_from(days).ok())
}
