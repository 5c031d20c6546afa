//! Databases: `SQLite` (one writer, many readers) and `PostgreSQL` behind one handle.
//!
//! A service reads through [`Database::read`] and changes things in [`Database::begin`]. Times are stored as UTC with
//! microseconds, ids as UUIDs.

mod commits;
mod hints;
mod locks;
pub mod transfer;
mod windows;

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{
    AccessMode, ConnAcquireErr, ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection,
    DatabaseTransaction, DbErr, IsolationLevel, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    TryGetable,
    sqlx::{self, Connection, postgres::PgConnection, sqlite::SqliteConnection},
};
use sea_orm_migration::MigratorTrait;

use crate::telemetry::watch;

pub use commits::{Uncommitted, commit};
pub use hints::{hint, listen};
pub use locks::alone;
pub use windows::create_windows;
pub(crate) use windows::{BATCH, Claim, Claimed, Windows};

/// How long is waited for a connection of a pool, which on `SQLite` is the wait for the one writer of this process, and for
/// another process that holds the lock of an `SQLite` file.
const WAIT: Duration = Duration::from_secs(5);
/// Connections that read, and as many that write, on `PostgreSQL` unless set: who waits for locks takes none from those who
/// read.
pub const CONNECTIONS: u32 = 8;
/// How long the readiness probe waits for an answer.
const PROBE: Duration = Duration::from_secs(1);
/// A connection that nobody has used for so long is asked whether it still is one: a server that was restarted has closed those
/// that were idle, and the first who used one would fail. Those in use find out by themselves, once each.
const POSTGRES_IDLE: Duration = Duration::from_secs(1);
/// How long that answer may take, and one that nobody waits for any more, when a connection comes back to the pool with one under
/// way. After that it is closed: a server that hangs would keep all connections of the pool, for as long as TCP believes in it.
const POSTGRES_ANSWER: Duration = Duration::from_millis(250);
/// How long a statement on `PostgreSQL` waits for a lock, how long it takes at most, and how long a transaction may do nothing,
/// in milliseconds.
const POSTGRES_LIMITS: [(&str, &str); 3] =
    [("lock_timeout", "2000"), ("statement_timeout", "5000"), ("idle_in_transaction_session_timeout", "5000")];

