//! Upstreams and their schemas, where portals run, and which portals are broken.

use sea_orm_migration::{
    prelude::*,
    schema::{
        blob, integer_null, string, string_null, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of portals: where they run (null: the built-in API), the digest of the schema that they were last checked against
        // (null: none), and since when an operation can't run (null: all can).
        let portal_columns =
            [uuid_null("upstream_uuid"), string_null("checked_schema"), timestamp_with_time_zone_null("broken_since")];
        for column in portal_columns {
            manager.alter_table(Table::alter().table("portals").add_column(column).to_owned()).await?;
        }
        for column in [text_null("created_by_email"), timestamp_with_time_zone_null("created_by_created_at")] {
            manager.alter_table(Table::alter().table("portal_versions").add_column(column).to_owned()).await?;
        }
        manager.create_table(upstreams()).await?;
        manager.create_table(schemas()).await?;
        let connection = manager.get_connection();
        for statement in [
            "CREATE INDEX portals_upstream ON portals (upstream_uuid) WHERE deleted_at IS NULL",
            "CREATE UNIQUE INDEX upstreams_slug ON upstreams (organization_uuid, slug) WHERE deleted_at IS NULL",
            "CREATE INDEX upstreams_due ON upstreams (schema_due_at) \
             WHERE deleted_at IS NULL AND schema_due_at IS NOT NULL",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn upstreams() -> TableCreateStatement {
    Table::create()
        .table("upstreams")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(string("slug"))
        .col(text("url"))
        .col(text("header_names"))
        .col(blob("headers"))
        .col(string("key_id"))
        .col(string("schema_source"))
        .col(string_null("schema_digest"))
        .col(timestamp_with_time_zone_null("schema_changed_at"))
        .col(timestamp_with_time_zone_null("schema_checked_at"))
        .col(text_null("schema_fault"))
        .col(timestamp_with_time_zone_null("schema_due_at"))
        .col(integer_null("timeout_ms"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .col(text("created_by_email"))
        .col(timestamp_with_time_zone("created_by_created_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .to_owned()
}

/// The texts of schemas: far longer than the rest, and read far less.
fn schemas() -> TableCreateStatement {
    Table::create()
        .table("upstream_schemas")
        .col(uuid("upstream_uuid").primary_key())
        .col(string("digest"))
        .col(text("sdl"))
        .to_owned()
}
