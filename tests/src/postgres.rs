//! Databases of a test's own in the `PostgreSQL` server that `PORTALS_TEST_POSTGRES_URL` names.

use std::{
    env,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

/// A database, dropped with this value.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A new, empty one; `None` where no server was named.
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let server = env::var_os("PORTALS_TEST_POSTGRES_URL")?.into_string().unwrap();
        let name = format!("suite_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&server, &format!("CREATE DATABASE {name}"));
        Some(Self { server, name })
    }

    /// For the services' settings.
    pub fn url(&self) -> String {
        let (address, parameters) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (address, _) = address.rsplit_once('/').unwrap();
        let question = if parameters.is_empty() { "" } else { "?" };
        format!("{address}/{}{question}{parameters}", self.name)
    }

    /// Runs statements. Gives the rows, a line each, unaligned.
    pub fn sql(&self, statements: &str) -> String {
        psql(&self.url(), statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A server that is gone has taken its databases with it.
        let _ = Command::new("psql").args([&self.server, "-qc", &drop]).output();
    }
}

fn psql(url: &str, statements: &str) -> String {
    let output = Command::new("psql").args([url, "-v", "ON_ERROR_STOP=1", "-qAtc", statements]).output();
    let output = output.unwrap_or_else(|error| panic!("psql can't be run: {error}"));
    assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
