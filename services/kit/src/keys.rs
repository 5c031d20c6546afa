//! Root keys: a file outside the database from which every other key of a service is derived (spec §4).
//!
//! The file holds one key a line, `<id> <64 hexadecimal digits>`; the first is used for what is new. Others than owner and
//! group must not be able to read it (Kubernetes' `fsGroup` needs the group).
//!
//! To rotate: [`RootKeys::with_added`], [`RootKeys::promoted`], and once no row needs the old key [`RootKeys::without`], each
//! followed by [`RootKeys::write`] and enough time for every process to have read the file again.

mod rotation;

pub use rotation::BadRotation;

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The most keys that live at once: the one in use and the one being retired.
const MOST: usize = 2;

/// Why a key file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadKeyFile {
    /// It can't be read.
    #[error("the key file can't be read")]
    Read(#[from] io::Error),
    /// Others can read it.
    #[error("the key file can be read by others (mode {0:04o}): use `chmod 600`")]
    Open(u32),
    /// A line isn't of the form.
    #[error("line {0} of the key file isn't `<id> <64 hexadecimal digits>`")]
    Line(usize),
    /// None or too many keys.
    #[error("the key file holds {0} keys; it must hold 1 or {MOST}")]
    Count(usize),
}

/// One root key. Its `Debug` shows the id only; two are equal if id and bytes are.
#[derive(Clone)]
pub struct RootKey {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}

impl PartialEq for RootKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.is_the_bytes_of(other)
    }
}

impl Eq for RootKey {}

impl RootKey {
    /// A key from its parts.
    #[must_use]
    pub fn new(id: String, bytes: [u8; 32]) -> Self {
        Self { id, bytes: Zeroizing::new(bytes) }
    }

    /// The id that rows carry.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key for one purpose: HKDF-SHA-256 (RFC 5869) without salt, the purpose as info.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        // Expanding fails for outputs over 8160 bytes only.
        let expanded = Hkdf::<Sha256>::new(None, self.bytes.as_slice()).expand(purpose.as_bytes(), key.as_mut_slice());
        debug_assert!(expanded.is_ok());
        key
    }

    /// The line of the file.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.bytes.as_slice()));
        Zeroizing::new(format!("{} {}\n", self.id, digits.as_str()))
    }

    fn is_the_bytes_of(&self, other: &Self) -> bool {
        bool::from(self.bytes.as_slice().ct_eq(other.bytes.as_slice()))
    }

    fn parse(line: &str) -> Option<Self> {
        let (id, digits) = line.split_once(' ')?;
        let mut bytes = Zeroizing::new([0; 32]);
        if id.is_empty() || id.len() > 32 {
            return None;
        }
        hex::decode_to_slice(digits, bytes.as_mut_slice()).ok()?;
        Some(Self { id: id.to_owned(), bytes })
    }
}

/// The keys of a file: the first is in use, a second one is being retired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKeys {
    file: PathBuf,
    keys: Vec<RootKey>,
}

impl RootKeys {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, BadKeyFile> {
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        if mode & 0o007 != 0 {
            return Err(BadKeyFile::Open(mode));
        }
        let text = Zeroizing::new(fs::read_to_string(path)?);
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let keys = lines
            .map(|(number, line)| RootKey::parse(line.trim()).ok_or(BadKeyFile::Line(number + 1)))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() || keys.len() > MOST {
            return Err(BadKeyFile::Count(keys.len()));
        }
        Ok(Self { file: path.to_owned(), keys })
    }

    /// Keys in order, the one in use first.
    pub fn iter(&self) -> impl Iterator<Item = &RootKey> {
        self.keys.iter()
    }

    /// Where they were read, to be named in messages.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_written_key_is_read_again_and_derives_the_same() {
        let key = RootKey::new("k1".into(), [7; 32]);
        let (_directory, path) = file(&key.to_line(), 0o640);
        let read = RootKeys::read(&path).unwrap();
        assert_eq!(read.iter().next().unwrap().derive("a"), key.derive("a"));
        assert_ne!(key.derive("a"), key.derive("b"));
    }

    #[test]
    fn bad_files_are_refused_and_say_why() {
        let good = RootKey::new("k1".into(), [7; 32]).to_line();
        for (text, mode, expected) in [
            (good.as_str(), 0o604, "read by others"),
            ("", 0o600, "holds 0 keys"),
            ("k1 00", 0o600, "line 1"),
            (&format!("{}k2 zz", good.as_str()), 0o600, "line 2"),
            (&good.repeat(3), 0o600, "holds 3 keys"),
        ] {
            let (_directory, path) = file(text, mode);
            assert!(RootKeys::read(&path).unwrap_err().to_string().contains(expected), "{expected}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", RootKey::new("k1".into(), [7; 32])), "RootKey(k1)");
    }
}
