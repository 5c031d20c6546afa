//! `rotate-key`: another root key, without an outage.
//!
//! The file says how far it is: `[old]` → `[old, new]`, the new key is known → `[new, old]`, it is used for what is new, and
//! rows under the old one are moved as they are used → `[new]`. Between the steps every process must have read the file, which
//! the token service's say in their database.
//! A step that was cut off is found in the file and finished by the next run. One command at a time: see [`lock`].

mod keys;
mod lock;
mod stage;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use kit::{ambient::Ambient, config::Environment, keys::RootKeys};

use self::{
    keys::{Keys, Place},
    lock::Lock,
    stage::{Stage, new_key},
};
use super::{answer, installation, tell};
use crate::failure::Failure;

/// Whose key, and how.
#[derive(Args, Debug)]
pub(super) struct RotateKey {
    /// The service whose root key it is.
    service: Owner,
    /// Remove this key, the second one of the file, if nothing needs it.
    #[arg(long, value_name = "ID")]
    retire: Option<String>,
    /// With `--retire`: change nothing, only say whether anything needs the key.
    #[arg(long, requires = "retire")]
    check: bool,
    /// Change nothing, only print the processes of the token service, one a line, each with the ids of the keys that it has read.
    #[arg(long, conflicts_with_all = ["retire", "check"])]
    readers: bool,
    /// How long to wait at most, at each step, until every process of the service has read the file.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
    /// Do the next step alone (or `--retire`), in this copy of the key file, and ask no database. To be brought to the
    /// processes by other means.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "readers", "patience", "installation"])]
    file: Option<PathBuf>,
}

/// A service that has root keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Owner {
    /// The token service.
    Token,
    /// The portal service.
    Portal,
}

impl Owner {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Portal => "portal",
        }
    }
}

impl RotateKey {
    /// Rotates, or retires.
    pub(super) async fn run(
        self,
        data_dir: Option<&Path>,
        environment: Environment,
        ambient: &Ambient,
    ) -> Result<(), Failure> {
        let Self { service, retire: retired, check, readers, patience, file } = self;
        if let Some(file) = file {
            let _lock = Lock::of(&file)?;
            return match retired {
                Some(id) => drop_line(&file, &id),
                None => step(&file, ambient),
            };
        }
        let data_dir = installation::directory(data_dir, &environment)?;
        let place = Place::of(service, data_dir.as_deref(), environment, ambient)?;
        if readers {
            return place.open(ambient).await?.readers().await?.iter().try_for_each(|line| answer(line));
        }
        let patience = Duration::from_secs(patience);
        if check {
            return check_retiring(&place.open(ambient).await?, &retired.unwrap_or_default(), patience).await;
        }
        let _lock = Lock::of(place.file())?;
        let keys = place.open(ambient).await?;
        match retired {
            Some(id) => retire(&keys, &id, patience).await,
            None => rotate(&keys, patience, ambient).await,
        }
    }
}

/// Adds a key unless a rotation was cut off after that, makes it the one in use, and prints the id of the old one.
async fn rotate(keys: &Keys, patience: Duration, ambient: &Ambient) -> Result<(), Failure> {
    let found = keys.read()?;
    let (new, both) = match Stage::of(&found)? {
        Stage::Turned { in_use, old } => return Err(third_key(&in_use, &old, &keys.retiring(&old))),
        Stage::Added { new, .. } => {
            keys.admit(&found).await?;
            tell(&format!("A rotation to the key {new} was cut off; going on with it."));
            (new, found)
        }
        Stage::Resting { in_use } => {
            let key = new_key(&in_use, ambient);
            let (id, added) = (key.id().to_owned(), found.with_added(key).map_err(Failure::of)?);
            // The database knows a key before any process can find it in the file.
            keys.admit(&added).await?;
            write(&found, &added)?;
            tell(&format!("The key {id} is in {}.", added.file().display()));
            (id, added)
        }
    };
    // A process that doesn't know the new key would refuse what others make under it.
    keys.wait_for_readers(patience, |reader| reader.knows(&new)).await?;
    let turned = both.promoted(&new).map_err(Failure::of)?;
    write(&both, &turned)?;
    if let Err(late) = keys.wait_for_readers(patience, |reader| reader.uses(&new)).await {
        // That does no harm before the old key is removed, which waits for them too.
        tell(&late.to_string());
    }
    require_same(&turned)?;
    let Stage::Turned { in_use, old } = Stage::of(&turned)? else { return Err(changed()) };
    tell(&format!(
        "The key {in_use} is used for what is new, {old} is still looked up under. When nothing needs {old} any more, remove \
         it:\n{}",
        keys.retiring(&old)
    ));
    answer(&old)
}

