//! Commits that fail, and what is known of the change then.

use sea_orm::{DatabaseTransaction, DbErr, RuntimeErr, sqlx::error::DatabaseError};

/// `SQLite`'s extended codes (<https://www.sqlite.org/rescode.html>) of a disk that takes no more, and of a write that the system
/// refused, as over a quota. Commits write the pages of a transaction in turn to the log, and the last one says that it is whole:
/// where a write has failed there is no such page, also for whoever reads the log after a crash, and `SQLite` has rolled back. What
/// fails later, as when the log is synced, may be there after a crash.
const NOTHING_WRITTEN: [&str; 2] = ["13", "778"];

/// A commit that failed.
#[derive(Debug)]
pub enum Uncommitted {
    /// The database refused it: nothing was changed.
    Refused(DbErr),
    /// It broke off: the change may have been made.
    Unknown(DbErr),
}

/// Commits what somebody waits for, who is to be told what happened.
pub async fn commit(transaction: DatabaseTransaction) -> Result<(), Uncommitted> {
    transaction
        .commit()
        .await
        .map_err(|error| if wrote_nothing(&error) { Uncommitted::Refused(error) } else { Uncommitted::Unknown(error) })
}

fn wrote_nothing(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    // PostgreSQL's have five characters.
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| NOTHING_WRITTEN.contains(&code.as_ref()))
}
