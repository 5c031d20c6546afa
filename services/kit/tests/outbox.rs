//! What the kit leaves for others, on each engine.
#![allow(clippy::unwrap_used, reason = "what isn't as expected must stop the test, and say where")]

use bed::each_engine;
use chrono::TimeDelta;
use kit::{
    ambient::Ambient,
    audit::Actor,
    db::Database,
    outbox::{self, Notice, Outbox},
};
use sea_orm_migration::prelude::{DbErr, MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
use serde_json::json;
use uuid::Uuid;

struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_outbox"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(outbox::table()).await?;
        manager.create_index(outbox::index()).await
    }
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

async fn database(url: &str) -> Database {
    let database = Database::open(url).await.unwrap();
    database.migrate::<Migrator>().await.unwrap();
    database
}

fn notice(number: u32) -> Notice {
    let sender = Actor { uuid: Uuid::from_u128(1), name: "Ada".into() };
    Notice::new("thing.made", Uuid::from_u128(2), Some(&sender), vec![("thing", json!({ "number": number }))])
        .with_facts(json!({ "number": number }))
}

async fn leave(database: &Database, notices: Vec<Notice>) {
    let transaction = database.begin().await.unwrap();
    outbox::record(&transaction, &Ambient::system(), notices).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
async fn events_are_read_until_they_are_removed() {
    each_engine(async |bed| {
        let database = database(&bed.url).await;
        leave(&database, vec![notice(7)]).await;
        let outbox = Outbox::of(database.clone());
        for _ in 0..2 {
            let [event] = outbox.list(10).await.unwrap().try_into().unwrap();
            let told = json!({ "event": "thing.made", "thing": { "number": 7 },
                "sender": { "id": Uuid::from_u128(1), "name": "Ada" } });
            assert_eq!((event.payload, event.facts), (told, json!({ "number": 7 })));
            assert_eq!((event.event.as_str(), event.organization), ("thing.made", Uuid::from_u128(2)));
        }
        let uuids: Vec<_> = outbox.list(10).await.unwrap().into_iter().map(|event| event.uuid).collect();
        outbox.remove(&uuids).await.unwrap();
        outbox.remove(&uuids).await.unwrap();
        assert!(outbox.list(10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_change_that_did_not_commit_is_not_there_and_many_are() {
    each_engine(async |bed| {
        let database = database(&bed.url).await;
        let outbox = Outbox::of(database.clone());
        let transaction = database.begin().await.unwrap();
        outbox::record(&transaction, &Ambient::system(), [notice(1)]).await.unwrap();
        transaction.rollback().await.unwrap();
        assert!(outbox.list(10).await.unwrap().is_empty());
        leave(&database, Vec::new()).await;
        leave(&database, (0..1_203).map(notice).collect()).await;
        assert_eq!(outbox.list(2_000).await.unwrap().len(), 1_203);
        assert_eq!(outbox.list(5).await.unwrap().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_carries_on_is_swept_in_batches() {
    each_engine(async |bed| {
        let database = database(&bed.url).await;
        leave(&database, (0..5).map(notice).collect()).await;
        let (outbox, now) = (Outbox::of(database), Ambient::system().now());
        assert_eq!(outbox.sweep(now - TimeDelta::days(1), 3).await.unwrap(), 0);
        let later = now + TimeDelta::days(1);
        let swept = [outbox.sweep(later, 3).await.unwrap(), outbox.sweep(later, 3).await.unwrap()];
        assert_eq!((swept, outbox.list(10).await.unwrap().len()), ([3, 2], 0));
    })
    .await;
}
