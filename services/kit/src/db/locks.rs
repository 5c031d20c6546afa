//! Locks that name work instead of rows, so that of several processes one does it (ADR 25). Held by a transaction: they end with it,
//! however it ends.

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement};

/// Of migrations: "portals" in ASCII.
const MIGRATING: i64 = 0x70_6f72_7461_6c73;

/// Whether nobody else does `work` on this database now; then nobody else begins to before the transaction ends. On `SQLite`,
/// where one transaction writes at a time, always.
pub async fn alone(transaction: &DatabaseTransaction, work: &str) -> Result<bool, DbErr> {
    if transaction.get_database_backend() != DatabaseBackend::Postgres {
        return Ok(true);
    }
    let question = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))";
    let question = Statement::from_sql_and_values(DatabaseBackend::Postgres, question, [work.into()]);
    let row = transaction.query_one_raw(question).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("an advisory lock".to_owned()))?.try_get_by_index(0)
}

/// Waits until nobody else migrates the database.
pub(super) async fn migrate_alone(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bed::{Bed, each_engine};

    use super::*;
    use crate::db::Database;

    #[tokio::test]
    async fn one_of_several_does_the_same_work_at_a_time() {
        each_engine(async |bed: Bed| {
            let database = Database::open(&bed.url).await.unwrap();
            let first = database.begin().await.unwrap();
            assert!(alone(&first, "sweeping").await.unwrap());
            if database.may_have_replicas() {
                let second = database.begin().await.unwrap();
                assert!(!alone(&second, "sweeping").await.unwrap());
                assert!(alone(&second, "something else").await.unwrap());
                second.commit().await.unwrap();
            }
            first.commit().await.unwrap();
            let third = database.begin().await.unwrap();
            assert!(alone(&third, "sweeping").await.unwrap());
            third.commit().await.unwrap();
        })
        .await;
    }
}
