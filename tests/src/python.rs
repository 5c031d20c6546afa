//! Python, for what an independent implementation must see: the rows in a database file, a gRPC client that isn't ours.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

const SQL: &str = r"
import json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30)
connection.row_factory = sqlite3.Row
show = lambda value: value.hex() if isinstance(value, bytes) else value
rows = [{key: show(row[key]) for key in row.keys()} for row in connection.execute(sys.argv[2])]
connection.commit()
print(json.dumps(rows))
";

/// Runs one statement on an `SQLite` file. Gives the rows as objects, blobs as hexadecimal digits.
pub fn sql(file: &Path, statement: &str) -> Vec<Value> {
    let output = Command::new("python3").args(["-c", SQL]).arg(file).arg(statement).output();
    let output = output.unwrap_or_else(|error| panic!("python3 can't be run: {error}"));
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{statement} on {}: {failed}", file.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

const LOCK: &str = r"
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()
connection.execute('ROLLBACK')
";

/// An `SQLite` file that nobody can write to until this is dropped.
#[derive(Debug)]
pub struct Lock(Child);

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// Takes the one place of a writer in an `SQLite` file.
pub fn lock(file: &Path) -> Lock {
    let mut command = Command::new("python3");
    command.args(["-c", LOCK]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("python3 can't be run: {error}"));
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "locked\n", "{} can't be locked", file.display());
    Lock(child)
}

/// Runs a script of `tests/clients` with the interpreter that `tests/run` prepared (`PORTALS_TEST_PYTHON`).
pub fn client(script: &str, arguments: &[&str]) -> Output {
    let python = std::env::var_os("PORTALS_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let ready = Command::new(&python).args(["-c", "import grpc, grpc_reflection.v1alpha"]).output();
    let ready = ready.is_ok_and(|output| output.status.success());
    assert!(
        ready,
        "{} lacks grpcio and grpcio-reflection: `tests/run` installs them (or set PORTALS_TEST_PYTHON)",
        python.display()
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    Command::new(&python).arg(path).args(arguments).output().unwrap()
}
