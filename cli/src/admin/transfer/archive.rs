//! The file: one JSON value on each line.
//!
//! ```json
//! {"portals_export":1,"version":"0.1.0","migrations":{"token":["m0001_credentials"]}}
//! {"table":"users","of":"token","columns":["uuid","name"]}
//! ["0198c2f4-…","Ann"]
//! {"rows":1}
//! {"end":{"tables":1,"rows":1,"sha256":"<of every byte before this line>"}}
//! ```

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use kit::db::transfer::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// The form of the file.
const FORM: u32 = 1;

/// The names of the migrations of each database.
pub(super) type Versions = BTreeMap<String, Vec<String>>;

#[derive(Deserialize, Serialize)]
struct Head {
    portals_export: u32,
    version: String,
    migrations: Versions,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Sum {
    tables: u64,
    rows: u64,
    sha256: String,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Written {
    Row(Row),
    Table { table: String, of: String, columns: Vec<String> },
    TableEnds { rows: u64 },
    End { end: Sum },
}

/// A line behind the first.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A table begins.
    Table { of: String, table: String, columns: Vec<String> },
    /// A row of it.
    Row(Row),
    /// It has as many rows as were read.
    TableEnds,
    /// The file is whole.
    End,
}

/// Makes a file.
pub(super) struct Writer<W> {
    out: W,
    digest: Sha256,
    tables: u64,
    rows: u64,
}

impl<W: Write> Writer<W> {
    /// Begins one, of databases of these versions.
    pub(super) fn begin(out: W, migrations: &Versions) -> io::Result<Self> {
        let mut writer = Self { out, digest: Sha256::new(), tables: 0, rows: 0 };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        writer.line(&Head { portals_export: FORM, version, migrations: migrations.clone() })?;
        Ok(writer)
    }

    pub(super) fn table(&mut self, of: &str, table: &str, columns: Vec<String>) -> io::Result<()> {
        self.tables += 1;
        self.line(&Written::Table { table: table.to_owned(), of: of.to_owned(), columns })
    }

    pub(super) fn row(&mut self, row: &Row) -> io::Result<()> {
        self.rows += 1;
        self.line(row)
    }

    pub(super) fn table_ends(&mut self, rows: u64) -> io::Result<()> {
        self.line(&Written::TableEnds { rows })
    }

    /// Ends it. Nothing that lacks this is taken in.
    pub(super) fn end(mut self) -> io::Result<()> {
        let sha256 = hex::encode(self.digest.clone().finalize());
        let (tables, rows) = (self.tables, self.rows);
        self.line(&Written::End { end: Sum { tables, rows, sha256 } })?;
        self.out.flush()
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.digest.update(&text);
        self.out.write_all(&text)
    }
}

/// Reads a file.
pub(super) struct Reader<R> {
    input: R,
    digest: Sha256,
    number: u64,
    tables: u64,
    rows: u64,
    /// The rows of the table that is being read.
    of_table: u64,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, digest: Sha256::new(), number: 0, tables: 0, rows: 0, of_table: 0 }
    }

    /// Reads the first line.
    pub(super) fn begin(&mut self) -> Result<Versions, Failure> {
        let head: Head = serde_json::from_slice(&self.line()?).map_err(|error| self.strange(error))?;
        if head.portals_export != FORM {
            return Err(Failure::Plain(format!(
                "version {} of portals made the file in a form that this one can't read",
                head.version
            )));
        }
        Ok(head.migrations)
    }

    /// Reads the next line. After [`Line::End`] there is none.
    pub(super) fn next(&mut self) -> Result<Line, Failure> {
        let before = self.digest.clone();
        let written = serde_json::from_slice(&self.line()?).map_err(|error| self.strange(error))?;
        match written {
            Written::Row(row) => {
                (self.rows, self.of_table) = (self.rows + 1, self.of_table + 1);
                Ok(Line::Row(row))
            }
            Written::Table { of, table, columns } => {
                (self.tables, self.of_table) = (self.tables + 1, 0);
                Ok(Line::Table { of, table, columns })
            }
            Written::TableEnds { rows } if rows == self.of_table => Ok(Line::TableEnds),
            Written::TableEnds { .. } => Err(self.strange(io::Error::other("there are more rows, or fewer"))),
            Written::End { end } => {
                let sha256 = hex::encode(before.finalize());
                if end == (Sum { tables: self.tables, rows: self.rows, sha256 }) {
                    return Ok(Line::End);
                }
                Err(Failure::Plain("the file was changed since it was made".to_owned()))
            }
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        self.number += 1;
        self.input.read_until(b'\n', &mut line).map_err(|error| self.strange(error))?;
        if line.pop() != Some(b'\n') {
            return Err(Failure::Plain(format!("the file ends too early, in line {}", self.number)));
        }
        self.digest.update(&line);
        self.digest.update(b"\n");
        Ok(line)
    }

    fn strange(&self, error: impl Into<io::Error>) -> Failure {
        Failure::because(format!("line {} of the file isn't what `export` wrote", self.number), error.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written() -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::begin(&mut file, &Versions::from([("token".into(), vec!["m1".into()])])).unwrap();
        writer.table("token", "users", vec!["uuid".into(), "name".into()]).unwrap();
        writer.row(&vec![json!("1"), json!("Ann")]).unwrap();
        writer.row(&vec![json!("2"), json!(null)]).unwrap();
        writer.table_ends(2).unwrap();
        writer.end().unwrap();
        file
    }

    fn read(file: &[u8]) -> Result<Vec<Line>, Failure> {
        let mut reader = Reader::new(file);
        reader.begin()?;
        let mut lines = Vec::new();
        while lines.last() != Some(&Line::End) {
            lines.push(reader.next()?);
        }
        Ok(lines)
    }

    #[test]
    fn what_is_written_is_read() {
        let lines = read(&written()).unwrap();
        let row = |cells| Line::Row(vec![json!(cells), json!("Ann")]);
        assert_eq!((lines.len(), &lines[1], &lines[3]), (5, &row("1"), &Line::TableEnds));
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_anywhere_is_refused() {
        let whole = written();
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "cut off at {end}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            // In the first line, only what is checked before: which versions are given is the caller's to compare.
            assert!(read(&changed).is_err(), "changed at {place}: {}", String::from_utf8_lossy(&changed));
        }
    }
}
