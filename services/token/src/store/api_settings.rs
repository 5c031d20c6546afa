//! Rows of organizations' settings, and the lock under which an organization's memberships change.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::api_settings::{ActiveModel, Column, Entity, Model},
};
use crate::{
    Error,
    domain::{
        api_settings::{ApiSettings, Named},
        trail::Trail,
        user::Membership,
    },
};

impl Store {
    /// The organization's settings.
    pub(crate) async fn api_settings(&self, organization: Uuid) -> Result<ApiSettings, DbErr> {
        let row = Entity::find_by_id(organization).one(self.database.read()).await?;
        Ok(row.map(ApiSettings::from).unwrap_or_default())
    }

    /// Changes those that are named; answers all.
    pub(crate) async fn set_api_settings(
        &self,
        organization: Uuid,
        new: &ApiSettings,
        named: Named,
        trail: &Trail,
    ) -> Result<ApiSettings, Error> {
        let transaction = self.database.begin().await?;
        let before = lock(&transaction, organization).await?.map(ApiSettings::from).unwrap_or_default();
        let after = before.changed(new, named);
        if before == after {
            return Ok(after);
        }
        let days = after.inactivity_days.and_then(|days| i32::try_from(days).ok());
        Entity::update_many()
            .col_expr(Column::RevokeInactiveTokensAfterDays, Expr::value(days))
            .col_expr(Column::AllowedIpAddresses, Expr::value(after.allowed_ip_addresses.clone()))
            .col_expr(Column::RestrictUserApiTokenCreation, Expr::value(after.restricts_creation))
            .filter(Column::OrganizationUuid.eq(organization))
            .exec(&transaction)
            .await?;
        self.record(&transaction, [trail.settings_updated(organization, before.differences(&after))]).await?;
        commit(transaction).await?;
        Ok(after)
    }

    /// The lists of addresses that requests about these organizations may come from, where there are any.
    pub(crate) async fn address_lists(&self, places: &[Membership]) -> Result<Vec<(Uuid, String)>, DbErr> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let organizations = places.iter().map(|place| place.organization);
        let rows: Vec<(Uuid, Option<String>)> = Entity::find()
            .select_only()
            .columns([Column::OrganizationUuid, Column::AllowedIpAddresses])
            .filter(Column::OrganizationUuid.is_in(organizations))
            .filter(Column::AllowedIpAddresses.is_not_null())
            .into_tuple()
            .all(self.database.read())
            .await?;
        Ok(rows.into_iter().filter_map(|(organization, list)| Some((organization, list?))).collect())
    }
}

/// Those of the organizations that let only administrators have API access tokens made.
pub(super) async fn restricting(
    connection: &impl ConnectionTrait,
    organizations: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<Uuid>, DbErr> {
    let of = Entity::find().filter(Column::OrganizationUuid.is_in(organizations));
    let rows = of.filter(Column::RestrictUserApiTokenCreation.eq(true)).all(connection).await?;
    Ok(rows.into_iter().map(|row| row.organization_uuid).collect())
}

/// Locks the organization until `transaction` ends, making its row where there is none, and answers that.
///
/// `SQLite` has one writer; on `PostgreSQL` the row is the lock. Who changes memberships takes it, so that two who remove each
/// other can't leave an organization without an administrator.
pub(super) async fn lock(transaction: &DatabaseTransaction, organization: Uuid) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel { organization_uuid: Set(organization), ..ActiveModel::default() };
    Entity::insert(row).on_conflict_do_nothing().exec_without_returning(transaction).await?;
    Entity::find_by_id(organization).lock_exclusive().one(transaction).await
}

impl From<Model> for ApiSettings {
    fn from(row: Model) -> Self {
        Self {
            inactivity_days: row.revoke_inactive_tokens_after_days.and_then(|days| u32::try_from(days).ok()),
            allowed_ip_addresses: row.allowed_ip_addresses,
            restricts_creation: row.restrict_user_api_token_creation,
        }
    }
}
