//! Whom organizations let in from where, and who may have tokens made. Only adds: the version before goes on working.

use sea_orm_migration::{
    prelude::*,
    schema::{boolean, text_null},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in
            [text_null("allowed_ip_addresses"), boolean("restrict_user_api_token_creation").default(false).take()]
        {
            manager.alter_table(Table::alter().table("api_settings").add_column(column).take()).await?;
        }
        Ok(())
    }
}
