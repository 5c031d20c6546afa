//! Which rows need which root key. The same columns in each table of keyed rows.

use std::collections::BTreeMap;

use kit::{ambient::Instant, db::Database};
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait,
    sea_query::{Condition, Expr, Query, UpdateStatement},
};
use uuid::Uuid;

use super::Store;
use crate::domain::{
    session,
    tag::{Class, Tag},
};

impl Store {
    /// The database, for the canary.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// How many live rows were made under the key of that id, by what they are; nothing where there are none.
    pub(crate) async fn count_rows_under(&self, key_id: &str) -> Result<BTreeMap<&'static str, u64>, DbErr> {
        let mut counts = BTreeMap::new();
        for (name, table, live) in keyed(self.ambient.now()) {
            let count = Query::select()
                .expr_as(Expr::cust("COUNT(*)"), "rows")
                .from(table)
                .and_where(Expr::col("key_id").eq(key_id))
                .cond_where(live)
                .to_owned();
            let row = self.database.read().query_one(&count).await?;
            let count: i64 = row.map(|row| row.try_get("", "rows")).transpose()?.unwrap_or_default();
            if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
                counts.insert(name, count);
            }
        }
        Ok(counts)
    }

    /// Gives rows their new tags, in one transaction.
    pub(crate) async fn rekey(&self, rows: &[(Class, Uuid, Tag)]) -> Result<(), DbErr> {
        let transaction = self.database.begin().await?;
        for (class, row, tag) in rows {
            if let Some(statement) = retag(*class, *row, tag) {
                transaction.execute(&statement).await?;
            }
        }
        transaction.commit().await
    }
}

/// What is made under a key: its name for people, its table, and which rows of it live.
fn keyed(now: Instant) -> [(&'static str, &'static str, Condition); 5] {
    let unexpired = || Condition::any().add(Expr::col("expires_at").is_null()).add(Expr::col("expires_at").gt(now));
    let token = || Condition::all().add(Expr::col("revoked_at").is_null()).add(unexpired());
    let open = Expr::col("state").is_in(["pending", "approved"]);
    let in_use = Expr::col("last_seen_at").gt(now - session::IDLE);
    [
        ("portal tokens", "portal_tokens", token()),
        ("API access tokens", "api_tokens", token()),
        ("portal secrets", "portal_secrets", unexpired()),
        ("codes", "codes", Condition::all().add(open).add(unexpired())),
        ("sessions", "sessions", Condition::all().add(in_use)),
    ]
}

/// Codes end within minutes, so that they need no new tags.
fn retag(class: Class, row: Uuid, tag: &Tag) -> Option<UpdateStatement> {
    let table = match class {
        Class::Portal => "portal_tokens",
        Class::Api => "api_tokens",
        Class::Session => "sessions",
        Class::Code | Class::CodeSecret => return None,
    };
    let statement = Query::update()
        .table(table)
        .value("tag", tag.bytes.clone())
        .value("key_id", tag.key_id.as_str())
        .and_where(Expr::col("uuid").eq(row))
        .to_owned();
    Some(statement)
}