/// Says whether a key could be removed.
async fn check_retiring(keys: &Keys, id: &str, patience: Duration) -> Result<(), Failure> {
    let found = keys.read()?;
    found.without(id).map_err(Failure::of)?;
    keys.compare(&found).await?;
    keys.wait_for_readers(patience, |reader| !reader.uses(id)).await?;
    keys.refuse_needed(id).await?;
    tell(&format!("Nothing needs the key {id} any more."));
    Ok(())
}

/// Removes a key that nothing needs: an old one, or a new one with which a rotation was begun and is given up.
async fn retire(keys: &Keys, id: &str, patience: Duration) -> Result<(), Failure> {
    let found = keys.read()?;
    let without = found.without(id).map_err(Failure::of)?;
    // The key that stays must be one that the database knows, or the next start would be refused.
    keys.admit(&found).await?;
    keys.refuse_needed(id).await?;
    keys.wait_for_readers(patience, |reader| !reader.uses(id)).await?;
    require_same(&found)?;
    // Before the file: from here on nothing can be made under the key, and what was made is counted.
    keys.forget(id).await?;
    write(&found, &without)?;
    tell(&format!("The key {id} is removed."));
    if let Err(late) = keys.wait_for_readers(patience, |reader| !reader.knows(id)).await {
        // They can make nothing under it.
        tell(&late.to_string());
    }
    // A process that started between the two has made the database know it again.
    keys.forget(id).await
}

/// Removes a key from a copy of the file. Whether anything needs it, only the database knows.
fn drop_line(file: &Path, id: &str) -> Result<(), Failure> {
    let found = keys::read(file)?;
    write(&found, &found.without(id).map_err(Failure::of)?)?;
    tell(&format!("The key {id} is removed. Bring this file to every process."));
    Ok(())
}

/// One step of a rotation in a copy of the file.
fn step(file: &Path, ambient: &Ambient) -> Result<(), Failure> {
    let found = keys::read(file)?;
    match Stage::of(&found)? {
        Stage::Resting { in_use } => {
            let key = new_key(&in_use, ambient);
            let id = key.id().to_owned();
            write(&found, &found.with_added(key).map_err(Failure::of)?)?;
            tell(&format!(
                "The key {id} is added. When every process has this file, run this again: it puts {id} into use."
            ));
        }
        Stage::Added { in_use, new } => {
            write(&found, &found.promoted(&new).map_err(Failure::of)?)?;
            tell(&format!(
                "The key {new} is put into use. When every process has this file and nothing needs {in_use} any more \
                 (`--retire {in_use} --check`, where the database is), remove it: `--retire {in_use}`."
            ));
        }
        Stage::Turned { in_use, old } => {
            return Err(Failure::Plain(format!(
                "{in_use} is in use and {old} is still there: remove it first, with `--retire {old}`, when nothing needs it any more"
            )));
        }
    }
    Ok(())
}

/// Writes `keys` where `found` was read, if that is still what is there: an editor takes no lock.
fn write(found: &RootKeys, keys: &RootKeys) -> Result<(), Failure> {
    require_same(found)?;
    keys.write().map_err(|error| Failure::because(format!("{} can't be written", keys.file().display()), error))
}

fn require_same(found: &RootKeys) -> Result<(), Failure> {
    if keys::read(found.file())? == *found { Ok(()) } else { Err(changed()) }
}

fn changed() -> Failure {
    Failure::Plain("somebody else has changed the key file: look at it and run this again".to_owned())
}

fn third_key(in_use: &str, old: &str, retiring: &str) -> Failure {
    Failure::Plain(format!("the key {in_use} is in use and {old} is still there: retire it first, with `{retiring}`"))
}

#[cfg(test)]
mod tests;
