//! Windows of limits that processes share. Only adds: the version before goes on working.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        kit::db::create_windows(manager.get_connection()).await
    }
}
