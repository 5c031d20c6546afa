//! What a rotation asks of the database and of the processes that run on it. It is done by another process: `portals admin`.

use std::time::Duration;

use kit::{
    ambient::Ambient,
    canary::Needed,
    db::{Database, OpenError},
};

use crate::{
    Config, Migrator, StartError,
    domain::key_reader::{Heard, KeyReader},
    store::Store,
};

/// How often it is looked what the processes have read.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The token service's database, as a rotation needs it.
#[derive(Clone, Debug)]
pub struct Desk {
    store: Store,
    ambient: Ambient,
}

impl Desk {
    /// Opens the database, which must have exactly this version's schema.
    pub async fn open(config: &Config, ambient: &Ambient) -> Result<Self, StartError> {
        let database = Database::open(&config.database_url).await?;
        database.require_schema::<Migrator>().await?;
        Ok(Self { store: Store::new(database, ambient.clone()), ambient: ambient.clone() })
    }

    /// How many rows need the key of that id, by what they are: live credentials that were made under it.
    pub async fn count_rows_under(&self, key_id: &str) -> Result<Needed, OpenError> {
        Ok(self.store.count_rows_under(key_id).await?)
    }

    /// Forgets the key of that id, if no row needs it; else they are counted, and nothing is changed. From then on no process
    /// makes rows under it, whatever it has read.
    pub async fn forget(&self, key_id: &str) -> Result<Needed, OpenError> {
        Ok(self.store.forget_key(key_id).await?)
    }

    /// Every process that hasn't said that it ends, and what it has read. One that was killed is among them for an hour.
    pub async fn readers(&self) -> Result<Vec<KeyReader>, OpenError> {
        Ok(self.store.key_readers().await?)
    }

    /// Waits until `has_read` is true of every process that runs, at most `patience`. Answers of which it isn't then.
    pub async fn wait_for_readers(
        &self,
        patience: Duration,
        has_read: impl Fn(&KeyReader) -> bool,
    ) -> Result<Vec<KeyReader>, OpenError> {
        let (mut heard, began) = (Heard::default(), self.ambient.since_boot());
        loop {
            let now = self.ambient.since_boot();
            let mut late = heard.running(self.readers().await?, now);
            late.retain(|reader| !has_read(reader));
            if late.is_empty() || now.saturating_sub(began) >= patience {
                return Ok(late);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
