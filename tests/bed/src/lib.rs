//! A fresh database on every engine at hand: `SQLite` always, `PostgreSQL` too where `PORTALS_TEST_POSTGRES_URL` names a
//! server in which databases can be made.
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a test that has no database fails, and says why")]

mod postgres;

use std::path::Path;

use kit::{config::environment, db::Database};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use postgres::Server;

/// A database of one test's own, and a directory for what goes with it.
#[derive(Debug)]
pub struct Bed {
    /// For [`Database::open`].
    pub url: String,
    directory: TempDir,
}

impl Bed {
    fn new(url: impl FnOnce(&Path) -> String) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { url: url(directory.path()), directory }
    }

    /// A directory that lives as long as the test.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Runs `test` on an empty database of each engine. What a failing test leaves in `PostgreSQL` stays until tests are run
/// again.
pub async fn each_engine(test: impl AsyncFn(Bed)) {
    test(Bed::new(sqlite_url)).await;
    let Some(server) = server().await else { return };
    let name = server.create(None).await;
    test(Bed::new(|_| server.url_of(&name))).await;
    server.drop(&name).await;
}

/// What the databases of one process's tests are copies of, where the engine copies sooner than it migrates. To be kept in a
/// `static`.
#[derive(Debug)]
pub struct Template(OnceCell<String>);

impl Template {
    /// One that is made when it is first needed.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it is for a static, and `default` isn't const")]
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// Runs `test` on a database of each engine with the schema that `migrate` gives to the database at a URL.
    pub async fn each_engine(&self, migrate: impl AsyncFn(&str), test: impl AsyncFn(Bed)) {
        let bed = Bed::new(sqlite_url);
        migrate(&bed.url).await;
        test(bed).await;
        let Some(server) = server().await else { return };
        let template = self.0.get_or_init(async || {
            let name = server.create(None).await;
            migrate(&server.url_of(&name)).await;
            name
        });
        let name = server.create(Some(template.await)).await;
        test(Bed::new(|_| server.url_of(&name))).await;
        server.drop(&name).await;
    }
}

fn sqlite_url(directory: &Path) -> String {
    Database::sqlite_url(&directory.join("test.db"))
}

async fn server() -> Option<Server> {
    Some(Server::at(environment().remove("PORTALS_TEST_POSTGRES_URL")?).await)
}
