//! A `PostgreSQL` server of a test's own, which it may stop, kill, copy and promote.

mod recovery;

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::{process::is_root, raw};

/// A server with its data. Stopped when dropped.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    address: SocketAddr,
}

impl Cluster {
    /// A new one, that runs; `None` where tests shall do without `PostgreSQL`.
    pub fn start() -> Option<Self> {
        let cluster = Self::made()?;
        cluster.start_again();
        Some(cluster)
    }

    /// A new one, that doesn't run yet.
    fn made() -> Option<Self> {
        env::var_os("PORTALS_TEST_POSTGRES_URL")?;
        let cluster = Self::empty();
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["--pgdata", &data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-sync"],
        );
        Some(cluster)
    }

    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(directory.path()).status().unwrap().success());
        }
        Self { directory, address: raw::free_address() }
    }

    /// A running copy that follows this one, and answers reads only until it is promoted.
    #[must_use]
    pub fn standby(&self) -> Self {
        let copy = Self::empty();
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let data = copy.data();
        let arguments =
            ["-h", &host, "-p", &port, "-U", "postgres", "-D", &data, "-R", "-X", "stream", "-c", "fast", "--no-sync"];
        copy.run("pg_basebackup", &arguments);
        copy.start_again();
        copy
    }

    /// Makes a copy a server of its own.
    pub fn promote(&self) {
        self.run("pg_ctl", &["--pgdata", &self.data(), "--wait", "--silent", "promote"]);
    }

    /// Stops it: `fast` as for a restart, `immediate` as if it were killed.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["--pgdata", &self.data(), "--mode", mode, "--wait", "--silent", "stop"]);
    }

    /// Starts it, and waits until it answers.
    pub fn start_again(&self) {
        let data = self.data();
        let log = self.directory.path().join("log").display().to_string();
        // No fsync: the data needn't survive a power cut. Commits wait all the same, which the services insist on.
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=off -c shared_buffers=16MB \
             -c max_connections=120",
            self.address.port(),
            self.directory.path().display()
        );
        self.run(
            "pg_ctl",
            &[
                "--pgdata",
                &data,
                "--log",
                &log,
                "--wait",
                "--timeout",
                "60",
                "--silent",
                "start",
                "--options",
                &options,
            ],
        );
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a database.
    pub fn create(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Runs statements in a database. Gives the rows, a line each, unaligned.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let url = url(self.address, database);
        let output = self.run("psql", &[&url, "-v", "ON_ERROR_STOP=1", "-qAtc", statements]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The settings that put everything into the databases `token` and `portal` of the server that is reached at `address`.
    pub fn settings(address: SocketAddr) -> Vec<(String, String)> {
        let settings = [
            ("TOKEN_DATABASE__URL", "token"),
            ("PORTAL_DATABASE__URL", "portal"),
            ("PORTAL_PIPELINES__DATABASE_URL", "portal"),
        ];
        settings.map(|(name, database)| (name.to_owned(), url(address, database))).to_vec()
    }

    fn data(&self) -> String {
        self.directory.path().join("data").display().to_string()
    }

    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = binaries().join(program);
        // The server refuses to be root's.
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let output = command.args(arguments).current_dir(self.directory.path()).output().unwrap();
        let log = || fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {said}\n{}", program.display(), log());
        output
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let program = binaries().join("pg_ctl");
        let data = self.data();
        let arguments = ["--pgdata", data.as_str(), "--mode", "immediate", "--silent", "stop"];
        // One that is stopped already refuses.
        let _ = if is_root() {
            Command::new("runuser").args(["-u", "postgres", "--"]).arg(program).args(arguments).output()
        } else {
            Command::new(program).args(arguments).output()
        };
    }
}

fn url(address: SocketAddr, database: &str) -> String {
    format!("postgres://postgres@{address}/{database}")
}

/// Where the newest version's programs are.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL: `tests/run` installs it");
    let programs =
        versions.map(|version| version.unwrap().path().join("bin")).filter(|path| path.join("initdb").is_file());
    let number =
        |path: &PathBuf| path.parent().and_then(Path::file_name).unwrap().to_string_lossy().parse::<u32>().unwrap_or(0);
    programs.max_by_key(number).expect("the programs of PostgreSQL")
}
