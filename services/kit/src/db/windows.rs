//! Windows of limits that several processes share (ADR 25): a row for each key and window, of which they claim parts.
//!
//! Such a row is worth nothing after its window, so that on `PostgreSQL` the table is unlogged: no claim waits for a disk. A
//! server that crashes empties it, and the windows of that moment begin anew.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Statement, sea_query::Expr, sea_query::ExprTrait,
};
use uuid::Uuid;

use super::Database;
use crate::ambient::Instant;

/// The most rows that one statement sweeps.
pub(crate) const BATCH: u64 = 500;

/// `$1` key, `$2` end, `$3` owed, `$4` limit, `$5` wanted, `$6` in how many parts what is left is shared. What is owed is
/// written whatever is left; beyond it a part of what is left, but what is wanted at least if there is as much.
const CLAIM: &str = "\
INSERT INTO limit_windows AS w (key, ends_at, part, claimed) \
VALUES ($1, $2, $3 + GREATEST(LEAST(GREATEST(($4 - $3) / $6, $5), $4 - $3), 0), \
$3 + GREATEST(LEAST(GREATEST(($4 - $3) / $6, $5), $4 - $3), 0)) \
ON CONFLICT (key) DO UPDATE SET \
part = $3 + GREATEST(LEAST(GREATEST(($4 - $3 - w.claimed) / $6, $5), $4 - $3 - w.claimed), 0), \
claimed = w.claimed + $3 + GREATEST(LEAST(GREATEST(($4 - $3 - w.claimed) / $6, $5), $4 - $3 - w.claimed), 0) \
RETURNING part, claimed";

/// What a process asks of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// Of what is counted, and of the window.
    pub(crate) key: Uuid,
    /// When the window ends.
    pub(crate) ends_at: Instant,
    pub(crate) limit: u32,
    /// What it spent already without asking.
    pub(crate) owed: u32,
    /// What it needs now.
    pub(crate) wanted: u32,
    /// In how many parts what is left is shared.
    pub(crate) share: u32,
}

/// What it was given, what was owed included, and what all were given so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) part: u64,
    pub(crate) claimed: u64,
}

/// The shared windows of a database.
#[derive(Clone, Debug)]
pub(crate) struct Windows(Database);

impl Windows {
    /// `None` where no other process uses the database.
    pub(crate) fn of(database: &Database) -> Option<Self> {
        database.may_have_replicas().then(|| Self(database.clone()))
    }

    /// Claims a part of a window, in one statement.
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Claimed, DbErr> {
        let Claim { key, ends_at, limit, owed, wanted, share } = claim;
        let numbers = [owed, limit, wanted, share].map(|number| i64::from(number).into());
        let values = [key.into(), ends_at.into()].into_iter().chain(numbers);
        // Not among those who write: who waits there for locks would hold up requests that change nothing.
        let connection = &self.0.reader;
        let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, CLAIM, values);
        let row = connection.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the window that was claimed from".to_owned()))?;
        let read = |index| row.try_get_by_index::<i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
        Ok(Claimed { part: read(0)?, claimed: read(1)? })
    }

    /// Gives back what was claimed and not spent.
    pub(crate) async fn give_back(&self, key: Uuid, part: u32) -> Result<(), DbErr> {
        let less = Expr::col(row::Column::Claimed).sub(i64::from(part));
        let update = row::Entity::update_many().col_expr(row::Column::Claimed, less);
        update.filter(row::Column::Key.eq(key)).exec(&self.0.reader).await?;
        Ok(())
    }

    /// What all were given of a window so far.
    pub(crate) async fn claimed(&self, key: Uuid) -> Result<u64, DbErr> {
        let row = row::Entity::find_by_id(key).one(&self.0.reader).await?;
        Ok(row.map_or(0, |row| u64::try_from(row.claimed).unwrap_or(0)))
    }

    /// Removes windows that were over by `end`, at most [`BATCH`], and says how many it were.
    pub(crate) async fn sweep(&self, end: Instant) -> Result<u64, DbErr> {
        let old = row::Entity::find().filter(row::Column::EndsAt.lt(end)).select_only();
        let old = old.column(row::Column::Key).order_by_asc(row::Column::EndsAt).limit(BATCH).into_query();
        let delete = row::Entity::delete_many().filter(row::Column::Key.in_subquery(old));
        Ok(delete.exec(&self.0.reader).await?.rows_affected)
    }
}

/// Makes the table, for a service's migration.
pub async fn create_windows(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    // On SQLite it stays empty: one process counts in memory. It is there so that both engines have one schema.
    let (unlogged, id, time) = match connection.get_database_backend() {
        DatabaseBackend::Postgres => ("UNLOGGED", "uuid", "timestamptz"),
        _ => ("", "uuid_text", "timestamp_with_timezone_text"),
    };
    let table = format!(
        "CREATE {unlogged} TABLE limit_windows (key {id} NOT NULL PRIMARY KEY, ends_at {time} NOT NULL, \
         part bigint NOT NULL, claimed bigint NOT NULL)"
    );
    connection.execute_unprepared(&table).await?;
    connection.execute_unprepared("CREATE INDEX limit_windows_end ON limit_windows (ends_at)").await?;
    Ok(())
}

mod row {
    #![allow(missing_docs, unreachable_pub, reason = "a sea-orm entity: derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "limit_windows")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: Uuid,
        pub ends_at: DateTimeUtc,
        pub part: i64,
        pub claimed: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
