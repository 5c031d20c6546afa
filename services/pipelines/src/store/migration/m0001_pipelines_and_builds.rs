//! Pipelines, builds, and the index of the builds' meta-data.

use sea_orm_migration::{
    prelude::*,
    schema::{
        boolean, integer, integer_null, json, string, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro was expanded without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(pipelines()).await?;
        manager.create_table(builds()).await?;
        manager.create_table(meta_data()).await?;
        for (name, table, columns, unique) in INDEXES {
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["build_meta_data", "builds", "pipelines"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

type IndexRow = (&'static str, &'static str, &'static [&'static str], bool);

const INDEXES: [IndexRow; 7] = [
    ("pipelines_slug", "pipelines", &["organization_uuid", "slug"], true),
    ("pipelines_created", "pipelines", &["organization_uuid", "uuid"], false),
    ("builds_number", "builds", &["pipeline_uuid", "number"], true),
    ("builds_branch", "builds", &["pipeline_uuid", "branch", "number"], false),
    ("builds_state", "builds", &["pipeline_uuid", "state", "number"], false),
    ("builds_creator", "builds", &["created_by_uuid", "uuid"], false),
    ("build_meta_data_value", "build_meta_data", &["key", "build_uuid"], false),
];

fn pipelines() -> TableCreateStatement {
    Table::create()
        .table("pipelines")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(string("slug"))
        .col(string("name"))
        .col(text_null("description"))
        .col(text("repository_url"))
        .col(text_null("default_branch"))
        .col(text_null("branch_configuration"))
        .col(text_null("steps"))
        .col(string("visibility"))
        .col(text_null("color"))
        .col(text_null("emoji"))
        .col(boolean("allow_rebuilds"))
        .col(boolean("cancel_intermediate"))
        .col(text_null("cancel_intermediate_filter"))
        .col(boolean("skip_intermediate"))
        .col(text_null("skip_intermediate_filter"))
        .col(integer_null("default_timeout_minutes"))
        .col(integer_null("maximum_timeout_minutes"))
        .col(integer("next_build_number"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by_uuid"))
        .col(text_null("created_by_name"))
        .col(text_null("created_by_email"))
        .col(timestamp_with_time_zone_null("archived_at"))
        .col(uuid_null("archived_by_uuid"))
        .col(text_null("archived_by_name"))
        .col(text_null("archived_by_email"))
        .to_owned()
}

fn builds() -> TableCreateStatement {
    Table::create()
        .table("builds")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(uuid("pipeline_uuid"))
        .col(integer("number"))
        .col(string("state"))
        .col(text("branch"))
        .col(text("commit"))
        .col(text_null("message"))
        .col(json("env"))
        .col(json("meta_data"))
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by_uuid"))
        .col(text_null("created_by_name"))
        .col(text_null("created_by_email"))
        .col(timestamp_with_time_zone_null("scheduled_at"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(timestamp_with_time_zone_null("finished_at"))
        .col(timestamp_with_time_zone_null("canceled_at"))
        .col(uuid_null("canceled_by_uuid"))
        .col(text_null("canceled_by_name"))
        .col(text_null("canceled_by_email"))
        .col(text_null("cancel_reason"))
        .col(uuid_null("rebuilt_from_uuid"))
        .foreign_key(
            ForeignKey::create()
                .from("builds", "pipeline_uuid")
                .to("pipelines", "uuid")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn meta_data() -> TableCreateStatement {
    Table::create()
        .table("build_meta_data")
        .col(uuid("build_uuid"))
        .col(text("key"))
        .col(text("value"))
        .primary_key(Index::create().col("build_uuid").col("key"))
        .foreign_key(
            ForeignKey::create()
                .from("build_meta_data", "build_uuid")
                .to("builds", "uuid")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
