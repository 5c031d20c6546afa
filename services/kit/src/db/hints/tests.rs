//! Hints between two handles on one database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bed::{Bed, each_engine};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `heard` is more than `before`.
async fn until_more(heard: &AtomicU64, before: u64) -> u64 {
    let waiting = async {
        loop {
            let now = heard.load(Ordering::SeqCst);
            if now > before {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("a hint")
}

#[tokio::test]
async fn what_commits_is_heard_by_others_also_after_their_connection_was_cut() {
    each_engine(async |bed: Bed| {
        let (one, other) = (Database::open(&bed.url).await.unwrap(), Database::open(&bed.url).await.unwrap());
        let (tasks, heard) = (Tasks::default(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&heard);
        listen(&other, &tasks, "test", move || {
            let count = Arc::clone(&count);
            async move {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        let commit = async || {
            let transaction = one.begin().await.unwrap();
            hint(&transaction, "test").await.unwrap();
            transaction.commit().await.unwrap();
        };
        if !one.may_have_replicas() {
            commit().await;
            assert_eq!(heard.load(Ordering::SeqCst), 0, "nobody listens where nobody else can be");
            return;
        }
        let listening = until_more(&heard, 0).await;
        commit().await;
        let now = until_more(&heard, listening).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        one.read().execute_unprepared(cut).await.unwrap();
        let again = until_more(&heard, now).await;
        commit().await;
        until_more(&heard, again).await;
        assert!(tasks.stop(PATIENCE).await);
    })
    .await;
}
