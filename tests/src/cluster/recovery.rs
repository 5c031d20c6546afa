//! A server that archives its log and is brought back to an instant, with the lines that `docs/operations.md` has for it.

use std::{fs, time::Duration};

use super::Cluster;
use crate::{clients, wait};

/// Where the documentation has the archive.
const ARCHIVE: &str = "/archive/";
/// What stands there for the instant.
const INSTANT: &str = "2026-11-22 14:35:00+00";
/// How long archiving and recovering may take. The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

impl Cluster {
    /// A new one, that runs and archives; `None` where tests shall do without `PostgreSQL`.
    pub fn archiving() -> Option<Self> {
        let cluster = Self::made()?;
        cluster.run("/bin/mkdir", &["archive"]);
        cluster.configure(&cluster.documented(["archive_mode", "archive_command"]));
        cluster.start_again();
        Some(cluster)
    }

    /// Copies it as it runs, to be restored from.
    pub fn back_up(&self) {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let arguments = ["-h", &host, "-p", &port, "-U", "postgres", "--pgdata", "base", "--checkpoint", "fast"];
        self.run("pg_basebackup", &arguments);
    }

    /// Now, as the server sees it.
    pub fn now(&self) -> String {
        self.sql("postgres", "SELECT clock_timestamp()").trim().to_owned()
    }

    /// Has everything archived that was committed so far.
    pub fn archive(&self) {
        let last = self.sql("postgres", "SELECT pg_walfile_name(pg_switch_wal())");
        let archived = self.directory.path().join("archive").join(last.trim());
        wait::need("the log to be archived", PATIENCE, || archived.is_file().then_some(()));
    }

    /// Loses its data, and is brought back from its copy and the archive as it was at `instant`.
    pub fn recover(&self, instant: &str) {
        self.stop("immediate");
        let data = self.data();
        fs::remove_dir_all(&data).unwrap();
        fs::rename(self.directory.path().join("base"), &data).unwrap();
        let settings = self.documented(["restore_command", "recovery_target_time", "recovery_target_action"]);
        assert!(settings.contains(INSTANT), "{settings}");
        self.configure(&settings.replace(INSTANT, instant));
        self.run("/bin/touch", &[&format!("{data}/recovery.signal")]);
        self.start_again();
        wait::need("the server to be promoted", PATIENCE, || {
            (self.sql("postgres", "SELECT pg_is_in_recovery()").trim() == "f").then_some(())
        });
    }

    /// The lines of these settings, with this server's archive.
    fn documented<const N: usize>(&self, names: [&str; N]) -> String {
        let block = clients::block("operations.md", "ini");
        let line = |name: &str| {
            let line = block.lines().find(|line| line.starts_with(&format!("{name} = ")));
            line.unwrap_or_else(|| panic!("no {name} in operations.md")).to_owned() + "\n"
        };
        let archive = self.directory.path().join("archive").display().to_string() + "/";
        names.map(line).concat().replace(ARCHIVE, &archive)
    }

    fn configure(&self, lines: &str) {
        let file = format!("{}/postgresql.conf", self.data());
        let before = fs::read_to_string(&file).unwrap();
        fs::write(file, before + lines).unwrap();
    }
}
