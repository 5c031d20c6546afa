//! One rotation of a file at a time: two that wait for each other's processes would each undo what the other has done.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::failure::Failure;

/// Held as long as a command is at work.
///
/// It is the directory of the key file that is locked: the file itself is replaced by another one in each step, and a file
/// beside it would stay.
#[derive(Debug)]
pub(super) struct Lock {
    /// Closing it unlocks.
    _directory: File,
}

impl Lock {
    /// The lock of the key file `file`, which must be there.
    pub(super) fn of(file: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::because(format!("the key file {}", file.display()), error);
        // Through a link, as Kubernetes makes them: the same file has one lock, however it is named.
        let path: PathBuf = file.canonicalize().map_err(failed)?;
        let directory = path.parent().ok_or_else(|| failed(ErrorKind::InvalidInput.into()))?;
        let directory = File::open(directory).map_err(failed)?;
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _directory: directory }),
            Err(Errno::WOULDBLOCK) => Err(Failure::Plain(format!(
                "another rotate-key is at work on {} or beside it: wait for its end",
                file.display()
            ))),
            Err(error) => Err(failed(error.into())),
        }
    }
}
