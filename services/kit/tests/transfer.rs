//! What one database holds comes to another, of either engine, value by value.
#![allow(clippy::unwrap_used, reason = "what isn't as expected must stop the test, and say where")]

use bed::each_engine;
use chrono::{DateTime, Utc};
use kit::db::{
    Database,
    transfer::{Incoming, Outgoing, Row, Rows, TransferError, fresh, versions},
};
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use sea_orm::{EntityTrait, IntoActiveModel, QueryOrder};
use sea_orm_migration::{
    prelude::{
        DbErr, DeriveMigrationName, ForeignKey, Index, MigrationTrait, MigratorTrait, Query, SchemaManager, Table,
    },
    schema::{
        big_integer, blob, boolean, integer, integer_null, json, string, text_null, timestamp_with_time_zone,
        timestamp_with_time_zone_null, uuid, uuid_null, var_binary,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

mod kinds {
    #![allow(missing_docs, unreachable_pub, reason = "a sea-orm entity: derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "a_kinds")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub uuid: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub parent: Option<Uuid>,
        pub words: String,
        pub maybe: Option<String>,
        pub flag: bool,
        pub large: i64,
        pub small: Option<i32>,
        pub at: DateTimeUtc,
        pub until: Option<DateTimeUtc>,
        pub tag: Vec<u8>,
        pub sealed: Vec<u8>,
        pub data: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(DeriveMigrationName)]
struct Tables;

#[async_trait::async_trait]
#[expect(elided_lifetimes_in_paths, reason = "the trait elides it, and the signatures must agree")]
impl MigrationTrait for Tables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The one that is referred to comes later in the alphabet.
        let parents = Table::create().table("z_parents").col(uuid("uuid").primary_key()).to_owned();
        manager.create_table(parents).await?;
        let kinds = Table::create()
            .table("a_kinds")
            .col(uuid("uuid"))
            .col(integer("number"))
            .col(uuid_null("parent"))
            .col(string("words"))
            .col(text_null("maybe"))
            .col(boolean("flag"))
            .col(big_integer("large"))
            .col(integer_null("small"))
            .col(timestamp_with_time_zone("at"))
            .col(timestamp_with_time_zone_null("until"))
            .col(var_binary("tag", 32))
            .col(blob("sealed"))
            .col(json("data"))
            .primary_key(Index::create().col("uuid").col("number"))
            .foreign_key(ForeignKey::create().from("a_kinds", "parent").to("z_parents", "uuid"))
            .to_owned();
        manager.create_table(kinds).await?;
        manager
            .create_table(
                Table::create().table("head").col(integer("id").primary_key()).col(big_integer("head")).to_owned(),
            )
            .await?;
        let head =
            Query::insert().into_table("head").columns(["id", "head"]).values_panic([1.into(), 0.into()]).to_owned();
        manager.execute(head).await
    }
}

struct Version;

impl MigratorTrait for Version {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Tables)]
    }
}

const PARENT: Uuid = Uuid::from_u128(7);

/// Any text that both engines take: PostgreSQL has no zero byte.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    // To the microsecond, as the ambient clock is; years 1970 to 2200.
    (0_i64..7_258_118_400_000_000).prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(|number| json!(number)),
        text().prop_map(|text| json!(text)),
        prop::collection::vec(text(), 0..4).prop_map(|texts| json!({ "list": texts, "inner": { "true": true } })),
    ]
}

fn model() -> impl Strategy<Value = kinds::Model> {
    let first =
        (any::<u128>(), any::<i32>(), any::<bool>(), text(), prop::option::of(text()), any::<bool>(), any::<i64>());
    let second = (
        prop::option::of(any::<i32>()),
        time(),
        prop::option::of(time()),
        any::<[u8; 32]>(),
        any::<Vec<u8>>(),
        value(),
    );
    (first, second).prop_map(
        |((uuid, number, has_parent, words, maybe, flag, large), (small, at, until, tag, sealed, data))| {
            let (uuid, parent, tag) = (Uuid::from_u128(uuid), has_parent.then_some(PARENT), tag.to_vec());
            kinds::Model { uuid, number, parent, words, maybe, flag, large, small, at, until, tag, sealed, data }
        },
    )
}

async fn migrated(url: &str) -> Database {
    let database = Database::open(url).await.unwrap();
    database.migrate::<Version>().await.unwrap();
    database
}

