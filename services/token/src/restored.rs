//! After a restore: a backup knows nothing of what was ended after it was made.

use kit::{ambient::Ambient, db::Database};

use crate::{Config, Migrator, Service, StartError, store::Store};

pub use crate::domain::trail::Ended;

impl Service {
    /// Ends what lives for a day at most – ephemeral and user tokens, codes and sessions –, in a migrated database that was restored
    /// from a backup. To be done before anything serves it.
    pub async fn restored(config: &Config, ambient: &Ambient) -> Result<Ended, StartError> {
        let database = Database::open(&config.database_url).await?;
        database.require_schema::<Migrator>().await?;
        let store = Store::new(database, ambient.clone());
        let ended = store.end_what_is_short_lived(ambient.now()).await;
        Ok(ended.map_err(kit::db::OpenError::from)?)
    }
}
