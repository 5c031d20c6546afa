//! Opening: the schema must be this version's and the keys must be the database's, or nothing is served.

use std::{path::PathBuf, sync::Arc};

use kit::{
    ambient::Ambient,
    boot::Tasks,
    canary::{self, WrongKeys},
    db::{Database, OpenError},
    keys::{BadKeyFile, RootKeys},
    window::Sharing,
};

use crate::{
    Config, Migrator, Parts, Service,
    codes::Polls,
    domain::{secret::Gatekeeper, tag::Tagger},
    exchange::Exchanges,
    failures::{AllFailures, Tally},
    keys::{Keyring, Reader, Rekey},
    limiter::Limiter,
    slow_hash::SlowHash,
    store::Store,
    uses::Uses,
    watchers::Watchers,
};

/// Why the token service doesn't start. To be printed with its sources (`kit::error::chain`).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database can't be opened, or its schema isn't this version's.
    #[error("the token service's database can't be used")]
    Open(#[from] OpenError),
    /// The key file can't be read.
    #[error("the token service's key file {} can't be used", .0.display())]
    Keys(PathBuf, #[source] BadKeyFile),
    /// The key file belongs to another database, or that can't be told.
    #[error(transparent)]
    WrongKeys(#[from] WrongKeys),
}

impl Service {
    /// Brings the database's schema up to this version.
    pub async fn migrate(config: &Config) -> Result<(), StartError> {
        Ok(Database::open(&config.database_url).await?.migrate::<Migrator>().await?)
    }

    /// Opens the database, which must have exactly this version's schema, and checks that the keys are its keys.
    pub async fn open(config: Config, ambient: Ambient, tasks: &Tasks) -> Result<Self, StartError> {
        let service = Self::prepare(config, ambient, tasks).await?;
        service.run_background(tasks);
        service.show_figures(tasks);
        Ok(service)
    }

    /// The same without what runs by itself.
    pub(crate) async fn prepare(config: Config, ambient: Ambient, tasks: &Tasks) -> Result<Self, StartError> {
        let bad = |error| StartError::Keys(config.keys_file.clone(), error);
        let keys = RootKeys::read(&config.keys_file).map_err(bad)?;
        let tagger = Tagger::new(&keys).ok_or_else(|| bad(BadKeyFile::Count(0)))?;
        let gatekeeper = Gatekeeper::new(&keys).ok_or_else(|| bad(BadKeyFile::Count(0)))?;
        let database = Database::open_with(&config.database_url, config.database_connections).await?;
        database.require_schema::<Migrator>().await?;
        canary::check(&database, &keys).await?;
        database.show("token");
        let sharing = Sharing::among(&database, tasks, &ambient);
        let store = Store::new(database, ambient.clone());
        let Config { limits, service_key, letters, .. } = config;
        let rate = (sharing.counter("exchanges"), limits.exchanges_per_minute);
        let exchanges = Exchanges::new(gatekeeper, rate, &store, tasks, ambient.bytes());
        let service = Self(Arc::new(Parts {
            store,
            tagger,
            keyring: Keyring::new(keys),
            reader: Reader::new(&ambient),
            rekey: Rekey::default(),
            limiter: Limiter::new(limits, &sharing),
            slow_hash: SlowHash::default(),
            sign_in_hash: SlowHash::of_sign_ins(),
            failures: AllFailures::new(limits.failures_per_minute, &sharing),
            tally: Tally::default(),
            polls: Polls::default(),
            exchanges,
            service_key,
            letters,
            uses: Uses::default(),
            watchers: Watchers::new(ambient.since_boot()),
            tasks: tasks.clone(),
            ambient,
        }));
        // Before it makes anything.
        service.say_hello().await.map_err(OpenError::from)?;
        Ok(service)
    }
}
