//! The registry's database. Nothing else of this service knows how rows look.
//!
//! Every change commits together with its audit row and one step of the change counter, by which other nodes notice.

mod changes;
mod entity;
mod migration;
mod organizations;
mod portals;

use kit::{ambient::Ambient, db::Database};

pub use migration::Migrator;
pub(crate) use portals::Unwritten;

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
    pub(crate) async fn ping(&self) -> Result<(), sea_orm::DbErr> {
        self.database.ping().await
    }
}

#[cfg(test)]
mod tests;
