//! The directory of a `standalone` installation: databases, keys and first credentials, for its owner's eyes only.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use kit::{ambient::Ambient, keys::RootKey};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::failure::Failure;

const LOCK: &str = "lock";
const GROUP_AND_OTHERS: u32 = 0o077;
/// How often, and how far apart, a lock is tried that is held: [`is_open`] holds it for a moment.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// An open data directory. No other process has it open.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory at `path`, makes it if it isn't there, closes it to others, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed =
            |what: &str, error| Failure::because(format!("the data directory {} {what}", path.display()), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed("can't be made", error))?;
        close_to_others(path).map_err(|error| failed("can be read by others: use `chmod 700`", error))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK));
        let lock = lock.map_err(|error| failed("can't be written", error))?;
        match hold(&lock) {
            Err(Errno::WOULDBLOCK) => {
                let path = path.display();
                return Err(Failure::Plain(format!("the data directory {path} is in use by another process")));
            }
            held => held.map_err(|error| failed("can't be locked", io::Error::from(error)))?,
        }
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

    /// Makes the key file `name` unless it is there. A database without its key can't be used, so none is made for one. A
    /// database elsewhere isn't seen here: its canary refuses the new key.
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
        self.write(name, RootKey::new(key_id(ambient), ambient.bytes()).to_line().as_bytes())
    }

    /// Writes the file `name` (mode 0600) as a whole or not at all, and on disk when this returns.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let new = self.file(&format!("{name}.new"));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&new, self.file(name))?;
            File::open(&self.path)?.sync_all()
        };
        let written = write().inspect_err(|_| {
            // What is written here is secret, and nobody would look for it there.
            let _gone_or_in_vain = fs::remove_file(&new);
        });
        written.map_err(|error| Failure::because(format!("{} can't be written", self.file(name).display()), error))
    }

    /// Removes the file `name`, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::because(format!("{} can't be removed", self.file(name).display()), error))
            }
            _ => Ok(()),
        }
    }
}

/// Whether some process has the data directory at `path` open.
pub(crate) fn is_open(path: &Path) -> bool {
    let lock = File::open(path.join(LOCK));
    lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK))
}

/// The id of a key that is made now: of two, the later one is the greater.
pub(crate) fn key_id(ambient: &Ambient) -> String {
    format!("k{}", ambient.now().format("%Y%m%d%H%M%S"))
}

fn hold(lock: &File) -> Result<(), Errno> {
    for _ in 1..TRIES {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::sleep(BETWEEN_TRIES),
            done => return done,
        }
    }
    flock(lock, FlockOperation::NonBlockingLockExclusive)
}

/// Takes a directory from group and others.
fn close_to_others(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & GROUP_AND_OTHERS == 0 {
        return Ok(());
    }
    // Only one that is empty or an installation's: nobody wants a `/tmp` or a home that was named by mistake closed.
    if !path.join(LOCK).exists() && fs::read_dir(path)?.next().is_some() {
        return Err(io::Error::other("it holds files of something else"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_that_others_can_read_is_closed_unless_it_holds_something_else() {
        let directory = tempfile::tempdir().unwrap();
        let (ours, foreign) = (directory.path().join("ours"), directory.path().join("foreign"));
        for path in [&ours, &foreign] {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(foreign.join("letter"), "").unwrap();
        drop(DataDirectory::open(&ours).unwrap());
        let refused = DataDirectory::open(&foreign).unwrap_err();
        assert!(kit::error::chain(&refused).contains("chmod 700"), "{refused}");
        assert_eq!((mode(&ours), mode(&foreign), foreign.join(LOCK).exists()), (0o700, 0o755, false));
        fs::set_permissions(&ours, Permissions::from_mode(0o750)).unwrap();
        drop(DataDirectory::open(&ours).unwrap());
        assert_eq!(mode(&ours), 0o700);
    }
}
