//! The last use of tokens. The same columns in each table of tokens.

use std::collections::HashMap;

use kit::ambient::Instant;
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait,
    sea_query::{Expr, Query, SelectStatement, UpdateStatement},
};
use uuid::Uuid;

use super::Store;
use crate::domain::uses::{BETWEEN_WRITES, Use};

/// The most tokens that one statement asks for.
const MOST_ASKED: usize = 500;

/// Whose uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Used {
    PortalTokens,
    ApiTokens,
}

impl Used {
    const fn name(self) -> &'static str {
        match self {
            Self::PortalTokens => "portal_tokens",
            Self::ApiTokens => "api_tokens",
        }
    }
}

impl Store {
    /// Writes those uses that are due, in one transaction, and says how many that were. Where none is due nothing is locked.
    pub(crate) async fn note_uses(&self, table: Used, uses: &[Use]) -> Result<usize, DbErr> {
        let mut due = self.due(table, uses).await?;
        if due.is_empty() {
            return Ok(0);
        }
        // Replicas that write the same tokens lock their rows in the same order.
        due.sort_unstable_by_key(|one| (one.token, one.at));
        let transaction = self.database.begin().await?;
        for one in &due {
            transaction.execute(&update(table, one)).await?;
        }
        transaction.commit().await?;
        Ok(due.len())
    }

    async fn due(&self, table: Used, uses: &[Use]) -> Result<Vec<Use>, DbErr> {
        let mut due = Vec::new();
        for uses in uses.chunks(MOST_ASKED) {
            let mut written = HashMap::new();
            for row in self.database.read().query_all(&written_before(table, uses)).await? {
                let last: Option<Instant> = row.try_get("", "last_used_at")?;
                written.insert(row.try_get::<Uuid>("", "uuid")?, last);
            }
            due.extend(uses.iter().filter(|one| written.get(&one.token).is_some_and(|last| one.is_due(*last))));
        }
        Ok(due)
    }
}

fn written_before(table: Used, uses: &[Use]) -> SelectStatement {
    Query::select()
        .columns(["uuid", "last_used_at"])
        .from(table.name())
        .and_where(Expr::col("uuid").is_in(uses.iter().map(|one| one.token)))
        .to_owned()
}

/// Another replica may have written meanwhile.
fn update(table: Used, Use { token, at, ip }: &Use) -> UpdateStatement {
    let due = Expr::col("last_used_at").is_null().or(Expr::col("last_used_at").lte(*at - BETWEEN_WRITES));
    Query::update()
        .table(table.name())
        .value("last_used_at", *at)
        .value("last_used_ip", ip.map(|ip| ip.to_string()))
        .and_where(Expr::col("uuid").eq(*token))
        .and_where(due)
        .to_owned()
}
