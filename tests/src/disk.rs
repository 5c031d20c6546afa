//! A file system of a test's own that can really be full.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::process::is_root;

/// A file system in memory. Unmounted when dropped.
#[derive(Debug)]
pub struct Disk {
    directory: TempDir,
}

impl Disk {
    /// An empty one of so many MiB; `None` for who isn't root and so can't mount any. Root must be able to: a test that passes
    /// because it did nothing proves nothing.
    pub fn of_mib(size: u32) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size}m,mode=0755");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &options, "portals-test"]).arg(directory.path());
        let mounted = mount.output().unwrap_or_else(|error| panic!("mount (util-linux) can't be run: {error}"));
        let said = String::from_utf8_lossy(&mounted.stderr);
        assert!(mounted.status.success(), "root can't mount here (in a container it takes CAP_SYS_ADMIN): {said}");
        Some(Self { directory })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all the room that there is.
    pub fn fill(&self) {
        let mut filler = fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        let page = [0x5a; 4096];
        loop {
            match filler.write(&page) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Gives it back.
    pub fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a process of the test may be about to end. If it fails, the directory can't be removed, and is seen.
        let _ = Command::new("umount").arg("--lazy").arg(self.directory.path()).output();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_takes_nothing_until_there_is_room_again() {
        let Some(disk) = Disk::of_mib(1) else { return };
        let (path, file) = (disk.path().to_owned(), disk.path().join("file"));
        disk.fill();
        assert_eq!(fs::write(&file, [1; 4096]).unwrap_err().kind(), ErrorKind::StorageFull);
        disk.clear();
        fs::write(&file, [1; 4096]).unwrap();
        drop(disk);
        assert!(!path.exists());
    }
}
