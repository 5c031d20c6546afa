//! What is to be revoked: user tokens of portals that users may no longer run, and tokens of portals that were never written.

use sea_orm_migration::{
    prelude::*,
    schema::{boolean, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Since when `user_invokable` is off without its tokens being known to be revoked. Null: nothing is to be done.
        let column = timestamp_with_time_zone_null("users_unrevoked_since");
        manager.alter_table(Table::alter().table("portals").add_column(column).to_owned()).await?;
        // Whether users may run it, or ever could. Of older portals it isn't known.
        let column = boolean("was_user_invokable").default(true).to_owned();
        manager.alter_table(Table::alter().table("portals").add_column(column).to_owned()).await?;
        manager.create_table(intended_portals()).await?;
        let index = "CREATE INDEX portals_users_unrevoked ON portals (users_unrevoked_since) \
                     WHERE users_unrevoked_since IS NOT NULL";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

/// Portals that a token was asked for and that aren't written. There are few at any time, so it has no other index.
fn intended_portals() -> TableCreateStatement {
    Table::create()
        .table("intended_portals")
        .col(uuid("portal_uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(timestamp_with_time_zone("created_at"))
        // It was waited for too long, and must not be written any more.
        .col(boolean("abandoned"))
        .to_owned()
}
