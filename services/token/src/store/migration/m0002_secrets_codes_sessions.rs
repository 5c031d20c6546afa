//! Secrets, codes, sessions, the sequence of revocations, and what tokens have beside these. Only adds: the version before
//! goes on working.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, integer, integer_null, string, text, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null, var_binary,
    },
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("portal_tokens", uuid_null("secret_uuid")),
            ("portal_tokens", uuid_null("user_uuid")),
            ("portal_tokens", text_null("allowed_ip_addresses")),
            ("api_tokens", text_null("allowed_ip_addresses")),
        ] {
            // One column at a time: SQLite adds no more.
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for table in [portal_secrets(), codes(), sessions(), revocations(), revocation_head(), api_settings()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns, unique) in INDEXES {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        let head = Query::insert()
            .into_table("revocation_head")
            .columns(["id", "head"])
            .values_panic([1.into(), 0.into()])
            .to_owned();
        manager.execute(head).await
    }
}

const INDEXES: [(&str, &str, &[&str], bool); 13] = [
    ("portal_tokens_secret", "portal_tokens", &["secret_uuid"], false),
    ("portal_tokens_user", "portal_tokens", &["user_uuid"], false),
    ("portal_tokens_expiry", "portal_tokens", &["expires_at"], false),
    ("portal_tokens_revocation", "portal_tokens", &["revoked_at"], false),
    ("portal_secrets_selector", "portal_secrets", &["selector"], true),
    // Two secrets at most, whatever runs at the same time.
    ("portal_secrets_slot", "portal_secrets", &["portal_uuid", "slot"], true),
    ("codes_tag", "codes", &["code_tag"], true),
    ("codes_portal", "codes", &["portal_uuid"], false),
    ("codes_expiry", "codes", &["expires_at"], false),
    ("sessions_tag", "sessions", &["tag"], true),
    ("sessions_user", "sessions", &["user_uuid"], false),
    ("api_token_organizations_organization", "api_token_organizations", &["organization_uuid"], false),
    ("revocations_time", "revocations", &["revoked_at"], false),
];

fn portal_secrets() -> TableCreateStatement {
    Table::create()
        .table("portal_secrets")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(uuid("portal_uuid"))
        .col(integer("slot").check(Expr::col("slot").is_in([0, 1])))
        .col(string("selector"))
        .col(text("hash"))
        .col(integer("gate"))
        .col(string("key_id"))
        .col(string("last_four"))
        .col(text("description"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("last_used_at"))
        .col(text_null("last_used_ip"))
        .col(uuid("created_by_uuid"))
        .col(text("created_by_name"))
        .col(text("created_by_email"))
        .col(timestamp_with_time_zone("created_by_created_at"))
        .foreign_key(ForeignKey::create().from("portal_secrets", "portal_uuid").to("known_portals", "portal_uuid"))
        .to_owned()
}

/// `state`: `pending`, `approved`, `denied`, `exchanged` or `burnt`.
fn codes() -> TableCreateStatement {
    Table::create()
        .table("codes")
        .col(uuid("uuid").primary_key())
        .col(var_binary("code_tag", 32))
        .col(var_binary("secret_tag", 32))
        .col(string("key_id"))
        .col(uuid("organization_uuid"))
        .col(uuid("portal_uuid"))
        .col(string("state"))
        .col(integer("wrong_secrets"))
        .col(text_null("requester_ip"))
        .col(text_null("requester_network"))
        .col(text_null("requester_agent"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(timestamp_with_time_zone_null("polled_at"))
        .col(timestamp_with_time_zone_null("decided_at"))
        .col(uuid_null("user_uuid"))
        .foreign_key(ForeignKey::create().from("codes", "portal_uuid").to("known_portals", "portal_uuid"))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(uuid("uuid").primary_key())
        .col(var_binary("tag", 32))
        .col(string("key_id"))
        .col(uuid("user_uuid"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("last_seen_at"))
        .col(text_null("client_ip"))
        .col(text_null("client_agent"))
        .foreign_key(
            ForeignKey::create().from("sessions", "user_uuid").to("users", "uuid").on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// What verifiers are told. `kinds`: space-separated, empty for all.
fn revocations() -> TableCreateStatement {
    Table::create()
        .table("revocations")
        .col(big_integer("sequence").primary_key())
        .col(uuid("subject_uuid"))
        .col(text("kinds"))
        .col(timestamp_with_time_zone("revoked_at"))
        .to_owned()
}

/// One row, locked by who revokes until they commit: so the sequence has no gaps and commits in order.
fn revocation_head() -> TableCreateStatement {
    Table::create().table("revocation_head").col(integer("id").primary_key()).col(big_integer("head")).to_owned()
}

fn api_settings() -> TableCreateStatement {
    Table::create()
        .table("api_settings")
        .col(uuid("organization_uuid").primary_key())
        .col(integer_null("revoke_inactive_tokens_after_days"))
        .to_owned()
}
