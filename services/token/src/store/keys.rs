//! Which rows need which root key. The same columns in each table of keyed rows.

use std::collections::BTreeSet;

use kit::{
    ambient::Instant,
    canary::{self, Needed},
    db::Database,
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, ExprTrait,
    sea_query::{Condition, Expr, Query, UpdateStatement},
};
use uuid::Uuid;

use super::{Store, commit};
use crate::{
    domain::{
        session,
        tag::{Class, Tag},
    },
    error::Error,
};

impl Store {
    /// The database, for the canary.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// How many live rows were made under the key of that id, by what they are; nothing where there are none.
    pub(crate) async fn count_rows_under(&self, key_id: &str) -> Result<Needed, DbErr> {
        count(self.database.read(), key_id, self.ambient.now()).await
    }

    /// Forgets the key of that id unless live rows need it, which are counted then.
    pub(crate) async fn forget_key(&self, key_id: &str) -> Result<Needed, DbErr> {
        let now = self.ambient.now();
        canary::forget(&self.database, key_id, async |transaction| count(transaction, key_id, now).await).await
    }

    /// Gives rows their new tags, in one transaction.
    pub(crate) async fn rekey(&self, rows: &[(Class, Uuid, Tag)]) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        for (class, row, tag) in rows {
            if let Some(statement) = retag(*class, *row, tag) {
                transaction.execute(&statement).await?;
            }
        }
        hold(&transaction, rows.iter().map(|(_, _, tag)| tag.key_id.as_str())).await?;
        commit(transaction).await
    }
}

/// Makes sure that no key of `ids` is retired before `transaction` ends, which makes rows under them; fails if one is already.
/// To be called by everyone who writes a `key_id`.
pub(super) async fn hold<'a>(
    transaction: &DatabaseTransaction,
    ids: impl IntoIterator<Item = &'a str> + Send,
) -> Result<(), Error> {
    let ids: BTreeSet<_> = ids.into_iter().collect();
    if ids.is_empty() || canary::hold(transaction, &ids).await? { Ok(()) } else { Err(Error::KeyRetired) }
}

async fn count(connection: &impl ConnectionTrait, key_id: &str, now: Instant) -> Result<Needed, DbErr> {
    let mut counts = Needed::new();
    for (name, table, live) in keyed(now) {
        let count = Query::select()
            .expr_as(Expr::cust("COUNT(*)"), "rows")
            .from(table)
            .and_where(Expr::col("key_id").eq(key_id))
            .cond_where(live)
            .to_owned();
        let row = connection.query_one(&count).await?;
        let count: i64 = row.map(|row| row.try_get("", "rows")).transpose()?.unwrap_or_default();
        if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
            counts.insert(name, count);
        }
    }
    Ok(counts)
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
