//! A service's root keys: the file, and the database that must agree with it.

use std::path::{Path, PathBuf};

use kit::{
    ambient::Ambient,
    canary,
    config::{Environment, Problems},
    db::Database,
    keys::RootKeys,
};

use super::Owner;
use crate::{announce::shell_word, failure::Failure, standalone};

/// Processes read their key file once a second.
const SETTLE_SECONDS: u64 = 3;

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
    /// What can count rows under a key; the portal service keeps none under its keys yet.
    token: Option<token::Config>,
    ambient: Ambient,
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

    /// The seconds after which every process has read the file, where there is one machine alone. A `PostgreSQL` database may
    /// have processes elsewhere, whose copies of the file change when somebody or something brings them.
    pub(super) fn usual_settle(&self) -> Result<u64, Failure> {
        if !self.database_url.starts_with("postgres") {
            return Ok(SETTLE_SECONDS);
        }
        Err(Failure::Plain(format!(
            "the {} service's database is PostgreSQL, which processes elsewhere may use too: say with --settle SECONDS how long \
             it takes until each of them has a changed key file ({SETTLE_SECONDS} if they all read this very file)",
            self.owner.name()
        )))
    }

    /// Opens the database.
    pub(super) async fn open(self, ambient: &Ambient) -> Result<Keys, Failure> {
        let Self { owner, data_dir, file, database_url, token } = self;
        // Before the database, which would be made if it weren't there.
        read(&file)?;
        let database = Database::open(&database_url).await.map_err(|error| failed(owner, error))?;
        Ok(Keys { owner, data_dir, file, database, token, ambient: ambient.clone() })
    }
}

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

    /// Lets the database forget a key: a file from before the rotation is another one's from then on.
    pub(super) async fn forget(&self, id: &str) -> Result<(), Failure> {
        canary::forget(&self.database, id).await.map_err(|error| failed(self.owner, error))
    }

    /// Refuses if rows need the key, and says how many.
    pub(super) async fn refuse_needed(&self, id: &str) -> Result<(), Failure> {
        let Some(config) = &self.token else { return Ok(()) };
        let counted = token::keys::count_rows_under(config, &self.ambient, id).await;
        let counted = counted.map_err(|error| failed(self.owner, error))?;
        let needed: Vec<_> = counted.iter().filter(|(_, rows)| **rows > 0).collect();
        if needed.is_empty() {
            return Ok(());
        }
        let list = needed.into_iter().map(|(kind, rows)| format!("{kind}: {rows}")).collect::<Vec<_>>().join(", ");
        Err(Failure::Plain(format!(
            "the key {id} is still needed ({list}): what is used moves to the new key, what expires goes; revoke the rest"
        )))
    }
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
