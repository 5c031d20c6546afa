//! Users, memberships, tokens, audit, and the canaries of the root keys.

use sea_orm_migration::{
    prelude::*,
    schema::{string, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, var_binary},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            users(),
            memberships(),
            api_tokens(),
            api_token_organizations(),
            known_portals(),
            portal_tokens(),
            kit::audit::table(),
            kit::canary::table(),
        ] {
            manager.create_table(table).await?;
        }
        for (name, table, column, unique) in INDEXES {
            let mut index = Index::create().name(name).table(table).col(column).to_owned();
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        manager.create_index(kit::audit::index()).await
    }
}

const INDEXES: [(&str, &str, &str, bool); 6] = [
    ("users_email", "users", "email", true),
    ("memberships_organization", "memberships", "organization_uuid", false),
    ("api_tokens_tag", "api_tokens", "tag", true),
    ("api_tokens_user", "api_tokens", "user_uuid", false),
    ("portal_tokens_tag", "portal_tokens", "tag", true),
    ("portal_tokens_portal", "portal_tokens", "portal_uuid", false),
];

fn users() -> TableCreateStatement {
    Table::create()
        .table("users")
        .col(uuid("uuid").primary_key())
        .col(text("name"))
        .col(text("email"))
        .col(text("password_hash"))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn memberships() -> TableCreateStatement {
    Table::create()
        .table("memberships")
        .col(uuid("user_uuid"))
        .col(uuid("organization_uuid"))
        .col(string("role"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("user_uuid").col("organization_uuid"))
        .foreign_key(&mut belongs("memberships", "user_uuid", "users"))
        .to_owned()
}

fn api_tokens() -> TableCreateStatement {
    token("api_tokens")
        .col(uuid("user_uuid"))
        .col(text("scopes"))
        .foreign_key(&mut belongs("api_tokens", "user_uuid", "users"))
        .to_owned()
}

fn api_token_organizations() -> TableCreateStatement {
    Table::create()
        .table("api_token_organizations")
        .col(uuid("token_uuid"))
        .col(uuid("organization_uuid"))
        .primary_key(Index::create().col("token_uuid").col("organization_uuid"))
        .foreign_key(&mut belongs("api_token_organizations", "token_uuid", "api_tokens"))
        .to_owned()
}

/// What this service knows of a portal: whether its credentials were revoked for good. Issuing and revoking lock its row.
fn known_portals() -> TableCreateStatement {
    Table::create()
        .table("known_portals")
        .col(uuid("portal_uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .to_owned()
}

fn portal_tokens() -> TableCreateStatement {
    token("portal_tokens")
        .col(uuid("organization_uuid"))
        .col(uuid("portal_uuid"))
        .col(string("kind"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .col(text("created_by_email"))
        .col(timestamp_with_time_zone("created_by_created_at"))
        .foreign_key(ForeignKey::create().from("portal_tokens", "portal_uuid").to("known_portals", "portal_uuid"))
        .to_owned()
}

/// What every token's row has.
fn token(table: &'static str) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(uuid("uuid").primary_key())
        .col(var_binary("tag", 32))
        .col(string("key_id"))
        .col(string("last_four"))
        .col(text("description"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("last_used_at"))
        .col(text_null("last_used_ip"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .to_owned()
}

fn belongs(table: &'static str, column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, column).to(to, "uuid").on_delete(ForeignKeyAction::Cascade).to_owned()
}
