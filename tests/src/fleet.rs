//! The parts as processes of their own, and who calls them.

use std::{ops::Deref, path::Path};

use tempfile::TempDir;

use crate::{Bootstrap, Caller, Installation, Launch, Split, postgres};

/// A [`Split`] on data of its own, without limits. Killed when dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The processes.
    pub split: Split,
    bootstrap: Bootstrap,
    caller: Caller,
    data: TempDir,
}

impl Fleet {
    /// Starts one on `SQLite`. `prepare` sees the parts before they start.
    pub fn start(prepare: impl FnOnce(&mut Split)) -> Self {
        Self::with(&[], prepare)
    }

    /// Starts one with these settings, of the databases' making too.
    pub fn with(variables: &[(String, String)], prepare: impl FnOnce(&mut Split)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let launch = Launch::new(&data.path().join("data"));
        let launch = variables.iter().fold(launch, |launch, (name, value)| launch.set(name, value));
        let mut house = Installation::launch(launch.clone());
        assert!(house.stop().success(), "{}", house.process().stderr());
        let mut split = Split::new(house.data_dir());
        for (name, value) in launch.variables() {
            split.set(name, value);
        }
        prepare(&mut split);
        split.start_all();
        let caller = split.caller(house.api_token());
        Self { split, bootstrap: house.bootstrap().clone(), caller, data }
    }

    /// What the first start wrote. The addresses in it are those of a process that is gone.
    pub fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// Databases and keys.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// Another set of processes on the same databases and keys.
    pub fn second(&self, variables: &[(String, String)]) -> (Split, Caller) {
        let mut split = Split::new(Path::new(&self.data_dir()));
        for (name, value) in Launch::new(&self.data_dir()).variables().iter().chain(variables) {
            split.set(name, value);
        }
        split.start_all();
        let caller = split.caller(self.caller.api_token());
        (split, caller)
    }
}

impl Deref for Fleet {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// The settings that put everything into these databases, of the token service and of the portal service.
pub fn on_postgres(token: &postgres::Database, portal: &postgres::Database) -> Vec<(String, String)> {
    let settings =
        [("TOKEN_DATABASE__URL", token), ("PORTAL_DATABASE__URL", portal), ("PORTAL_PIPELINES__DATABASE_URL", portal)];
    settings.map(|(name, database)| (name.to_owned(), database.url())).to_vec()
}
