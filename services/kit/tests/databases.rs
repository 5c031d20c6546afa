//! What the kit does with a database, on each engine.
#![allow(clippy::unwrap_used, reason = "what isn't as expected must stop the test, and say where")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use bed::each_engine;
use kit::{
    ambient::Ambient,
    audit::{self, Actor, Event, Subject},
    canary::{self, Needed, WrongKeys},
    db::{Database, OpenError},
    error::chain,
    grpc::Caller,
    keys::{RootKey, RootKeys},
};
use sea_orm::{ConnectionTrait, DatabaseBackend, FromQueryResult, Statement};
use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationName, MigrationTrait, MigratorTrait, SchemaManager,
};
use serde_json::{Value, json};
use uuid::Uuid;

mod m0001_tables {
    use super::*;

    #[derive(DeriveMigrationName)]
    pub(super) struct Migration;

    #[async_trait::async_trait]
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
    impl MigrationTrait for Migration {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.create_table(audit::table()).await?;
            manager.create_index(audit::index()).await?;
            manager.create_table(canary::table()).await
        }
    }
}

/// A later step that changes nothing.
struct Later;

impl MigrationName for Later {
    fn name(&self) -> &'static str {
        "m0002_later"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Later {
    #[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}

/// One version's schema.
struct Old;

impl MigratorTrait for Old {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_tables::Migration)]
    }
}

/// The next version's.
struct New;

impl MigratorTrait for New {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_tables::Migration), Box::new(Later)]
    }
}

async fn migrated(url: &str) -> Database {
    let database = Database::open(url).await.unwrap();
    database.migrate::<Old>().await.unwrap();
    database
}

async fn rows<T: FromQueryResult>(database: &Database, sql: &str) -> Vec<T> {
    let statement = Statement::from_string(database.read().get_database_backend(), sql);
    T::find_by_statement(statement).all(database.read()).await.unwrap()
}