/// Why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names neither `SQLite` nor `PostgreSQL`.
    #[error("the database URL must begin with sqlite: or postgres:")]
    Scheme,
    /// It can't be opened or asked.
    #[error("the database can't be opened")]
    Database(#[from] DbErr),
    /// It was changed by a version that this one doesn't know.
    #[error("the database was made by another version of portals: this one doesn't know its migration {0:?}")]
    UnknownSchema(String),
    /// Migrations are missing and this role doesn't run them.
    #[error("the database is {0} migrations behind this version: run `portals migrate` first")]
    Behind(usize),
    /// The file of an `SQLite` database is damaged.
    #[error("the database file is damaged ({0}): bring back a backup of it")]
    Damaged(String),
    /// Commits would not survive a power loss.
    #[error("{0} must be {1} for a commit to survive a power loss, but it is {2:?}")]
    NotDurable(&'static str, String, String),
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    pools: Arc<Pools>,
}

/// The connections once more, for who looks at their number: as long as somebody has the database.
#[derive(Debug)]
struct Pools([(&'static str, DatabaseConnection); 2]);

impl Database {
    fn of(reader: DatabaseConnection, writer: DatabaseConnection) -> Self {
        let pools = Arc::new(Pools([("read", reader.clone()), ("write", writer.clone())]));
        Self { reader, writer, pools }
    }

    /// Has `/metrics` show this database's connections, under `name`.
    pub fn show(&self, name: &'static str) {
        watch(&self.pools, move |Pools(pools)| {
            for (pool, connection) in pools {
                let (open, idle) = if connection.get_database_backend() == DatabaseBackend::Sqlite {
                    let pool = connection.get_sqlite_connection_pool();
                    (pool.size(), pool.num_idle())
                } else {
                    let pool = connection.get_postgres_connection_pool();
                    (pool.size(), pool.num_idle())
                };
                let busy = open.saturating_sub(u32::try_from(idle).unwrap_or(open));
                metrics::gauge!("portals_database_connections", "database" => name, "pool" => *pool).set(open);
                metrics::gauge!("portals_database_connections_busy", "database" => name, "pool" => *pool).set(busy);
            }
        });
    }

    /// Opens the database at `url` (`sqlite:<file>` or `postgres://…`) and checks that its commits are durable.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_with(url, CONNECTIONS).await
    }

    /// The same with so many connections that read and as many that write. `SQLite` has its own numbers.
    pub async fn open_with(url: &str, connections: u32) -> Result<Self, OpenError> {
        let database = if url.starts_with("sqlite:") {
            // The writer comes first: it makes the file and switches it to WAL, which readers alone may not.
            let writer = connect(sqlite(url, 1)).await?;
            let reader = connect(sqlite(url, 4)).await?;
            Self::of(reader, writer)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let writer = connect(postgres(url, connections)).await?;
            let reader = connect(postgres(url, connections)).await?;
            Self::of(reader, writer)
        } else {
            return Err(OpenError::Scheme);
        };
        database.assert_durable().await?;
        Ok(database)
    }

    /// The URL of the `SQLite` file at `path`. In a URL a `?` ends the path and a `%` begins a byte, so these are encoded.
    #[must_use]
    pub fn sqlite_url(path: &Path) -> String {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?%".contains(&byte);
        let encode = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
        format!("sqlite://{}", path.as_os_str().as_encoded_bytes().iter().map(encode).collect::<String>())
    }

    /// For reads outside a transaction.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that writes: `BEGIN IMMEDIATE` on `SQLite`, so that it never fails half-way for want of a lock.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            isolation_level: None,
            access_mode: Some(AccessMode::ReadWrite),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        };
        let options = match self.writer.get_database_backend() {
            DatabaseBackend::Sqlite => TransactionOptions { access_mode: None, ..options },
            _ => TransactionOptions { sqlite_transaction_mode: None, ..options },
        };
        let begun = Instant::now();
        let transaction = self.writer.begin_with_options(options).await;
        let outcome = if transaction.is_ok() { "ok" } else { "failed" };
        metrics::histogram!("portals_database_begin_seconds", "outcome" => outcome).record(begun.elapsed());
        transaction
    }

    /// Whether other processes may serve the same database.
    #[must_use]
    pub fn may_have_replicas(&self) -> bool {
        self.reader.get_database_backend() != DatabaseBackend::Sqlite
    }

    /// Brings the schema up to this version, or changes nothing. Refuses a schema that this version doesn't know. Of several
    /// processes that migrate at once one does it, and the others wait and find it done.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), OpenError> {
        // One transaction, on `SQLite` too, where sea-orm uses none: a process that is killed half-way must not leave
        // tables behind that the next start can't make again.
        let transaction = self.begin_long().await?;
        locks::migrate_alone(&transaction).await?;
        refuse_unknown::<M>(&transaction).await?;
        M::up(&transaction, None).await?;
        Ok(transaction.commit().await?)
    }

    /// As [`Database::begin`], for what takes the time it needs.
    pub(crate) async fn begin_long(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        lift_limits(&transaction).await?;
        Ok(transaction)
    }

    /// A transaction that reads what was committed when it began, for as long as it takes, and nothing that comes later.
    pub(crate) async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        if self.reader.get_database_backend() == DatabaseBackend::Sqlite {
            // A reader sees what was there at its first read.
            return self.reader.begin().await;
        }
        let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
        let transaction = self.reader.begin_with_config(Some(isolation), Some(access)).await?;
        lift_limits(&transaction).await?;
        Ok(transaction)
    }

    /// Refuses a schema that isn't exactly this version's, and a damaged file, without changing them.
    pub async fn require_schema<M: MigratorTrait>(&self) -> Result<(), OpenError> {
        if self.reader.get_database_backend() == DatabaseBackend::Sqlite {
            // Reads every page. PostgreSQL has sums of its own on them, or its operator didn't want any.
            let found: String = self.ask("PRAGMA quick_check(1)").await?;
            if found != "ok" {
                return Err(OpenError::Damaged(found.replace('\n', " ")));
            }
        }
        refuse_unknown::<M>(&self.writer).await?;
        match M::get_pending_migrations(&self.writer).await?.len() {
            0 => Ok(()),
            pending => Err(OpenError::Behind(pending)),
        }
    }

    /// Asks the database whether it answers, soon: the readiness probe. One that hangs is as good as none.
    pub async fn ping(&self) -> Result<(), DbErr> {
        let answered = tokio::time::timeout(PROBE, self.reader.ping()).await;
        answered.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
    }

    async fn assert_durable(&self) -> Result<(), OpenError> {
        let require = |name, want: &[&str], value: String| {
            let first = want.first().copied().unwrap_or_default().to_owned();
            if want.contains(&value.as_str()) { Ok(()) } else { Err(OpenError::NotDurable(name, first, value)) }
        };
        if self.writer.get_database_backend() == DatabaseBackend::Sqlite {
            let synchronous: i32 = self.ask("PRAGMA synchronous").await?;
            let name = match synchronous {
                2 => "FULL".to_owned(),
                3 => "EXTRA".to_owned(),
                number => number.to_string(),
            };
            require("synchronous", &["FULL", "EXTRA"], name)?;
            return require("journal_mode", &["wal"], self.ask("PRAGMA journal_mode").await?);
        }
        let good = ["on", "remote_apply", "remote_write", "local"];
        require("synchronous_commit", &good, self.ask("SHOW synchronous_commit").await?)?;
        for setting in ["fsync", "full_page_writes"] {
            // A throw-away database may be without; nobody else's should be.
            if self.ask::<String>(&format!("SHOW {setting}")).await? == "off" {
                tracing::warn!(setting, "is off: the database may be lost with the power");
            }
        }
        Ok(())
    }

    async fn ask<T: TryGetable>(&self, question: &str) -> Result<T, DbErr> {
        let statement = Statement::from_string(self.writer.get_database_backend(), question);
        let row = self.writer.query_one_raw(statement).await?;
        row.ok_or_else(|| DbErr::RecordNotFound(question.to_owned()))?.try_get_by_index(0)
    }
}

