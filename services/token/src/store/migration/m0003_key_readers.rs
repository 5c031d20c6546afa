//! Which keys each running process has read. Only adds: the version before goes on working.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string, text, timestamp_with_time_zone, uuid},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(key_readers()).await
    }
}

/// `name`: of the machine and the process, for people. `key_ids`: space-separated, the one in use first. `beats` grows as long as
/// the process runs.
fn key_readers() -> TableCreateStatement {
    Table::create()
        .table("key_readers")
        .col(uuid("uuid").primary_key())
        .col(text("name"))
        .col(string("key_ids"))
        .col(big_integer("beats"))
        .col(timestamp_with_time_zone("seen_at"))
        .to_owned()
}