/// The keys of a file `name` in `directory` that holds these.
fn keys(directory: &Path, name: &str, keys: &[(&str, u8)]) -> RootKeys {
    let path = directory.join(name);
    let lines = keys.iter().map(|(id, byte)| RootKey::new((*id).to_owned(), [*byte; 32]).to_line().to_string());
    fs::write(&path, lines.collect::<Vec<_>>().concat()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    RootKeys::read(&path).unwrap()
}

#[tokio::test]
async fn a_schema_is_brought_up_once_and_then_required() {
    each_engine(async |bed| {
        let database = Database::open(&bed.url).await.unwrap();
        assert!(matches!(database.require_schema::<Old>().await, Err(OpenError::Behind(1))));
        database.migrate::<Old>().await.unwrap();
        database.migrate::<Old>().await.unwrap();
        database.require_schema::<Old>().await.unwrap();
        database.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_is_behind_is_refused_and_not_changed() {
    each_engine(async |bed| {
        let database = migrated(&bed.url).await;
        let behind = database.require_schema::<New>().await.unwrap_err();
        assert!(behind.to_string().contains("1 migrations behind"), "{behind}");
        database.require_schema::<Old>().await.unwrap();
        database.migrate::<New>().await.unwrap();
        database.require_schema::<New>().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused_and_left_alone() {
    each_engine(async |bed| {
        let database = migrated(&bed.url).await;
        database.migrate::<New>().await.unwrap();
        for refused in [database.migrate::<Old>().await, database.require_schema::<Old>().await] {
            let Err(OpenError::UnknownSchema(name)) = refused else { unreachable!("{refused:?}") };
            assert_eq!(name, "m0002_later");
        }
        database.require_schema::<New>().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    each_engine(async |bed| {
        let database = migrated(&bed.url).await;
        let transaction = database.begin().await.unwrap();
        audit::record(&transaction, &Ambient::system(), event(None, Value::Null)).await.unwrap();
        drop(transaction);
        assert_eq!(rows::<Row>(&database, ROWS).await, []);
    })
    .await;
}

const ROWS: &str = "SELECT * FROM audit_events ORDER BY uuid";

/// A row of the trail without its id and time.
#[derive(Debug, PartialEq, FromQueryResult)]
struct Row {
    organization_uuid: Uuid,
    r#type: String,
    actor_uuid: Option<Uuid>,
    actor_name: Option<String>,
    subject_type: String,
    subject_uuid: Uuid,
    subject_name: String,
    context: Value,
    data: Value,
}

fn event(actor: Option<Actor>, context: Value) -> Event {
    Event {
        kind: "PORTAL_CREATED",
        organization: Uuid::from_u128(1),
        actor,
        subject: Subject { kind: "portal", uuid: Uuid::from_u128(2), name: "Build".to_owned() },
        context,
        data: json!({ "slug": "build" }),
    }
}

#[tokio::test]
async fn an_event_is_kept_as_it_was() {
    each_engine(async |bed| {
        let (database, ambient) = (migrated(&bed.url).await, Ambient::system());
        let caller = Caller {
            request_id: "r-1".parse().ok(),
            client_ip: "192.0.2.1".parse().ok(),
            client_agent: "curl".parse().ok(),
            ..Caller::default()
        };
        let context = audit::context(&caller, Some(Uuid::from_u128(4)));
        let ada = Actor { uuid: Uuid::from_u128(3), name: "Ada".to_owned() };
        let transaction = database.begin().await.unwrap();
        audit::record(&transaction, &ambient, event(Some(ada), context)).await.unwrap();
        transaction.commit().await.unwrap();
        let expected = Row {
            organization_uuid: Uuid::from_u128(1),
            r#type: "PORTAL_CREATED".to_owned(),
            actor_uuid: Some(Uuid::from_u128(3)),
            actor_name: Some("Ada".to_owned()),
            subject_type: "portal".to_owned(),
            subject_uuid: Uuid::from_u128(2),
            subject_name: "Build".to_owned(),
            context: json!({
                "type": "API",
                "request_id": "r-1",
                "request_ip": "192.0.2.1",
                "request_user_agent": "curl",
                "credential_uuid": Uuid::from_u128(4),
            }),
            data: json!({ "slug": "build" }),
        };
        assert_eq!(rows::<Row>(&database, ROWS).await, [expected]);
    })
    .await;
}

#[tokio::test]
async fn an_event_of_the_system_has_no_actor_and_no_context() {
    each_engine(async |bed| {
        let database = migrated(&bed.url).await;
        let transaction = database.begin().await.unwrap();
        audit::record(&transaction, &Ambient::system(), event(None, Value::Null)).await.unwrap();
        transaction.commit().await.unwrap();
        let [row] = &rows::<Row>(&database, ROWS).await[..] else { unreachable!("one row") };
        assert_eq!((row.actor_uuid, &row.actor_name, &row.context), (None, &None, &Value::Null));
    })
    .await;
}

#[derive(FromQueryResult)]
struct KeyId {
    key_id: String,
}

async fn known(database: &Database) -> Vec<String> {
    let rows =
        rows::<KeyId>(database, "SELECT key_id FROM key_canaries WHERE length(canary) > 0 ORDER BY key_id").await;
    rows.into_iter().map(|row| row.key_id).collect()
}

#[tokio::test]
async fn a_new_key_is_known_from_then_on() {
    each_engine(async |bed| {
        let (database, directory) = (migrated(&bed.url).await, bed.directory());
        for file in [vec![("k1", 1)], vec![("k1", 1)], vec![("k2", 2), ("k1", 1)], vec![("k2", 2)]] {
            canary::check(&database, &keys(directory, "keys", &file)).await.unwrap();
        }
        assert_eq!(known(&database).await, ["k1", "k2"]);
    })
    .await;
}

#[tokio::test]
async fn a_retired_key_stays_retired() {
    each_engine(async |bed| {
        let (database, directory) = (migrated(&bed.url).await, bed.directory());
        canary::check(&database, &keys(directory, "both", &[("k2", 2), ("k1", 1)])).await.unwrap();
        let needed = Needed::from([("tokens", 2)]);
        let counted = needed.clone();
        assert_eq!(canary::forget(&database, "k1", async |_| Ok(counted)).await.unwrap(), needed);
        assert_eq!(known(&database).await, ["k1", "k2"], "what is needed stays");
        assert!(canary::forget(&database, "k1", async |_| Ok(Needed::new())).await.unwrap().is_empty());
        assert_eq!(known(&database).await, ["k2"]);
        for stale in [&[("k1", 1)][..], &[("k1", 1), ("k2", 2)], &[("k1", 1), ("k3", 3)], &[("k1", 9)]] {
            let refused = canary::check(&database, &keys(directory, "stale", stale)).await;
            assert!(matches!(refused, Err(WrongKeys::Retired { ref key, .. }) if key == "k1"), "{refused:?}");
        }
        // The file of the last step before it was retired still does, and makes it no better known.
        canary::check(&database, &keys(directory, "both", &[("k2", 2), ("k1", 1)])).await.unwrap();
        assert_eq!(known(&database).await, ["k2"]);
        let transaction = database.begin().await.unwrap();
        assert!(canary::hold(&transaction, &["k2"].into()).await.unwrap());
        assert!(!canary::hold(&transaction, &["k2", "k1"].into()).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn another_key_file_is_refused_and_leaves_no_trace() {
    each_engine(async |bed| {
        let (database, directory) = (migrated(&bed.url).await, bed.directory());
        canary::check(&database, &keys(directory, "own", &[("k1", 1)])).await.unwrap();
        for (file, holds) in [(vec![("k1", 9)], "k1"), (vec![("k9", 1)], "k9"), (vec![("k2", 2), ("k1", 9)], "k2, k1")]
        {
            let strange = keys(directory, "strange", &file);
            let said = chain(&canary::check(&database, &strange).await.unwrap_err());
            assert!(said.contains("the key file isn't the one that this database was made with"), "{said}");
            let named = format!("{} holds {holds}, the database knows k1", strange.file().display());
            assert!(said.ends_with(&named), "{said}");
        }
        assert_eq!(known(&database).await, ["k1"]);
    })
    .await;
}

#[tokio::test]
async fn of_two_first_starts_at_once_with_different_files_one_is_refused() {
    each_engine(async |bed| {
        let (one, other) = (migrated(&bed.url).await, migrated(&bed.url).await);
        let (own, strange) = (keys(bed.directory(), "1", &[("k1", 1)]), keys(bed.directory(), "2", &[("k2", 2)]));
        let (first, second) = tokio::join!(canary::check(&one, &own), canary::check(&other, &strange));
        assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
        let refused = first.and(second).unwrap_err();
        assert!(matches!(refused, WrongKeys::Stranger { .. }), "{refused:?}");
        assert_eq!(known(&one).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_acknowledges_before_it_has_written_is_refused() {
    each_engine(async |bed| {
        let Some((_, name)) = bed.url.rsplit_once('/').filter(|_| bed.url.starts_with("postgres:")) else { return };
        let database = Database::open(&bed.url).await.unwrap();
        let name = name.split('?').next().unwrap();
        for good in ["on", "remote_apply", "local"] {
            let alter = format!("ALTER DATABASE {name} SET synchronous_commit = {good}");
            database.read().execute_unprepared(&alter).await.unwrap();
            Database::open(&bed.url).await.unwrap();
        }
        // Of the server's settings the database's own counts, as a role's would.
        let alter = format!("ALTER DATABASE {name} SET synchronous_commit = off");
        database.read().execute_unprepared(&alter).await.unwrap();
        let refused = Database::open(&bed.url).await.unwrap_err();
        let OpenError::NotDurable(setting, _, value) = &refused else { unreachable!("{refused:?}") };
        assert_eq!((*setting, value.as_str()), ("synchronous_commit", "off"));
    })
    .await;
}

#[tokio::test]
async fn writers_that_wait_take_nothing_from_readers_and_none_waits_for_long() {
    each_engine(async |bed| {
        let database = Database::open(&bed.url).await.unwrap();
        let is_sqlite = bed.url.starts_with("sqlite:");
        let mut writers = Vec::new();
        for _ in 0..(if is_sqlite { 1 } else { 8 }) {
            writers.push(database.begin().await.unwrap());
        }
        database.ping().await.unwrap();
        if !is_sqlite {
            for (limit, value) in
                [("lock_timeout", "2s"), ("statement_timeout", "5s"), ("idle_in_transaction_session_timeout", "5s")]
            {
                let ask = Statement::from_string(DatabaseBackend::Postgres, format!("SHOW {limit}"));
                for connection in [database.read().query_one_raw(ask.clone()), writers[0].query_one_raw(ask)] {
                    let row = connection.await.unwrap().unwrap();
                    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), value);
                }
            }
        }
    })
    .await;
}