async fn models(database: &Database) -> Vec<kinds::Model> {
    let sorted = kinds::Entity::find().order_by_asc(kinds::Column::Uuid).order_by_asc(kinds::Column::Number);
    sorted.all(database.read()).await.unwrap()
}

async fn all(database: &Database) -> (Vec<(String, Vec<String>)>, Rows) {
    let outgoing = Outgoing::begin(database).await.unwrap();
    let (mut tables, mut rows) = (Vec::new(), Rows::new());
    for table in outgoing.tables() {
        tables.push((table.to_owned(), outgoing.columns(table)));
        let kept = rows.entry(table.to_owned()).or_default();
        let keep = |row: Row| {
            kept.push(row);
            Ok(())
        };
        outgoing.read(table, keep).await.unwrap();
    }
    (tables, rows)
}

async fn carry(from: &Database, to: &Database) -> Result<(), TransferError> {
    let (tables, mut rows) = all(from).await;
    let incoming = Incoming::begin(to, &fresh::<Version>().await?).await?;
    for (table, columns) in tables {
        let these = rows.remove(&table).unwrap_or_default();
        let count = these.len() as u64;
        incoming.write(&table, &columns, these).await?;
        assert_eq!(incoming.count(&table).await?, count);
    }
    incoming.commit().await
}

#[tokio::test]
async fn every_kind_of_value_comes_over_to_either_engine() {
    let mut runner = TestRunner::deterministic();
    let models_made: Vec<_> = (0..300).map(|_| model().new_tree(&mut runner).unwrap().current()).collect();
    each_engine(async |source| {
        let from = migrated(&source.url).await;
        let transaction = from.begin().await.unwrap();
        let parent = format!("INSERT INTO z_parents (uuid) VALUES ({})", literal(&source.url));
        sea_orm::ConnectionTrait::execute_unprepared(&transaction, &parent).await.unwrap();
        let rows = models_made.iter().cloned().map(IntoActiveModel::into_active_model);
        kinds::Entity::insert_many(rows).exec_without_returning(&transaction).await.unwrap();
        sea_orm::ConnectionTrait::execute_unprepared(&transaction, "UPDATE head SET head = 41").await.unwrap();
        transaction.commit().await.unwrap();
        let expected = models(&from).await;
        assert_eq!(expected.len(), models_made.len());
        each_engine(async |target| {
            let to = migrated(&target.url).await;
            carry(&from, &to).await.unwrap();
            assert_eq!(models(&to).await, expected);
            let [(ours, ours_rows), (theirs, theirs_rows)] = [all(&from).await, all(&to).await];
            assert_eq!(ours, theirs);
            assert!(ours_rows == theirs_rows, "rows differ in the form in which they travel");
            assert_eq!(theirs_rows["head"], [vec![json!(1), json!(41)]]);
            let again = carry(&from, &to).await.unwrap_err();
            assert!(matches!(again, TransferError::NotEmpty(_)), "{again}");
        })
        .await;
    })
    .await;
}

fn literal(url: &str) -> String {
    let hex = PARENT.simple();
    if url.starts_with("sqlite:") { format!("X'{hex}'") } else { format!("'{PARENT}'") }
}

#[tokio::test]
async fn what_breaks_off_leaves_the_target_as_it_was() {
    each_engine(async |bed| {
        let to = migrated(&bed.url).await;
        let fresh = fresh::<Version>().await.unwrap();
        let columns = ["uuid".to_owned()];
        for wrong in [json!("no uuid"), json!(7), json!(null)] {
            let incoming = Incoming::begin(&to, &fresh).await.unwrap();
            incoming.write("z_parents", &columns, vec![vec![json!(PARENT)]]).await.unwrap();
            assert!(incoming.write("z_parents", &columns, vec![vec![wrong]]).await.is_err());
        }
        let incoming = Incoming::begin(&to, &fresh).await.unwrap();
        assert!(matches!(incoming.write("nothing", &columns, Vec::new()).await, Err(TransferError::Table(_))));
        assert!(matches!(incoming.write("head", &columns, Vec::new()).await, Err(TransferError::Table(_))));
        drop(incoming);
        assert_eq!(all(&to).await.1, fresh);
        assert_eq!(versions::<Version>().len(), 1);
    })
    .await;
}
