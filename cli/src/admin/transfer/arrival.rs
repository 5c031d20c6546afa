//! What a file holds, on its way into databases.

use std::{collections::BTreeMap, io::BufRead};

use kit::db::transfer::{Incoming, Row, TransferError};

use super::{
    archive::{Line, Reader},
    books::Books,
};
use crate::failure::Failure;

/// Rows that are read before they are written together.
const TOGETHER: usize = 500;

/// The databases that are being filled.
struct Arrival<'a> {
    books: &'a Books,
    databases: BTreeMap<&'static str, Incoming>,
    /// Where rows belong now; `None`: to a service that isn't asked for.
    table: Option<Table>,
    rows: Vec<Row>,
    /// How many rows each database's tables were given.
    written: BTreeMap<(&'static str, String), u64>,
}

#[derive(Clone, Debug)]
struct Table {
    book: &'static str,
    name: String,
    columns: Vec<String>,
}

/// Takes the rows in, and says how many. All of a database's in one transaction; nothing counts before the file's end was read.
pub(super) async fn read(books: &Books, mut reader: Reader<impl BufRead>) -> Result<u64, Failure> {
    books.require(&reader.begin()?)?;
    let mut databases = BTreeMap::new();
    for book in books.iter() {
        databases.insert(book.name, Incoming::begin(&book.database, &book.fresh).await.map_err(failed)?);
    }
    let mut arrival = Arrival { books, databases, table: None, rows: Vec::new(), written: BTreeMap::new() };
    loop {
        match reader.next()? {
            Line::Table { of, table, columns } => arrival.begin(&of, table, columns)?,
            Line::Row(row) => arrival.take(row).await?,
            Line::TableEnds => arrival.flush().await?,
            Line::End => return arrival.commit().await,
        }
    }
}

fn failed(error: TransferError) -> Failure {
    Failure::because("the import (nothing is imported)", error)
}

impl Arrival<'_> {
    fn begin(&mut self, of: &str, name: String, columns: Vec<String>) -> Result<(), Failure> {
        let has = |book: &str| self.databases.get(book).is_some_and(|database| database.has(&name));
        self.table = self.books.place(of, &name, has)?.map(|book| Table { book, name, columns });
        Ok(())
    }

    async fn take(&mut self, row: Row) -> Result<(), Failure> {
        if self.table.is_some() {
            self.rows.push(row);
        }
        if self.rows.len() >= TOGETHER { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        let Some(Table { book, name, columns }) = &self.table else { return Ok(()) };
        let Some(database) = self.databases.get(book) else { return Ok(()) };
        *self.written.entry((*book, name.clone())).or_default() += rows.len() as u64;
        database.write(name, columns, rows).await.map_err(failed)
    }

    async fn commit(self) -> Result<u64, Failure> {
        for ((book, table), rows) in &self.written {
            let Some(database) = self.databases.get(book) else { continue };
            let found = database.count(table).await.map_err(failed)?;
            if found != *rows {
                return Err(Failure::Plain(format!(
                    "{table} came to {found} rows instead of {rows}: nothing is imported"
                )));
            }
        }
        for (book, database) in self.databases {
            database.commit().await.map_err(|error| {
                Failure::because(
                    format!("the {book} database can't be committed: begin again with empty databases"),
                    error,
                )
            })?;
        }
        Ok(self.written.values().sum())
    }
}
