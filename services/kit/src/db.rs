//! Databases: `SQLite` (one writer, many readers) and `PostgreSQL` behind one handle.
//!
//! A service reads through [`Database::read`] and changes things in [`Database::begin`]. Times are stored as UTC with
//! microseconds, ids as UUIDs.

use std::{path::Path, time::Duration};

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, TryGetable,
};
use sea_orm_migration::MigratorTrait;

/// How long is waited for a connection of a pool, which on `SQLite` is the wait for the one writer of this process, and for
/// another process that holds the lock of an `SQLite` file.
const WAIT: Duration = Duration::from_secs(5);
/// Connections that read, and as many that write: who waits for locks takes none from those who read.
const POSTGRES_CONNECTIONS: u32 = 8;
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
    /// Commits would not survive a power loss.
    #[error("{0} must be {1} for a commit to survive a power loss, but it is {2:?}")]
    NotDurable(&'static str, String, String),
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
}

impl Database {
    /// Opens the database at `url` (`sqlite:<file>` or `postgres://…`) and checks that its commits are durable.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let database = if url.starts_with("sqlite:") {
            // The writer comes first: it makes the file and switches it to WAL, which readers alone may not.
            let writer = connect(sqlite(url, 1)).await?;
            let reader = connect(sqlite(url, 4)).await?;
            Self { reader, writer }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let writer = connect(postgres(url)).await?;
            let reader = connect(postgres(url)).await?;
            Self { reader, writer }
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
        self.writer.begin_with_options(options).await
    }

    /// Brings the schema up to this version, or changes nothing. Refuses a schema that this version doesn't know.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), OpenError> {
        self.refuse_unknown::<M>().await?;
        // One transaction, on `SQLite` too, where sea-orm uses none: a process that is killed half-way must not leave
        // tables behind that the next start can't make again.
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DatabaseBackend::Postgres {
            // Migrations take the time they need.
            for (limit, _) in POSTGRES_LIMITS {
                transaction.execute_unprepared(&format!("SET LOCAL {limit} = 0")).await?;
            }
        }
        M::up(&transaction, None).await?;
        Ok(transaction.commit().await?)
    }

    /// Refuses a schema that isn't exactly this version's, without changing it.
    pub async fn require_schema<M: MigratorTrait>(&self) -> Result<(), OpenError> {
        self.refuse_unknown::<M>().await?;
        match M::get_pending_migrations(&self.writer).await?.len() {
            0 => Ok(()),
            pending => Err(OpenError::Behind(pending)),
        }
    }

    /// Asks the database for one row: the readiness probe.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    async fn refuse_unknown<M: MigratorTrait>(&self) -> Result<(), OpenError> {
        let known: Vec<String> = M::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        let applied = M::get_migration_models(&self.writer).await?;
        match applied.into_iter().find(|row| !known.contains(&row.version)) {
            Some(row) => Err(OpenError::UnknownSchema(row.version)),
            None => Ok(()),
        }
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

fn postgres(url: &str) -> ConnectOptions {
    let mut options = options(url, POSTGRES_CONNECTIONS);
    options.map_sqlx_postgres_opts(|postgres| postgres.options(POSTGRES_LIMITS));
    options
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
