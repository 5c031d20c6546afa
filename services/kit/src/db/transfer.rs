//! Moving what a database holds into another one, of the same engine or the other: table by table, value by value, with nothing
//! of either engine's own.
//!
//! What tables there are, the database says itself: a table that a later migration adds travels, too. The migrations' own books
//! don't; both sides must be of one version.

mod catalog;
mod cell;

use std::{collections::BTreeMap, io};

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement, StreamTrait,
    sea_query::{Expr, Query},
};
use sea_orm_migration::MigratorTrait;
use serde_json::Value as Json;
use tokio_stream::StreamExt;

use super::Database;
use catalog::Table;

/// The most values of one statement: `SQLite` takes 32 766.
const MOST_VALUES: usize = 20_000;

/// A row: its values in the order of the table's columns, in a form that both engines' come to.
pub type Row = Vec<Json>;

/// The rows of tables, by the tables' names.
pub type Rows = BTreeMap<String, Vec<Row>>;

/// Why something can't be moved.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The database can't be asked, or refuses a row.
    #[error("the database can't be read or written")]
    Database(#[from] DbErr),
    /// A table has a column of a type that no migration gave it.
    #[error("the column {1} of {0} is of an unknown type: {2:?}")]
    Type(String, String, String),
    /// A value isn't of its column's type.
    #[error("a value of the column {1} of {0} isn't what the column holds")]
    Cell(String, String),
    /// The database holds something already.
    #[error("the database isn't empty: {0} holds rows")]
    NotEmpty(String),
    /// There is no such table here, or it has other columns.
    #[error("the table {0} isn't the one that this version has")]
    Table(String),
    /// What was read can't be passed on.
    #[error("it can't be passed on")]
    Io(#[from] io::Error),
}

/// The names of the migrations of a version, in their order.
#[must_use]
pub fn versions<M: MigratorTrait>() -> Vec<String> {
    M::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// What a database holds that was only migrated.
pub async fn fresh<M: MigratorTrait>() -> Result<Rows, TransferError> {
    let mut options = sea_orm::ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    let connection = sea_orm::Database::connect(options).await?;
    M::up(&connection, None).await?;
    let transaction = sea_orm::TransactionTrait::begin(&connection).await?;
    let (outgoing, mut rows) = (Outgoing::of(transaction).await?, Rows::new());
    for table in outgoing.tables() {
        let kept = rows.entry(table.to_owned()).or_default();
        let keep = |row: Row| {
            kept.push(row);
            Ok(())
        };
        outgoing.read(table, keep).await?;
    }
    Ok(rows)
}

/// What a database holds, as it was at one instant.
pub struct Outgoing {
    transaction: DatabaseTransaction,
    tables: Vec<Table>,
}

impl Outgoing {
    /// Whatever is committed from now on isn't seen.
    pub async fn begin(database: &Database) -> Result<Self, TransferError> {
        Self::of(database.begin_snapshot().await?).await
    }

    async fn of(transaction: DatabaseTransaction) -> Result<Self, TransferError> {
        let tables = catalog::read(&transaction).await?;
        Ok(Self { transaction, tables })
    }

    /// The tables, each behind those that it refers to.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().map(|table| table.name.as_str())
    }

    /// The names of a table's columns.
    #[must_use]
    pub fn columns(&self, table: &str) -> Vec<String> {
        let columns = self.tables.iter().filter(|one| one.name == table).flat_map(|one| &one.columns);
        columns.map(|column| column.name.clone()).collect()
    }

    /// Passes on each row of a table, ordered by its key, and says how many they were.
    pub async fn read(&self, table: &str, each: impl FnMut(Row) -> io::Result<()>) -> Result<u64, TransferError> {
        let table = find(&self.tables, table)?;
        read(&self.transaction, table, each).await
    }
}

/// A database that is being filled, whole or not at all.
pub struct Incoming {
    transaction: DatabaseTransaction,
    tables: Vec<Table>,
}

impl Incoming {
    /// Takes a migrated database that holds nothing but `fresh`, which goes. Nobody else can write to it until the end.
    pub async fn begin(database: &Database, fresh: &Rows) -> Result<Self, TransferError> {
        let transaction = database.begin_long().await?;
        let tables = catalog::read(&transaction).await?;
        for table in &tables {
            if backend(&transaction) == DatabaseBackend::Postgres {
                let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", catalog::quoted(&table.name));
                transaction.execute_unprepared(&lock).await?;
            }
            let (expected, mut found) = (fresh.get(&table.name).map(Vec::as_slice).unwrap_or_default(), Vec::new());
            let first = |row: Row| {
                // One more than expected is enough to know.
                if found.len() > expected.len() {
                    return Err(io::ErrorKind::Other.into());
                }
                found.push(row);
                Ok(())
            };
            match read(&transaction, table, first).await {
                Ok(_) if found == expected => {}
                Ok(_) | Err(TransferError::Io(_)) => return Err(TransferError::NotEmpty(table.name.clone())),
                Err(error) => return Err(error),
            }
        }
        for table in tables.iter().rev() {
            transaction.execute_unprepared(&format!("DELETE FROM {}", catalog::quoted(&table.name))).await?;
        }
        Ok(Self { transaction, tables })
    }

    /// Whether there is a table of this name.
    #[must_use]
    pub fn has(&self, table: &str) -> bool {
        self.tables.iter().any(|one| one.name == table)
    }

    /// Writes rows whose values stand in the order of `columns`, which must be all of the table's.
    pub async fn write(&self, table: &str, columns: &[String], rows: Vec<Row>) -> Result<(), TransferError> {
        let table = find(&self.tables, table)?;
        let strange = || TransferError::Table(table.name.clone());
        if columns.len() != table.columns.len() {
            return Err(strange());
        }
        let column = |name: &String| table.columns.iter().find(|column| column.name == *name).ok_or_else(strange);
        let columns = columns.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let (mut rows, backend) = (rows.into_iter(), backend(&self.transaction));
        loop {
            let mut insert = Query::insert();
            insert.into_table(table.name.clone()).columns(columns.iter().map(|column| column.name.clone()));
            let most = (MOST_VALUES / columns.len().max(1)).max(1);
            let mut count = 0;
            for row in rows.by_ref().take(most) {
                if row.len() != columns.len() {
                    return Err(strange());
                }
                let wrong = |name: &str| TransferError::Cell(table.name.clone(), name.to_owned());
                let cells = row.into_iter().zip(&columns);
                let cells =
                    cells.map(|(cell, column)| column.kind.write(cell, backend).ok_or_else(|| wrong(&column.name)));
                insert
                    .values(cells.collect::<Result<Vec<Expr>, _>>()?)
                    .map_err(|_count: sea_orm::sea_query::error::Error| strange())?;
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.transaction.execute(&insert).await?;
        }
    }

    /// How many rows a table has now.
    pub async fn count(&self, table: &str) -> Result<u64, TransferError> {
        let count = format!("SELECT count(*) FROM {}", catalog::quoted(table));
        let statement = Statement::from_string(backend(&self.transaction), count);
        let row = self.transaction.query_one_raw(statement).await?;
        let count: i64 = row.ok_or_else(|| TransferError::Table(table.to_owned()))?.try_get_by_index(0)?;
        Ok(count.unsigned_abs())
    }

    /// Makes it count.
    pub async fn commit(self) -> Result<(), TransferError> {
        Ok(self.transaction.commit().await?)
    }
}

fn find<'a>(tables: &'a [Table], name: &str) -> Result<&'a Table, TransferError> {
    tables.iter().find(|table| table.name == name).ok_or_else(|| TransferError::Table(name.to_owned()))
}

fn backend(transaction: &DatabaseTransaction) -> DatabaseBackend {
    ConnectionTrait::get_database_backend(transaction)
}

async fn read(
    transaction: &DatabaseTransaction,
    table: &Table,
    mut each: impl FnMut(Row) -> io::Result<()>,
) -> Result<u64, TransferError> {
    let statement = Statement::from_string(backend(transaction), table.select());
    let (mut stream, mut count) = (transaction.stream_raw(statement).await?, 0);
    while let Some(row) = stream.next().await {
        let row = row?;
        let cell = |column: &catalog::Column| column.kind.read(&row, &column.name);
        each(table.columns.iter().map(cell).collect::<Result<Row, _>>()?)?;
        count += 1;
    }
    Ok(count)
}
