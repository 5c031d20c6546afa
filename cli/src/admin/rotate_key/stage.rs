//! How far a rotation is, as the key file tells.

use kit::{
    ambient::Ambient,
    keys::{RootKey, RootKeys},
};

use crate::{data_directory::key_id, failure::Failure};

/// How far a rotation is. The keys by their ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is one key.
    Resting { in_use: String },
    /// The new key is known, but not used yet.
    Added { in_use: String, new: String },
    /// The new key is in use; rows may still need the old one.
    Turned { in_use: String, old: String },
}

impl Stage {
    /// Of two keys, the id says which is the newer one. One that isn't of our making is older than all of ours.
    pub(super) fn of(keys: &RootKeys) -> Result<Self, Failure> {
        let mut ids = keys.iter().map(|key| key.id().to_owned());
        let in_use = ids.next().unwrap_or_default();
        let Some(other) = ids.next() else { return Ok(Self::Resting { in_use }) };
        match (serial(&in_use), serial(&other)) {
            (None, None) => Err(Failure::Plain(format!(
                "{} holds the keys {in_use} and {other}, which this command hasn't made: it can't tell which of them is the \
                 new one. Put that one first by hand, and then retire the other",
                keys.file().display()
            ))),
            (first, second) if second > first => Ok(Self::Added { in_use, new: other }),
            _ => Ok(Self::Turned { in_use, old: other }),
        }
    }
}

/// A new key whose id is newer than that of the key in use, even if the clock isn't.
pub(super) fn new_key(in_use: &str, ambient: &Ambient) -> RootKey {
    let id = key_id(ambient);
    let id = match (serial(in_use), serial(&id)) {
        (Some(last), next) if next <= Some(last) => format!("k{:014}", last + 1),
        _ => id,
    };
    RootKey::new(id, ambient.bytes())
}

/// The time in an id of our making, as a number.
fn serial(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('k').filter(|digits| digits.len() == 14)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    const OLD: &str = "k20260101000000";
    const NEW: &str = "k20260101000001";

    fn stage(ids: &[&str]) -> Result<Stage, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let line = |(byte, id): (u8, &&str)| RootKey::new((*id).to_owned(), [byte; 32]).to_line().to_string();
        fs::write(file.path(), (1..).zip(ids).map(line).collect::<String>()).unwrap();
        Stage::of(&RootKeys::read(file.path()).unwrap()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_order_of_the_keys_tells_how_far_it_is() {
        let [old, new, own] = [OLD, NEW, "own"].map(str::to_owned);
        assert_eq!(stage(&["own"]), Ok(Stage::Resting { in_use: own.clone() }));
        assert_eq!(stage(&[OLD, NEW]), Ok(Stage::Added { in_use: old.clone(), new: new.clone() }));
        assert_eq!(stage(&[NEW, OLD]), Ok(Stage::Turned { in_use: new.clone(), old }));
        assert_eq!(stage(&["own", NEW]), Ok(Stage::Added { in_use: own.clone(), new: new.clone() }));
        assert_eq!(stage(&[NEW, "own"]), Ok(Stage::Turned { in_use: new, old: own }));
        assert!(stage(&["own", "k2"]).unwrap_err().contains("own and k2"));
    }

    #[test]
    fn a_new_key_is_newer_whatever_the_clock_says() {
        let ambient = Ambient::system();
        assert_eq!(new_key("k99981231235959", &ambient).id(), "k99981231235960");
        for in_use in ["own", OLD] {
            let new = new_key(in_use, &ambient);
            assert!(serial(new.id()) > serial(OLD), "{new:?}");
        }
    }
}