async fn lift_limits(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        for (limit, _) in POSTGRES_LIMITS {
            transaction.execute_unprepared(&format!("SET LOCAL {limit} = 0")).await?;
        }
    }
    Ok(())
}

async fn refuse_unknown<M: MigratorTrait>(connection: &impl ConnectionTrait) -> Result<(), OpenError> {
    let known: Vec<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = M::get_migration_models(connection).await?;
    match applied.into_iter().find(|row| !known.contains(&row.version)) {
        Some(row) => Err(OpenError::UnknownSchema(row.version)),
        None => Ok(()),
    }
}

fn postgres(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections.max(1));
    options.map_sqlx_postgres_opts(|postgres| postgres.options(POSTGRES_LIMITS));
    options.map_sqlx_postgres_pool_opts(|pool| {
        pool.before_acquire(|connection, seen| Box::pin(lives(connection, seen.idle_for)))
            .after_release(|connection, _| Box::pin(settle(connection)))
    });
    options
}

/// Asks a connection that has been idle for so long whether it still is one; if not, the next one is taken. All of a pool may have
/// fallen silent: who waits for one mustn't spend all the time on the first.
async fn lives(connection: &mut PgConnection, idle: Duration) -> Result<bool, sqlx::Error> {
    if idle >= POSTGRES_IDLE {
        in_time(connection.ping()).await?;
    }
    Ok(true)
}

/// Waits for the answer that is under way on a connection that its user has left, if there is one. Says whether the connection can
/// be used again: see [`has_ended`].
async fn settle(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    in_time(connection.flush()).await?;
    Ok(!connection.is_in_transaction())
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(POSTGRES_ANSWER, answer).await;
    answered.map_err(|_elapsed| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))?
}

/// Whether the transaction of a connection that comes back to the pool has ended. Where a commit fails, as on a full disk, nobody
/// rolls back, and the next transaction would be a savepoint in that one: its commit would be acknowledged and be none.
async fn has_ended(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback may be under way.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Connects, and counts the statements.
async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let mut connection = sea_orm::Database::connect(options).await?;
    connection.set_metric_callback(|done| {
        let kind = if done.statement.sql.starts_with("SELECT") { "read" } else { "write" };
        metrics::counter!("portals_database_statements_total", "kind" => kind).increment(1);
    });
    Ok(connection)
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(WAIT)
        .sqlx_logging(false)
        .test_before_acquire(false);
    options
}

fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    options.idle_timeout(None::<Duration>).max_lifetime(None::<Duration>);
    options.map_sqlx_sqlite_pool_opts(|pool| pool.after_release(|connection, _| Box::pin(has_ended(connection))));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(WAIT)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
    });
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_url_of_a_path_opens_that_path_whatever_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["plain", "what?mode=memory", "100%", "%41", "a b#c", "ünï"] {
            let path = directory.path().join(name);
            Database::open(&Database::sqlite_url(&path)).await.unwrap();
            assert!(path.is_file(), "{name}");
        }
        assert_eq!(Database::sqlite_url(Path::new("//a/b")), "sqlite:////a/b");
    }
}
