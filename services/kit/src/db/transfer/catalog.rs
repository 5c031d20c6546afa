//! What tables a database has, as it says itself.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, FromQueryResult, Statement};

use super::{TransferError, cell::Kind};

/// What ends the names of the migrations' own books.
const BOOKS: &str = "_migrations";

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The columns of its primary key.
    key: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(FromQueryResult)]
struct Found {
    table_name: String,
    column_name: String,
    type_name: String,
    /// Its place in the primary key, from 1; 0: none.
    place: i32,
}

#[derive(FromQueryResult)]
struct Reference {
    child: String,
    parent: String,
}

impl Table {
    /// What reads its rows in the order of their keys.
    pub(super) fn select(&self) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| column.kind.select(&quoted(&column.name))).collect();
        let key: Vec<_> = self.key.iter().map(|name| quoted(name)).collect();
        let order = if key.is_empty() { String::new() } else { format!(" ORDER BY {}", key.join(", ")) };
        format!("SELECT {} FROM {}{order}", columns.join(", "), quoted(&self.name))
    }
}

/// A name as a part of a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The tables of a database, each behind those that it refers to.
pub(super) async fn read(transaction: &DatabaseTransaction) -> Result<Vec<Table>, TransferError> {
    let backend = transaction.get_database_backend();
    let (columns, references) = match backend {
        DatabaseBackend::Sqlite => (SQLITE_COLUMNS, SQLITE_REFERENCES),
        _ => (POSTGRES_COLUMNS, POSTGRES_REFERENCES),
    };
    let columns = Found::find_by_statement(Statement::from_string(backend, columns)).all(transaction).await?;
    let references = Reference::find_by_statement(Statement::from_string(backend, references)).all(transaction).await?;
    Ok(in_order(tables(columns)?, &references))
}

fn tables(found: Vec<Found>) -> Result<Vec<Table>, TransferError> {
    let (mut tables, mut places): (Vec<Table>, Vec<i32>) = (Vec::new(), Vec::new());
    for Found { table_name, column_name, type_name, place } in found {
        if table_name.ends_with(BOOKS) {
            continue;
        }
        let Some(kind) = Kind::of(&type_name) else {
            return Err(TransferError::Type(table_name, column_name, type_name));
        };
        if tables.last().is_none_or(|table| table.name != table_name) {
            tables.push(Table { name: table_name, columns: Vec::new(), key: Vec::new() });
            places.clear();
        }
        let Some(table) = tables.last_mut() else { continue };
        if place > 0 {
            let before = places.iter().filter(|earlier| **earlier < place).count();
            places.push(place);
            table.key.insert(before, column_name.clone());
        }
        table.columns.push(Column { name: column_name, kind });
    }
    Ok(tables)
}

/// The tables, each behind those that it refers to. Those that refer to each other in a circle, which none do, come last.
fn in_order(mut tables: Vec<Table>, references: &[Reference]) -> Vec<Table> {
    let (mut done, mut ordered) = (BTreeSet::<String>::new(), Vec::new());
    loop {
        let waits = |table: &Table| {
            let parents = references.iter().filter(|reference| reference.child == table.name);
            parents.into_iter().any(|reference| reference.parent != table.name && !done.contains(&reference.parent))
        };
        let (later, now): (Vec<_>, Vec<_>) = tables.into_iter().partition(waits);
        if now.is_empty() {
            ordered.extend(later);
            return ordered;
        }
        done.extend(now.iter().map(|table| table.name.clone()));
        ordered.extend(now);
        tables = later;
    }
}

const SQLITE_COLUMNS: &str = "SELECT m.name AS table_name, c.name AS column_name, c.type AS type_name, c.pk AS place \
     FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' \
     ORDER BY m.name, c.cid";
const SQLITE_REFERENCES: &str = "SELECT DISTINCT m.name AS child, f.\"table\" AS parent \
     FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
// In the order of bytes, as SQLite has it: the same tables come in the same order.
const POSTGRES_COLUMNS: &str = "SELECT c.table_name::text, c.column_name::text, c.udt_name::text AS type_name, \
     coalesce(k.ordinal_position, 0)::int4 AS place FROM information_schema.columns c \
     JOIN information_schema.tables t USING (table_schema, table_name) \
     LEFT JOIN (information_schema.table_constraints p JOIN information_schema.key_column_usage k \
     USING (constraint_schema, constraint_name)) ON p.constraint_type = 'PRIMARY KEY' AND k.table_schema = c.table_schema \
     AND k.table_name = c.table_name AND k.column_name = c.column_name \
     WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' \
     ORDER BY c.table_name COLLATE \"C\", c.ordinal_position";
const POSTGRES_REFERENCES: &str = "SELECT DISTINCT child.relname::text AS child, parent.relname::text AS parent \
     FROM pg_constraint f JOIN pg_class child ON child.oid = f.conrelid JOIN pg_class parent ON parent.oid = f.confrelid \
     WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_behind_those_that_they_refer_to() {
        let table = |name: &str| Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new() };
        let refers = |child: &str, parent: &str| Reference { child: child.to_owned(), parent: parent.to_owned() };
        let references = [refers("a", "c"), refers("b", "a"), refers("c", "c")];
        let order = in_order(["a", "b", "c", "d"].map(table).into(), &references);
        assert_eq!(order.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["c", "d", "a", "b"]);
        let circle = [refers("a", "b"), refers("b", "a")];
        assert_eq!(in_order(["a", "b"].map(table).into(), &circle).len(), 2);
    }

    #[test]
    fn a_column_of_an_unknown_type_is_refused_and_a_key_has_its_own_order() {
        let found = |column: &str, kind: &str, place| Found {
            table_name: "t".to_owned(),
            column_name: column.to_owned(),
            type_name: kind.to_owned(),
            place,
        };
        let read = tables(vec![found("x", "TEXT", 2), found("y", "varchar", 0), found("z", "uuid_text", 1)]).unwrap();
        assert_eq!(read[0].select(), "SELECT \"x\", \"y\", \"z\" FROM \"t\" ORDER BY \"z\", \"x\"");
        let strange = tables(vec![found("x", "point", 0)]).unwrap_err();
        assert!(matches!(strange, TransferError::Type(..)), "{strange}");
    }
}
