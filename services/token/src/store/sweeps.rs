//! Rows whose time is over.

use chrono::TimeDelta;
use kit::{ambient::Instant, db::alone};
use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait,
    sea_query::{Condition, DeleteStatement, Expr, Order, Query},
};

use super::{Store, revocations};
use crate::domain::{session, token::PortalKind};

/// The most rows that one transaction removes.
pub(crate) const BATCH: u64 = 500;

/// What is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// Portal tokens that expired more than a day ago, but for service tokens, which stay until they are removed (spec §4) or
    /// their portal is.
    ExpiredTokens,
    /// Portal tokens that were revoked more than a day ago.
    RevokedTokens,
    /// API access tokens that expired more than 30 days ago: until then their users may wonder why they fail.
    ExpiredApiTokens,
    /// API access tokens that were revoked more than 30 days ago.
    RevokedApiTokens,
    /// Codes that expired more than an hour ago.
    Codes,
    /// Sessions that nobody has used for so long that they have ended.
    Sessions,
    /// Notes of processes that ended more than an hour ago without taking them away.
    KeyReaders,
    /// Events that nobody carried on for a week.
    OutboxEvents,
    /// Revocations that verifiers were told of long ago; never the newest one, so that who missed some sees the gap.
    Revocations,
}

impl Swept {
    pub(crate) const ALL: [Self; 9] = [
        Self::ExpiredTokens,
        Self::RevokedTokens,
        Self::ExpiredApiTokens,
        Self::RevokedApiTokens,
        Self::Codes,
        Self::Sessions,
        Self::KeyReaders,
        Self::OutboxEvents,
        Self::Revocations,
    ];

    /// Where such rows are.
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::ExpiredTokens | Self::RevokedTokens => "portal_tokens",
            Self::ExpiredApiTokens | Self::RevokedApiTokens => "api_tokens",
            Self::Codes => "codes",
            Self::Sessions => "sessions",
            Self::KeyReaders => "key_readers",
            Self::OutboxEvents => "outbox_events",
            Self::Revocations => "revocations",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Revocations => "sequence",
            _ => "uuid",
        }
    }

    /// By which time a row is old, and since when it must be. The columns are indexed but for the few sessions and API access
    /// tokens.
    fn age(self) -> (&'static str, TimeDelta) {
        match self {
            Self::ExpiredTokens => ("expires_at", TimeDelta::days(1)),
            Self::RevokedTokens => ("revoked_at", TimeDelta::days(1)),
            Self::ExpiredApiTokens => ("expires_at", TimeDelta::days(30)),
            Self::RevokedApiTokens => ("revoked_at", TimeDelta::days(30)),
            Self::Codes => ("expires_at", TimeDelta::hours(1)),
            Self::Sessions => ("last_seen_at", session::IDLE + TimeDelta::hours(1)),
            Self::KeyReaders => ("seen_at", TimeDelta::hours(1)),
            Self::OutboxEvents => ("occurred_at", TimeDelta::days(7)),
            Self::Revocations => ("revoked_at", TimeDelta::hours(1)),
        }
    }
}

impl Store {
    /// Removes a batch of such rows, the oldest, and says how many it were. None where another replica does.
    pub(crate) async fn sweep(&self, swept: Swept) -> Result<u64, DbErr> {
        let transaction = self.database.begin().await?;
        if !alone(&transaction, swept.table()).await? {
            return Ok(0);
        }
        let removed = transaction.execute(&delete(swept, self.ambient.now())).await?;
        transaction.commit().await?;
        Ok(removed.rows_affected())
    }
}

fn delete(swept: Swept, now: Instant) -> DeleteStatement {
    let (column, age) = swept.age();
    let mut old = Query::select()
        .column(swept.key())
        .from(swept.table())
        .and_where(Expr::col(column).lt(now - age))
        .order_by(column, Order::Asc)
        .limit(BATCH)
        .to_owned();
    match swept {
        Swept::ExpiredTokens => old.cond_where(
            Condition::any().add(Expr::col("kind").ne(PortalKind::Service.word())).add(of_closed_portal(now - age)),
        ),
        Swept::Revocations => old.and_where(Expr::col("sequence").lt(Expr::from(revocations::head_subquery()))),
        _ => &mut old,
    };
    Query::delete().from_table(swept.table()).and_where(Expr::col(swept.key()).in_subquery(old)).to_owned()
}

/// Whether the token's portal was revoked for good by `before`.
fn of_closed_portal(before: Instant) -> Expr {
    let portal = Query::select()
        .expr(Expr::val(1))
        .from("known_portals")
        .and_where(Expr::col(("known_portals", "portal_uuid")).equals(("portal_tokens", "portal_uuid")))
        .and_where(Expr::col(("known_portals", "revoked_at")).lt(before))
        .to_owned();
    Expr::exists(portal)
}
