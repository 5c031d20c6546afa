//! Databases: `SQLite` (one writer, many readers) and `PostgreSQL` behind one handle.
//!
//! A service reads through [`Database::read`] and changes things in [`Database::begin`]. Times are stored as UTC with
//! microseconds, ids as UUIDs.

use std::{path::Path, time::Duration};

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;

/// How long a statement waits for a connection or a lock before it gives up.
const WAIT: Duration = Duration::from_secs(5);

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
    NotDurable(&'static str, &'static str, String),
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
            let writer = sea_orm::Database::connect(sqlite(url, 1)).await?;
            let reader = sea_orm::Database::connect(sqlite(url, 4)).await?;
            Self { reader, writer }
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pool = sea_orm::Database::connect(options(url, 16)).await?;
            Self { reader: pool.clone(), writer: pool }
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
        let backend = self.writer.get_database_backend();
        // PRAGMA synchronous answers a number: 2 is FULL, 3 EXTRA.
        let (ask, name, want): (_, _, &[&str]) = match backend {
            DatabaseBackend::Sqlite => ("PRAGMA synchronous", "synchronous", &["2", "3"]),
            _ => ("SHOW synchronous_commit", "synchronous_commit", &["on", "remote_apply", "remote_write", "local"]),
        };
        let row = self.writer.query_one_raw(Statement::from_string(backend, ask)).await?;
        let value = match row {
            Some(row) if backend == DatabaseBackend::Sqlite => row.try_get_by_index::<i32>(0)?.to_string(),
            Some(row) => row.try_get_by_index::<String>(0)?,
            None => String::new(),
        };
        if want.contains(&value.as_str()) {
            return Ok(());
        }
        Err(OpenError::NotDurable(name, if backend == DatabaseBackend::Sqlite { "FULL" } else { "on" }, value))
    }
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
