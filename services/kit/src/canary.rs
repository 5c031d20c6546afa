//! Canaries: what tells a key file from another one before anything is read or written under a wrong key (spec §4).
//!
//! A row for each key: what is derived from it, or nothing once it is retired. Such a row stays: a process that starts with a
//! file from before the rotation would make the key known again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Set, sea_query::LockType,
};
use sea_orm_migration::{
    prelude::{Table, TableCreateStatement},
    schema::{string, var_binary},
};

use self::row::{ActiveModel, Entity, Model};
use crate::{db::Database, keys::RootKeys};

const PURPOSE: &str = "portals/canary/v1";

/// How many rows need a key, by what they are for people; what there is none of isn't in it.
pub type Needed = BTreeMap<&'static str, u64>;

/// Why a service must not start with a key file.
#[derive(Debug, thiserror::Error)]
pub enum WrongKeys {
    /// The file isn't the one that the database was made with.
    #[error(
        "the key file isn't the one that this database was made with (no id is known, or a known id has another key): \
         {} holds {}, the database knows {}",
        .file.display(), .given.join(", "), .known.join(", ")
    )]
    Stranger {
        /// The file.
        file: PathBuf,
        /// The ids of the file's keys.
        given: Vec<String>,
        /// The ids that the database knows; one of `given` may be among them and yet be another key.
        known: Vec<String>,
    },
    /// The key that the file wants used for what is new was retired.
    #[error(
        "the key {key} was retired: {} is from before that; bring the file that the \
         other processes have", .file.display()
    )]
    Retired {
        /// The file.
        file: PathBuf,
        /// The id of its first key.
        key: String,
    },
    /// The database can't be asked.
    #[error("the key canaries can't be read or written")]
    Database(#[from] DbErr),
}

/// The table, for a service's migration.
#[must_use]
pub fn table() -> TableCreateStatement {
    Table::create().table("key_canaries").col(string("key_id").primary_key()).col(var_binary("canary", 32)).to_owned()
}

/// Checks that `keys` belong to `database`, and makes a row for each key that is new to it. A second key that is retired is no
/// fault: the file may be on its way.
pub async fn check(database: &Database, keys: &RootKeys) -> Result<(), WrongKeys> {
    let transaction = database.begin().await?;
    lock(&transaction).await?;
    for Model { key_id, canary } in find_new(&transaction, keys).await? {
        ActiveModel { key_id: Set(key_id), canary: Set(canary) }.insert(&transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// As [`check`], but changes nothing.
pub async fn compare(database: &Database, keys: &RootKeys) -> Result<(), WrongKeys> {
    let transaction = database.begin().await?;
    find_new(&transaction, keys).await?;
    Ok(transaction.rollback().await?)
}

/// The canaries of `keys` that the database doesn't know yet, if the others are its own.
async fn find_new(transaction: &DatabaseTransaction, keys: &RootKeys) -> Result<Vec<Model>, WrongKeys> {
    let given: Vec<Model> =
        keys.iter().map(|key| Model { key_id: key.id().to_owned(), canary: key.derive(PURPOSE).to_vec() }).collect();
    let (retired, known): (Vec<_>, Vec<_>) = Entity::find().all(transaction).await?.into_iter().partition(is_retired);
    let is_gone = |one: &Model| retired.iter().any(|row| row.key_id == one.key_id);
    if let Some(first) = given.first().filter(|first| is_gone(first)) {
        return Err(WrongKeys::Retired { file: keys.file().to_owned(), key: first.key_id.clone() });
    }
    let live: Vec<_> = given.iter().filter(|one| !is_gone(one)).cloned().collect();
    new_ones(&live, &known).ok_or_else(|| {
        let ids = |canaries: Vec<Model>| canaries.into_iter().map(|canary| canary.key_id).collect();
        WrongKeys::Stranger { file: keys.file().to_owned(), given: ids(given), known: ids(known) }
    })
}

fn is_retired(row: &Model) -> bool {
    row.canary.is_empty()
}

/// Whether the database knows every key of `ids`; if so, it goes on knowing them until `transaction` ends. Who makes rows under a
/// key asks in the same transaction: a process that hasn't read its key file again may hold a key that was retired.
pub async fn hold(transaction: &DatabaseTransaction, ids: &BTreeSet<&str>) -> Result<bool, DbErr> {
    let rows = Entity::find().filter(row::Column::KeyId.is_in(ids.iter().copied())).order_by_asc(row::Column::KeyId);
    // Against retirement alone, which is all that ever happens to a row: it locks for update. `SQLite` has one writer, and takes no
    // locks of rows.
    let held = rows.lock(LockType::KeyShare).all(transaction).await?;
    Ok(held.len() == ids.len() && !held.iter().any(is_retired))
}

/// Retires a key, if nothing needs it: a file that has it first, from before the rotation, is refused from then on. `count` counts the rows that need it, by what they are; what it counted is answered, and nothing was done
/// unless that is empty. Rows that are being made under the key ([`hold`]) are waited for and counted.
pub async fn forget(
    database: &Database,
    key_id: &str,
    count: impl AsyncFnOnce(&DatabaseTransaction) -> Result<Needed, DbErr>,
) -> Result<Needed, DbErr> {
    let transaction = database.begin().await?;
    lock(&transaction).await?;
    // From here on nobody holds it, and who wants to waits until it is gone.
    Entity::find_by_id(key_id).lock_exclusive().one(&transaction).await?;
    let needed = count(&transaction).await?;
    if needed.is_empty() {
        let gone = ActiveModel { canary: Set(Vec::new()), ..Default::default() };
        Entity::update_many().set(gone).filter(row::Column::KeyId.eq(key_id)).exec(&transaction).await?;
        transaction.commit().await?;
    }
    Ok(needed)
}

/// Waits for other checks: two first starts with different files would both find an empty table. `SQLite` has one writer.
async fn lock(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        transaction.execute_unprepared("LOCK TABLE key_canaries IN SHARE ROW EXCLUSIVE MODE").await?;
    }
    Ok(())
}

/// Which canaries of the file are new to the database; `None` if the file isn't the database's: a known id derives
/// something else, or no id is known although some are.
fn new_ones(given: &[Model], known: &[Model]) -> Option<Vec<Model>> {
    let (old, new): (Vec<_>, Vec<_>) = given.iter().partition(|one| known.iter().any(|row| row.key_id == one.key_id));
    let fits = old.iter().all(|one| known.contains(one)) && (!old.is_empty() || known.is_empty());
    fits.then(|| new.into_iter().cloned().collect())
}

mod row {
    #![allow(missing_docs, unreachable_pub, reason = "a sea-orm entity: derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "key_canaries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub key_id: String,
        pub canary: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(id: &str, byte: u8) -> Model {
        Model { key_id: id.into(), canary: vec![byte; 32] }
    }

    #[test]
    fn a_file_fits_when_a_key_is_known_and_none_differs() {
        let known = [canary("k1", 1), canary("k2", 2)];
        assert_eq!(new_ones(&[canary("k1", 1)], &[]).unwrap(), [canary("k1", 1)]);
        assert_eq!(new_ones(&[canary("k2", 2)], &known).unwrap(), []);
        assert_eq!(new_ones(&[canary("k3", 3), canary("k2", 2)], &known).unwrap(), [canary("k3", 3)]);
    }

    #[test]
    fn a_strange_file_is_refused() {
        let known = [canary("k1", 1)];
        for strange in [vec![canary("k1", 9)], vec![canary("k2", 1)], vec![canary("k1", 1), canary("k1", 9)]] {
            assert_eq!(new_ones(&strange, &known), None);
        }
    }
}
