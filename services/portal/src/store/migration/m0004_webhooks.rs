//! Events to be told, who is told of them, and the deliveries.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer_null, blob, boolean, integer, integer_null, string, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The built-in API may keep its rows in this database, and then both have one outbox.
        manager.create_table(kit::outbox::table().if_not_exists().to_owned()).await?;
        manager.create_index(kit::outbox::index().if_not_exists().to_owned()).await?;
        manager.create_table(services()).await?;
        manager.create_table(deliveries()).await?;
        let connection = manager.get_connection();
        for statement in [
            "CREATE INDEX notification_services_organization ON notification_services (organization_uuid, uuid)",
            // However often an event is read, each service is told of it by one delivery.
            "CREATE UNIQUE INDEX deliveries_event ON deliveries (event_uuid, service_uuid)",
            "CREATE INDEX deliveries_service ON deliveries (service_uuid, uuid)",
            "CREATE INDEX deliveries_due ON deliveries (service_uuid, due_at) WHERE due_at IS NOT NULL",
            "CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn services() -> TableCreateStatement {
    Table::create()
        .table("notification_services")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(text("description"))
        .col(boolean("enabled"))
        .col(text("url"))
        .col(blob("token"))
        .col(string("key_id"))
        .col(string("token_mode"))
        .col(text("events"))
        .col(text("pipelines"))
        .col(text_null("branches"))
        .col(text("build_states"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .col(text("created_by_email"))
        .col(timestamp_with_time_zone("created_by_created_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .to_owned()
}

fn deliveries() -> TableCreateStatement {
    Table::create()
        .table("deliveries")
        .col(uuid("uuid").primary_key())
        .col(uuid("event_uuid"))
        .col(uuid("service_uuid"))
        .col(string("event"))
        .col(text("payload"))
        .col(string("state"))
        .col(integer("attempts"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("due_at"))
        .col(timestamp_with_time_zone("deadline_at"))
        .col(timestamp_with_time_zone_null("finished_at"))
        .col(timestamp_with_time_zone_null("last_attempt_at"))
        .col(integer_null("last_status"))
        .col(big_integer_null("last_took_ms"))
        .col(text_null("last_excerpt"))
        .col(text_null("last_fault"))
        .to_owned()
}
