//! Teams, the trail of changes, and an index by which builds of a commit are found.

use kit::audit;
use sea_orm_migration::{
    prelude::*,
    schema::{boolean, string, text_null, timestamp_with_time_zone, uuid, uuid_null},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[expect(elided_lifetimes_in_paths, reason = "the trait's macro was expanded without them")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [teams(), members(), pipelines()] {
            manager.create_table(table).await?;
        }
        // These rows may lie in the registry's database, which has this table already; it has one owner either way.
        manager.create_table(audit::table().if_not_exists().to_owned()).await?;
        manager.create_index(audit::index().if_not_exists().to_owned()).await?;
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
        manager.drop_index(Index::drop().name("builds_commit").table("builds").to_owned()).await?;
        for table in ["team_pipelines", "team_members", "teams"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

type IndexRow = (&'static str, &'static str, &'static [&'static str], bool);

const INDEXES: [IndexRow; 7] = [
    ("builds_commit", "builds", &["pipeline_uuid", "commit", "number"], false),
    ("teams_slug", "teams", &["organization_uuid", "slug"], true),
    ("teams_created", "teams", &["organization_uuid", "uuid"], false),
    ("team_members_user", "team_members", &["team_uuid", "user_uuid"], true),
    ("team_members_teams", "team_members", &["user_uuid", "organization_uuid"], false),
    ("team_pipelines_pipeline", "team_pipelines", &["team_uuid", "pipeline_uuid"], true),
    ("team_pipelines_teams", "team_pipelines", &["pipeline_uuid", "team_uuid"], false),
];

fn teams() -> TableCreateStatement {
    born(
        Table::create()
            .table("teams")
            .col(uuid("uuid").primary_key())
            .col(uuid("organization_uuid"))
            .col(string("slug"))
            .col(string("name"))
            .col(text_null("description"))
            .col(string("privacy"))
            .col(boolean("is_default"))
            .col(string("default_member_role"))
            .col(boolean("members_can_create_pipelines")),
    )
}

fn members() -> TableCreateStatement {
    let table = Table::create()
        .table("team_members")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(uuid("team_uuid"))
        .col(uuid("user_uuid"))
        .col(string("role"))
        .foreign_key(&mut gone_with("team_members", "team_uuid", "teams"))
        .to_owned();
    born(&table)
}

fn pipelines() -> TableCreateStatement {
    let table = Table::create()
        .table("team_pipelines")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(uuid("team_uuid"))
        .col(uuid("pipeline_uuid"))
        .col(string("access_level"))
        .foreign_key(&mut gone_with("team_pipelines", "team_uuid", "teams"))
        .foreign_key(&mut gone_with("team_pipelines", "pipeline_uuid", "pipelines"))
        .to_owned();
    born(&table)
}

/// The table, with when its rows were made and by whom.
fn born(table: &TableCreateStatement) -> TableCreateStatement {
    let mut table = table.clone();
    table
        .col(timestamp_with_time_zone("created_at"))
        .col(uuid_null("created_by_uuid"))
        .col(text_null("created_by_name"))
        .col(text_null("created_by_email"))
        .to_owned()
}

fn gone_with(from: &'static str, column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(from, column).to(to, "uuid").on_delete(ForeignKeyAction::Cascade).to_owned()
}
