//! What others shall be told. Only adds: the version before goes on working.

use kit::outbox;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro was expanded without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // These rows may lie in the registry's database, and then both have one outbox.
        manager.create_table(outbox::table().if_not_exists().to_owned()).await?;
        manager.create_index(outbox::index().if_not_exists().to_owned()).await
    }
}
