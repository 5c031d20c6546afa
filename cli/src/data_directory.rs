//! The directory of a `standalone` installation: databases, keys and first credentials, for its owner's eyes only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use kit::{ambient::Ambient, keys::RootKey};
use rustix::fs::{FlockOperation, flock};

use crate::failure::Failure;

/// An open data directory. No other process has it open.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory at `path`, makes it if it isn't there, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed =
            |what: &str, error| Failure::because(format!("the data directory {} {what}", path.display()), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed("can't be made", error))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"));
        let lock = lock.map_err(|error| failed("can't be written", error))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed("is in use by another process", io::Error::from(error)))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory's own path, as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the key file `name` unless it is there. A database without its key can't be used, so none is made for one.
    pub(crate) fn ensure_key(&self, name: &str, database: &str, ambient: &Ambient) -> Result<(), Failure> {
        let path = self.file(name);
        if path.exists() {
            return Ok(());
        }
        if self.file(database).exists() {
            let (path, database) = (path.display(), self.file(database));
            return Err(Failure::Plain(format!(
                "the key file {path} is missing: {} can't be used without it",
                database.display()
            )));
        }
        let id = format!("k{}", ambient.now().format("%Y%m%d%H%M%S"));
        self.write(name, RootKey::new(id, ambient.bytes()).to_line().as_bytes())
    }

    /// Writes the file `name` (mode 0600) as a whole or not at all, and on disk when this returns.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let write = || -> io::Result<()> {
            let new = self.file(&format!("{name}.new"));
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, self.file(name))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error| Failure::because(format!("{} can't be written", self.file(name).display()), error))
    }
}
