//! A service's root keys: the file, and the database that must agree with it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use kit::{
    ambient::Ambient,
    canary::{self, Needed},
    config::{Environment, Problems},
    db::Database,
    keys::RootKeys,
};
use token::keys::{Desk, KeyReader};

use super::Owner;
use crate::{announce::shell_word, failure::Failure, standalone};

/// Where a service's keys and its database are. Nothing is open yet.
pub(super) struct Place {
    owner: Owner,
    data_dir: Option<PathBuf>,
    file: PathBuf,
    database_url: String,
    token: Option<token::Config>,
}

/// Where a service's keys are and what they open.
pub(super) struct Keys {
    owner: Owner,
    data_dir: Option<PathBuf>,
    file: PathBuf,
    database: Database,
    /// The token service's, which knows who has read which keys and what needs them. The portal service keeps nothing under its
    /// keys yet, and reads them when it starts.
    desk: Option<Desk>,
}

impl Place {
    /// Of the installation in the data directory, or of the environment.
    pub(super) fn of(
        owner: Owner,
        data_dir: Option<&Path>,
        environment: Environment,
        ambient: &Ambient,
    ) -> Result<Self, Failure> {
        let environment = match data_dir {
            Some(data_dir) => standalone::settings(environment, data_dir, ambient),
            None => environment,
        };
        let refused = |problems| if data_dir.is_some() { Failure::from(problems) } else { missing(&problems) };
        let (file, database_url, token) = match owner {
            Owner::Token => {
                let (config, _shown) = token::Config::read(&environment).map_err(refused)?;
                (config.keys_file.clone(), config.database_url.clone(), Some(config))
            }
            Owner::Portal => {
                let (config, _shown) = portal::Config::read(&environment).map_err(refused)?;
                (config.keys_file, config.database_url, None)
            }
        };
        Ok(Self { owner, data_dir: data_dir.map(Path::to_owned), file, database_url, token })
    }

    /// The key file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Opens the database.
    pub(super) async fn open(self, ambient: &Ambient) -> Result<Keys, Failure> {
        let Self { owner, data_dir, file, database_url, token } = self;
        // Before the database, which would be made if it weren't there.
        read(&file)?;
        let database = Database::open(&database_url).await.map_err(|error| failed(owner, error))?;
        let desk = match &token {
            Some(config) => Some(Desk::open(config, ambient).await.map_err(|error| failed(owner, error))?),
            None => None,
        };
        Ok(Keys { owner, data_dir, file, database, desk })
    }
}

/// After how long every process of the portal service has read its key file, which it does each second. Nobody waits for its
/// headers to be readable on all nodes: one that is behind answers 502 for an upstream until it has read the file.
const PORTAL_READS: Duration = Duration::from_secs(3);

impl Keys {
    /// The command that retires a key of this installation, to be pasted.
    pub(super) fn retiring(&self, id: &str) -> String {
        let command = format!("portals admin rotate-key {} --retire {id}", self.owner.name());
        match &self.data_dir {
            Some(data_dir) => format!("{command} --data-dir {}", shell_word(&data_dir.display().to_string())),
            None => command,
        }
    }

    /// What the file holds now.
    pub(super) fn read(&self) -> Result<RootKeys, Failure> {
        read(&self.file)
    }

    /// Checks that `keys` belong to the database, and lets it know those that are new.
    pub(super) async fn admit(&self, keys: &RootKeys) -> Result<(), Failure> {
        canary::check(&self.database, keys).await.map_err(|error| failed(self.owner, error))
    }

    /// Checks that `keys` belong to the database, and changes nothing.
    pub(super) async fn compare(&self, keys: &RootKeys) -> Result<(), Failure> {
        canary::compare(&self.database, keys).await.map_err(|error| failed(self.owner, error))
    }

    /// Lets the database forget a key: a file from before the rotation is another one's from then on. Refuses if rows need it.
    pub(super) async fn forget(&self, id: &str) -> Result<(), Failure> {
        let needed = match &self.desk {
            Some(desk) => desk.forget(id).await.map_err(|error| failed(self.owner, error))?,
            None => canary::forget(&self.database, id, async |rows| portal::count_rows_under(rows, id).await)
                .await
                .map_err(|error| failed(self.owner, error))?,
        };
        refuse(id, &needed)
    }

    /// Refuses if rows need the key, and says how many.
    pub(super) async fn refuse_needed(&self, id: &str) -> Result<(), Failure> {
        let needed = match &self.desk {
            Some(desk) => desk.count_rows_under(id).await.map_err(|error| failed(self.owner, error))?,
            None => {
                portal::count_rows_under(self.database.read(), id).await.map_err(|error| failed(self.owner, error))?
            }
        };
        refuse(id, &needed)
    }

    /// Who has read which keys, each a line with a tab.
    pub(super) async fn readers(&self) -> Result<Vec<String>, Failure> {
        let Some(desk) = &self.desk else { return Ok(Vec::new()) };
        let readers = desk.readers().await.map_err(|error| failed(self.owner, error))?;
        Ok(readers.iter().map(|reader| format!("{}\t{}", reader.name, reader.key_ids.join(" "))).collect())
    }

    /// Waits until `has_read` is true of every process that runs, at most `patience`; fails, naming the others.
    pub(super) async fn wait_for_readers(
        &self,
        patience: Duration,
        has_read: impl Fn(&KeyReader) -> bool,
    ) -> Result<(), Failure> {
        let Some(desk) = &self.desk else {
            tokio::time::sleep(PORTAL_READS).await;
            return Ok(());
        };
        let late = desk.wait_for_readers(patience, has_read).await.map_err(|error| failed(self.owner, error))?;
        if late.is_empty() {
            return Ok(());
        }
        let list: Vec<_> =
            late.iter().map(|reader| format!("{} (has {})", reader.name, reader.key_ids.join(", "))).collect();
        Err(Failure::Plain(format!(
            "not every process has read {} yet: {}. Bring it to them, and look at their logs",
            self.file.display(),
            list.join("; ")
        )))
    }
}

fn refuse(id: &str, needed: &Needed) -> Result<(), Failure> {
    if needed.is_empty() {
        return Ok(());
    }
    let list = needed.iter().map(|(kind, rows)| format!("{kind}: {rows}")).collect::<Vec<_>>().join(", ");
    Err(Failure::Plain(format!(
        "the key {id} is still needed ({list}): what is used moves to the new key, what expires goes; revoke the rest"
    )))
}

/// What a key file holds.
pub(super) fn read(file: &Path) -> Result<RootKeys, Failure> {
    RootKeys::read(file).map_err(|error| Failure::because(format!("the key file {}", file.display()), error))
}

fn failed(owner: Owner, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::because(format!("the {} service's database", owner.name()), error)
}

/// One who forgot `--data-dir` reads that beside all that is missing.
fn missing(problems: &Problems) -> Failure {
    Failure::Plain(format!("no data directory is given, and the environment isn't the service's:\n{problems}"))
}
