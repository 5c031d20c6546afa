//! From one key to the next, each step a file that is written as a whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{MOST, RootKey, RootKeys};

/// What a key file may let its owner and group do.
const OWNER_AND_GROUP: u32 = 0o660;

/// Why keys can't be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRotation {
    /// There are as many as may be.
    #[error("there are {MOST} keys already ({0}): retire the old one first")]
    Full(String),
    /// A key of that id, or of the same bytes, is there.
    #[error("the key {0} is there already")]
    Known(String),
    /// There is none of that id.
    #[error("there is no key {0}")]
    Unknown(String),
    /// It is the one that new rows are made with.
    #[error("the key {0} is in use: put another one first")]
    InUse(String),
}

impl RootKeys {
    /// The same with a new key after the one in use: rows of it are understood, none are made yet.
    pub fn with_added(&self, new: RootKey) -> Result<Self, BadRotation> {
        if self.keys.len() >= MOST {
            return Err(BadRotation::Full(self.ids()));
        }
        if let Some(key) = self.keys.iter().find(|key| key.id == new.id || key.is_the_bytes_of(&new)) {
            return Err(BadRotation::Known(key.id.clone()));
        }
        let keys = self.keys.iter().cloned().chain([new]).collect();
        Ok(Self { file: self.file.clone(), keys })
    }

    /// The same with the key of that id first: rows are made with it from now on. Nothing changes if it is first.
    pub fn promoted(&self, id: &str) -> Result<Self, BadRotation> {
        let (first, rest): (Vec<_>, Vec<_>) = self.keys.iter().cloned().partition(|key| key.id == id);
        if first.is_empty() {
            return Err(BadRotation::Unknown(id.to_owned()));
        }
        Ok(Self { file: self.file.clone(), keys: [first, rest].concat() })
    }

    /// The same without the key of that id, which must not be the one in use. Rows of it mean nothing from then on.
    pub fn without(&self, id: &str) -> Result<Self, BadRotation> {
        if self.keys.first().is_some_and(|key| key.id == id) {
            return Err(BadRotation::InUse(id.to_owned()));
        }
        let keys: Vec<_> = self.keys.iter().filter(|key| key.id != id).cloned().collect();
        if keys.len() == self.keys.len() {
            return Err(BadRotation::Unknown(id.to_owned()));
        }
        Ok(Self { file: self.file.clone(), keys })
    }

    /// Writes the file they were read from, as a whole or not at all; it is on disk when this returns. Who could read it
    /// before still can: owner, group and their rights stay.
    pub fn write(&self) -> io::Result<()> {
        // Through a link, as Kubernetes makes them, the target is replaced and not the link.
        let path = fs::canonicalize(&self.file)?;
        let before = fs::metadata(&path)?;
        let new = beside(&path)?;
        // One that a killed process left may have had other rights.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        if let Err(error) = self.write_new(&new, &before).and_then(|()| fs::rename(&new, &path)) {
            // It holds keys, and nobody would look for them there.
            let _gone_or_in_vain = fs::remove_file(&new);
            return Err(error);
        }
        match path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Writes a file that nobody else can read before it has the rights of the one that it takes the place of.
    fn write_new(&self, new: &Path, before: &Metadata) -> io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(new)?;
        file.write_all(self.text().as_bytes())?;
        if (before.uid(), before.gid()) != (file.metadata()?.uid(), file.metadata()?.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(before.permissions().mode() & OWNER_AND_GROUP))?;
        file.sync_all()
    }

    fn text(&self) -> Zeroizing<String> {
        let lines: Vec<_> = self.keys.iter().map(RootKey::to_line).collect();
        let mut text = Zeroizing::new(String::with_capacity(lines.iter().map(|line| line.len()).sum()));
        for line in &lines {
            text.push_str(line);
        }
        text
    }

    fn ids(&self) -> String {
        self.keys.iter().map(RootKey::id).collect::<Vec<_>>().join(", ")
    }
}

/// A name in the same directory, so that renaming replaces.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the key file has no name"))?;
    let mut name = OsString::from(name);
    name.push(".new");
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, byte: u8) -> RootKey {
        RootKey::new(id.into(), [byte; 32])
    }

    fn ids(keys: &RootKeys) -> Vec<&str> {
        keys.iter().map(RootKey::id).collect()
    }

    /// Keys that were read from a file with those rights.
    fn read(mode: u32) -> (tempfile::TempDir, RootKeys) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token.key");
        fs::write(&path, key("k1", 1).to_line().as_str()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let keys = RootKeys::read(&path).unwrap();
        (directory, keys)
    }

    #[test]
    fn a_rotation_goes_through_two_keys() {
        let (_directory, old) = read(0o600);
        let both = old.with_added(key("k2", 2)).unwrap();
        assert_eq!(ids(&both), ["k1", "k2"]);
        let turned = both.promoted("k2").unwrap();
        assert_eq!((ids(&turned), turned.promoted("k2").unwrap() == turned), (vec!["k2", "k1"], true));
        assert_eq!(ids(&turned.without("k1").unwrap()), ["k2"]);
    }

    #[test]
    fn steps_that_would_lose_a_key_are_refused() {
        let (_directory, old) = read(0o600);
        let both = old.with_added(key("k2", 2)).unwrap();
        assert_eq!(old.with_added(key("k1", 2)), Err(BadRotation::Known("k1".into())));
        assert_eq!(old.with_added(key("k2", 1)), Err(BadRotation::Known("k1".into())), "the same bytes");
        assert_eq!(both.with_added(key("k3", 3)), Err(BadRotation::Full("k1, k2".into())));
        assert_eq!(both.promoted("k3"), Err(BadRotation::Unknown("k3".into())));
        assert_eq!(both.without("k3"), Err(BadRotation::Unknown("k3".into())));
        assert_eq!(both.without("k1"), Err(BadRotation::InUse("k1".into())));
        assert_eq!(old.without("k1"), Err(BadRotation::InUse("k1".into())));
    }

    #[test]
    fn a_written_file_is_read_again_with_the_rights_it_had() {
        for mode in [0o600, 0o640] {
            let (directory, old) = read(mode);
            fs::write(directory.path().join("token.key.new"), "left by a killed process").unwrap();
            let both = old.with_added(key("k2", 2)).unwrap();
            both.write().unwrap();
            assert_eq!(RootKeys::read(old.file()).unwrap(), both);
            assert_eq!(fs::metadata(old.file()).unwrap().permissions().mode() & 0o777, mode);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
        }
    }

    #[test]
    fn no_key_is_left_beside_a_file_that_cannot_be_written() {
        let (directory, old) = read(0o600);
        let both = old.with_added(key("k2", 2)).unwrap();
        // A directory can't be replaced by a file.
        fs::remove_file(old.file()).unwrap();
        fs::create_dir(old.file()).unwrap();
        both.write().unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "only what was there");
    }

    #[test]
    fn a_link_stays_one() {
        let (directory, old) = read(0o600);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(old.file(), &link).unwrap();
        RootKeys::read(&link).unwrap().with_added(key("k2", 2)).unwrap().write().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(ids(&RootKeys::read(old.file()).unwrap()), ["k1", "k2"]);
    }
}
