//! Organizations, portals and their versions, audit, the change counter and key canaries.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, boolean, integer, integer_null, string, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [organizations(), portals(), versions(), kit::audit::table(), changes(), kit::canary::table()] {
            manager.create_table(table).await?;
        }
        manager.create_index(kit::audit::index()).await?;
        let connection = manager.get_connection();
        for statement in [
            // A closed portal gives its slug back.
            "CREATE UNIQUE INDEX portals_slug ON portals (organization_uuid, slug) WHERE deleted_at IS NULL",
            "CREATE INDEX portals_unrevoked ON portals (deleted_at) WHERE deleted_at IS NOT NULL AND revoked_at IS NULL",
            "INSERT INTO changes (id, number) VALUES (1, 0)",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn organizations() -> TableCreateStatement {
    Table::create()
        .table("organizations")
        .col(uuid("uuid").primary_key())
        .col(string("slug").unique_key())
        .col(string("name"))
        .col(integer_null("portal_requests_per_minute"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn portals() -> TableCreateStatement {
    Table::create()
        .table("portals")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(string("slug"))
        .col(text("name"))
        .col(text_null("description"))
        .col(text("query"))
        .col(text_null("allowed_ip_addresses"))
        .col(boolean("user_invokable"))
        .col(boolean("strict_variables"))
        .col(integer("version"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .col(text("created_by_email"))
        .col(timestamp_with_time_zone("created_by_created_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .to_owned()
}

fn versions() -> TableCreateStatement {
    Table::create()
        .table("portal_versions")
        .col(uuid("portal_uuid"))
        .col(integer("number"))
        .col(text("query"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .primary_key(Index::create().col("portal_uuid").col("number"))
        .to_owned()
}

fn changes() -> TableCreateStatement {
    Table::create().table("changes").col(integer("id").primary_key()).col(big_integer("number")).to_owned()
}
