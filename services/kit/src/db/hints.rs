//! Hints that something was committed, from one process to the others, by `LISTEN` and `NOTIFY` of `PostgreSQL`.
//!
//! A hint says only that it is time to look. What happened is in a row that whoever hears looks at from time to time anyhow, so
//! that a hint that is lost costs that time and nothing else.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DbErr, Statement,
    sqlx::{
        self,
        postgres::{PgListener, PgPool, PgPoolOptions},
    },
};

use super::{Database, WAIT};
use crate::{boot::Tasks, error::chain};

/// How long after a failure it is listened again.
const RETRY: Duration = Duration::from_secs(1);

/// Hints on `channel` when the transaction commits. Nothing on `SQLite`, where nobody else could listen.
pub async fn hint(transaction: &impl ConnectionTrait, channel: &str) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DatabaseBackend::Postgres {
        let values = [channel.into()];
        let notify = Statement::from_sql_and_values(DatabaseBackend::Postgres, "SELECT pg_notify($1, '')", values);
        transaction.query_one_raw(notify).await?;
    }
    Ok(())
}

/// Calls `heard` after each hint on `channel`, once for several that come together, and whenever some may have been lost; until
/// the stop. On a connection of its own. Does nothing on `SQLite`.
pub fn listen<F: Future<Output = ()> + Send>(
    database: &Database,
    tasks: &Tasks,
    channel: &'static str,
    heard: impl Fn() -> F + Send + Sync + 'static,
) {
    if !database.may_have_replicas() {
        return;
    }
    let options = database.reader.get_postgres_connection_pool().connect_options().as_ref().clone();
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).acquire_timeout(WAIT);
    let (pool, stop) = (pool.connect_lazy_with(options), tasks.stopping());
    tasks.spawn(async move {
        let listening = async {
            loop {
                if let Err(error) = listen_once(&pool, channel, &heard).await {
                    tracing::debug!(channel, error = chain(&error), "hints can't be heard");
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        let _stopped: Option<()> = stop.run_until_cancelled(listening).await;
    });
}

async fn listen_once<F: Future<Output = ()>>(
    pool: &PgPool,
    channel: &str,
    heard: &impl Fn() -> F,
) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    loop {
        // At first too: what was hinted at before it was listened is lost.
        heard().await;
        // Nothing: the connection was lost, and is there again.
        listener.try_recv().await?;
        while listener.next_buffered().is_some() {}
    }
}

#[cfg(test)]
mod tests;
