//! Connections of a pool that must not be used again.
#![allow(clippy::unwrap_used, reason = "what isn't as expected must stop the test, and say where")]

use std::time::Duration;

use bed::each_engine;
use kit::db::Database;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};

async fn rows<T: FromQueryResult>(database: &Database, sql: &str) -> Vec<T> {
    let statement = Statement::from_string(database.read().get_database_backend(), sql);
    T::find_by_statement(statement).all(database.read()).await.unwrap()
}

#[tokio::test]
async fn after_a_commit_that_failed_the_next_one_counts() {
    each_engine(async |bed| {
        let (database, other) = (Database::open(&bed.url).await.unwrap(), Database::open(&bed.url).await.unwrap());
        for sql in [
            "CREATE TABLE parents (id integer PRIMARY KEY)",
            "CREATE TABLE children (parent integer REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
        ] {
            let transaction = database.begin().await.unwrap();
            transaction.execute_unprepared(sql).await.unwrap();
            transaction.commit().await.unwrap();
        }
        for round in 1..=12 {
            let transaction = database.begin().await.unwrap();
            transaction.execute_unprepared("INSERT INTO children (parent) VALUES (99)").await.unwrap();
            // What is checked at the commit fails there, as a full disk does.
            transaction.commit().await.unwrap_err();
            let transaction = database.begin().await.unwrap();
            transaction.execute_unprepared(&format!("INSERT INTO parents (id) VALUES ({round})")).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(rows::<Count>(&other, "SELECT count(*) AS count FROM parents").await[0].count, round);
            assert_eq!(rows::<Count>(&other, "SELECT count(*) AS count FROM children").await[0].count, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn connections_that_the_server_closed_while_they_were_idle_are_noticed_before_they_are_used() {
    each_engine(async |bed| {
        if !bed.url.starts_with("postgres:") {
            return;
        }
        let (database, other) = (Database::open(&bed.url).await.unwrap(), Database::open(&bed.url).await.unwrap());
        let pings = Box::pin(open_several(&database)).await;
        assert!(pings > 0);
        // As a restart does it: all but the one that asks.
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        rows::<Count>(&other, terminate).await;
        // Longer than a connection is trusted unasked.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        for _ in 0..32 {
            database.ping().await.unwrap();
            database.begin().await.unwrap().rollback().await.unwrap();
        }
    })
    .await;
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Opens several connections, and says how many pings went well.
async fn open_several(database: &Database) -> usize {
    let (one, two, three, four) = tokio::join!(database.ping(), database.ping(), database.ping(), database.ping());
    [one, two, three, four].iter().filter(|ping| ping.is_ok()).count()
}
