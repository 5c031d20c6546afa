//! What others shall be told. Only adds: the version before goes on working.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(kit::outbox::table()).await?;
        manager.create_index(kit::outbox::index()).await
    }
}
