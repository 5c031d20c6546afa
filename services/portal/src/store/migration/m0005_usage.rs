//! How portals are used.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, string, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // No reference to the portal: counts of one that was removed may come seconds after it, and go with age.
        let usage = Table::create()
            .table("portal_usage")
            .col(uuid("portal_uuid"))
            .col(timestamp_with_time_zone("hour"))
            .col(timestamp_with_time_zone("day"))
            .col(string("outcome"))
            .col(small_integer("bucket"))
            .col(big_integer("calls"))
            .col(timestamp_with_time_zone("last_called_at"))
            .primary_key(Index::create().col("portal_uuid").col("hour").col("outcome").col("bucket"))
            .to_owned();
        manager.create_table(usage).await?;
        let age = "CREATE INDEX portal_usage_age ON portal_usage (hour)";
        manager.get_connection().execute_unprepared(age).await?;
        Ok(())
    }
}
