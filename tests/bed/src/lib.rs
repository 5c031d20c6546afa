//! A fresh database on every engine at hand: `SQLite` always, `PostgreSQL` too where `PORTALS_TEST_POSTGRES_URL` names a
//! server in which databases can be made.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that has no database fails, and says why")]

use std::path::Path;

use kit::{ambient::Ambient, config::environment, db::Database};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

/// A database of one test's own, and a directory for what goes with it.
#[derive(Debug)]
pub struct Bed {
    /// For [`Database::open`].
    pub url: String,
    directory: TempDir,
}

impl Bed {
    /// A directory that lives as long as the test.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Runs `test` on an empty database of each engine. A failing test leaves its `PostgreSQL` database behind.
pub async fn each_engine(test: impl AsyncFn(Bed)) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    test(Bed { url: Database::sqlite_url(&directory.path().join("test.db")), directory }).await;
    let Some(server) = environment().remove("PORTALS_TEST_POSTGRES_URL") else { return };
    let name = format!("test_{}", Ambient::system().uuid().simple());
    let admin = sea_orm::Database::connect(&server).await.expect("the PostgreSQL server of the tests");
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a new database");
    let (address, parameters) = server.split_once('?').unwrap_or((&server, ""));
    let (address, _) = address.rsplit_once('/').expect("a URL that names a database");
    let directory = tempfile::tempdir().expect("a temporary directory");
    test(Bed { url: format!("{address}/{name}?{parameters}"), directory }).await;
    admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.expect("the database goes");
}
