//! Rows. sea-orm lives here and nowhere else.
//!
//! Every change is one transaction with its audit rows. Reads go past it.

mod api_settings;
mod api_tokens;
mod audit_events;
mod codes;
mod endings;
mod entity;
mod exchanges;
mod inactive_tokens;
mod key_readers;
mod keys;
mod leaks;
mod memberships;
mod migration;
mod portal_tokens;
mod portals;
mod restored;
mod revocations;
mod roster;
mod secrets;
mod sessions;
mod sweeps;
mod token_lists;
mod user_tokens;
mod users;
mod uses;

use kit::{
    ambient::Ambient,
    audit::{self, Event},
    db::{self, Database},
    outbox::{self, Notice, Outbox},
};
use sea_orm::{DatabaseTransaction, DbErr};

use crate::{
    Error,
    domain::{token::TokenEntry, trail::Trail},
};

pub(crate) use codes::Decision;
pub(crate) use exchanges::{Exchange, Locked};
pub(crate) use memberships::{Joining, MemberKey, NO_MEMBER};
pub use migration::Migrator;
pub(crate) use portal_tokens::Revocation;
pub(crate) use secrets::SecretRemoval;
pub(crate) use sessions::PasswordHash;
pub(crate) use sweeps::{BATCH, Swept};
pub(crate) use token_lists::{Ending, EndingAll};
pub(crate) use users::{Administrator, NO_USER};
pub(crate) use uses::Used;

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

    /// Writes what the audit says of a change, in its transaction.
    async fn record(
        &self,
        transaction: &DatabaseTransaction,
        events: impl IntoIterator<Item = Event> + Send,
    ) -> Result<(), DbErr> {
        audit::record_all(transaction, &self.ambient, events.into_iter().collect()).await
    }
}

impl Store {
    /// What others shall be told of.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::of(self.database.clone())
    }

    /// Writes what is told, in the change's transaction.
    async fn tell(
        &self,
        transaction: &DatabaseTransaction,
        notices: impl IntoIterator<Item = Notice> + Send,
    ) -> Result<(), DbErr> {
        outbox::record(transaction, &self.ambient, notices.into_iter().collect::<Vec<_>>()).await
    }

    /// Writes what is told of tokens that end, and what the audit says of it.
    async fn record_ends(
        &self,
        transaction: &DatabaseTransaction,
        tokens: &[TokenEntry],
        trail: &Trail,
    ) -> Result<(), DbErr> {
        self.record(transaction, tokens.iter().map(|entry| trail.portal_token_deleted(&entry.token))).await?;
        self.tell(transaction, tokens.iter().filter_map(|entry| trail.tell_token_deleted(entry))).await
    }
}

/// Commits what a client waits for. A commit that breaks off may have happened.
async fn commit(transaction: DatabaseTransaction) -> Result<(), Error> {
    Ok(db::commit(transaction).await?)
}

/// A word of a row that this version doesn't know.
fn unknown_word(table: &str, word: &str) -> DbErr {
    DbErr::Custom(format!("{table} holds a word that this version doesn't know: {word:?}"))
}
