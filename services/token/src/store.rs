//! Rows. sea-orm lives here and nowhere else.
//!
//! Every change is one transaction with its audit rows. Reads go past it.

mod api_tokens;
mod entity;
mod migration;
mod portal_tokens;
mod portals;
mod users;

use kit::{ambient::Ambient, db::Database};
use sea_orm::DbErr;

pub use migration::Migrator;
pub(crate) use portal_tokens::Revocation;
pub(crate) use users::Administrator;

/// The database of this service.
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

    /// Asks the database for one row.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        self.database.ping().await
    }
}

/// A word of a row that this version doesn't know.
fn unknown_word(table: &str, word: &str) -> DbErr {
    DbErr::Custom(format!("{table} holds a word that this version doesn't know: {word:?}"))
}
