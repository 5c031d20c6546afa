//! The registry's database. Nothing else of this service knows how rows look.
//!
//! Every change commits together with its audit row and one step of the change counter, by which other nodes notice.

mod audit_events;
mod changes;
mod checks;
mod deliveries;
mod entity;
mod intentions;
mod migration;
mod notification_services;
mod organizations;
mod portals;
mod schemas;
mod seals;
mod trace;
mod unrevoked;
mod upstreams;
mod usage;
mod versions;

use std::time::Duration;

use kit::{ambient::Ambient, db::Database};
use sea_orm::{ConnAcquireErr, DbErr};

pub(crate) use intentions::Intention;
pub use migration::Migrator;
pub(crate) use portals::Unwritten;
pub(crate) use schemas::{Outcome, SchemaText};
pub use seals::count_rows_under;
pub(crate) use trace::Trace;
pub(crate) use unrevoked::Unrevoked;
pub(crate) use upstreams::{Beside, Counts};

/// How long a read may take that a call waits for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The registry's rows.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    ambient: Ambient,
}

impl Store {
    /// On an open database of the right schema.
    pub(crate) fn new(database: Database, ambient: Ambient) -> Self {
        Self { database, ambient }
    }

    /// Whether the database answers.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        self.database.ping().await
    }

    /// Whether other processes may serve the same database.
    #[cfg(test)]
    pub(crate) fn may_have_replicas(&self) -> bool {
        self.database.may_have_replicas()
    }
}

/// What `read` answers, if it does so in 500 ms.
pub(crate) async fn in_time<T>(read: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let answer = tokio::time::timeout(PATIENCE, read).await;
    answer.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
}

#[cfg(test)]
mod tests;
