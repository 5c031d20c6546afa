//! `running.json`: where the process is that has a data directory open, and by which key its parts know each other. With it
//! `portals admin` finds them and is let in. It lives as long as the process.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use kit::config::{Environment, Settings};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    data_directory::{self, DataDirectory},
    failure::Failure,
    first_start::Urls,
};

const FILE: &str = "running.json";

/// What the file says.
#[derive(Deserialize, Serialize)]
pub(crate) struct Running {
    pub(crate) gateway: String,
    pub(crate) admin: String,
    pub(crate) token_grpc: String,
    pub(crate) portal_grpc: String,
    pub(crate) service_key: Zeroizing<String>,
}

impl Running {
    /// What there is to say of a process with this environment, in which every part has the same service key.
    pub(crate) fn new(urls: &Urls, environment: &Environment) -> Self {
        let service_key = Settings::new("TOKEN", environment).optional_secret("SERVICE__KEY").unwrap_or_default();
        let Urls { gateway, admin, token_grpc, portal_grpc } = urls.clone();
        Self { gateway, admin, token_grpc, portal_grpc, service_key }
    }

    /// Says it in the data directory.
    pub(crate) fn write(&self, directory: &DataDirectory) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map(|text| Zeroizing::new(text + "\n"));
        let text = text.map_err(|error| Failure::because(FILE, error))?;
        directory.write(FILE, text.as_bytes())
    }

    /// What the process says that has the data directory at `path` open; `None` if there is no such process, or it isn't
    /// started yet. What a killed process left behind doesn't count: somebody else may listen there now, who must not be
    /// shown the key.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, Failure> {
        let file = file(path);
        let failed = |error| Failure::because(format!("{} can't be read", file.display()), error);
        let text = match fs::read(&file) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !data_directory::is_open(path) {
            return Ok(None);
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| failed(error.into()))
    }
}

/// The file of the data directory at `path`.
pub(crate) fn file(path: &Path) -> PathBuf {
    path.join(FILE)
}

/// Takes back what is said in the data directory, by this process or by an earlier one that was killed.
pub(crate) fn remove(directory: &DataDirectory) -> Result<(), Failure> {
    directory.remove(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Running {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let urls = Urls { gateway: url(1), admin: url(2), token_grpc: url(3), portal_grpc: url(4) };
        let environment = [("TOKEN_SERVICE__KEY".to_owned(), "k".repeat(32))].into();
        Running::new(&urls, &environment)
    }

    #[test]
    fn what_is_said_is_found_while_the_directory_is_open_and_not_after() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("data");
        assert!(Running::find(&path).unwrap().is_none());
        let directory = DataDirectory::open(&path).unwrap();
        assert!(Running::find(&path).unwrap().is_none());
        running().write(&directory).unwrap();
        let found = Running::find(&path).unwrap().unwrap();
        assert_eq!((found.token_grpc.as_str(), found.service_key.as_str()), ("http://127.0.0.1:3", &*"k".repeat(32)));
        // As after a kill: the file is there, the lock is free.
        drop(directory);
        assert!(Running::find(&path).unwrap().is_none());
        let directory = DataDirectory::open(&path).unwrap();
        remove(&directory).unwrap();
        remove(&directory).unwrap();
        assert!(!file(&path).exists());
    }

    #[test]
    fn a_key_from_a_file_is_said_as_itself() {
        let temporary = tempfile::tempdir().unwrap();
        let key = temporary.path().join("service.key");
        fs::write(&key, format!("{}\n", "f".repeat(40))).unwrap();
        let environment = [("TOKEN_SERVICE__KEY_FILE".to_owned(), key.display().to_string())].into();
        let url = String::new;
        let urls = Urls { gateway: url(), admin: url(), token_grpc: url(), portal_grpc: url() };
        assert_eq!(Running::new(&urls, &environment).service_key.as_str(), "f".repeat(40));
    }
}
