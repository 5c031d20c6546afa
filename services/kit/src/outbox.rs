//! What others shall be told of a change: a row for each event, in the change's own transaction, so that neither is there
//! without the other.
//!
//! A queue rather than a log: whoever carries events on reads the oldest rows, keeps what it needs of them and removes them. So
//! no lock puts changes in an order, and a row that commits later than a younger one is found when it is there. What was read
//! and not yet removed is read again: who reads knows events by their UUIDs.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Set,
};
use sea_orm_migration::{
    prelude::{Index, IndexCreateStatement, Table, TableCreateStatement},
    schema::{json, string, timestamp_with_time_zone, uuid},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    ambient::{Ambient, Instant},
    audit::Actor,
    db::{Database, alone},
};

/// Rows of one statement.
const MOST_ROWS: usize = 500;

/// Something to be told. No credential may be in it.
#[derive(Clone, Debug)]
pub struct Notice {
    event: &'static str,
    organization: Uuid,
    payload: Map<String, Value>,
    facts: Value,
}

impl Notice {
    /// What is told is `{"event", …objects, "sender": {"id", "name"} | null}`. `sender`: who did it; `None`: the system, or
    /// someone unknown.
    #[must_use]
    pub fn new(event: &'static str, organization: Uuid, sender: Option<&Actor>, objects: Vec<(&str, Value)>) -> Self {
        let mut payload = Map::from_iter([("event".to_owned(), event.into())]);
        payload.extend(objects.into_iter().map(|(name, object)| (name.to_owned(), object)));
        let sender = sender.map(|Actor { uuid, name }| json!({ "id": uuid, "name": name }));
        payload.insert("sender".to_owned(), sender.unwrap_or_default());
        Self { event, organization, payload, facts: Value::Null }
    }

    /// With what those who choose among events go by, and isn't told.
    #[must_use]
    pub fn with_facts(self, facts: Value) -> Self {
        Self { facts, ..self }
    }
}

/// An event that was read.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its UUID, by which it is known when it is read again.
    pub uuid: Uuid,
    /// Whose it is.
    pub organization: Uuid,
    /// Such as `portal.created`.
    pub event: String,
    /// When it happened.
    pub occurred_at: Instant,
    /// What is told.
    pub payload: Value,
    /// What it is chosen by.
    pub facts: Value,
}

/// Writes notices, in the transaction of the change.
pub async fn record(
    transaction: &impl ConnectionTrait,
    ambient: &Ambient,
    notices: impl IntoIterator<Item = Notice>,
) -> Result<(), DbErr> {
    let mut rows: Vec<_> = notices.into_iter().map(|notice| row(ambient, notice)).collect();
    while !rows.is_empty() {
        let later = rows.split_off(rows.len().min(MOST_ROWS));
        row::Entity::insert_many(std::mem::replace(&mut rows, later)).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn row(ambient: &Ambient, Notice { event, organization, payload, facts }: Notice) -> row::ActiveModel {
    row::ActiveModel {
        uuid: Set(ambient.uuid()),
        organization_uuid: Set(organization),
        event: Set(event.to_owned()),
        occurred_at: Set(ambient.now()),
        payload: Set(Value::Object(payload)),
        facts: Set(facts),
    }
}

/// The outbox of one database, for who carries its events on.
#[derive(Clone, Debug)]
pub struct Outbox(Database);

impl Outbox {
    /// That of a database that has the [`table`].
    #[must_use]
    pub fn of(database: Database) -> Self {
        Self(database)
    }

    /// The oldest events, at most `most`.
    pub async fn list(&self, most: u64) -> Result<Vec<Entry>, DbErr> {
        let rows = row::Entity::find().order_by_asc(row::Column::Uuid).limit(most).all(self.0.read()).await?;
        Ok(rows.into_iter().map(Entry::from).collect())
    }

    /// How many there are.
    pub async fn count(&self) -> Result<u64, DbErr> {
        row::Entity::find().count(self.0.read()).await
    }

    /// Removes events that were carried on. Those that are gone already don't matter.
    pub async fn remove(&self, uuids: &[Uuid]) -> Result<(), DbErr> {
        for uuids in uuids.chunks(MOST_ROWS) {
            let transaction = self.0.begin().await?;
            let these = row::Column::Uuid.is_in(uuids.iter().copied());
            row::Entity::delete_many().filter(these).exec(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Removes events from before `end` that nobody carried on, at most `most`, and says how many it were. None where another process
    /// does.
    pub async fn sweep(&self, end: Instant, most: u64) -> Result<u64, DbErr> {
        let old = row::Entity::find().filter(row::Column::OccurredAt.lt(end)).select_only();
        let old = old.column(row::Column::Uuid).order_by_asc(row::Column::OccurredAt).limit(most).into_query();
        let transaction = self.0.begin().await?;
        if !alone(&transaction, "outbox").await? {
            return Ok(0);
        }
        let delete = row::Entity::delete_many().filter(row::Column::Uuid.in_subquery(old));
        let removed = delete.exec(&transaction).await?.rows_affected;
        transaction.commit().await?;
        Ok(removed)
    }
}

/// The table, for a service's migration.
#[must_use]
pub fn table() -> TableCreateStatement {
    Table::create()
        .table("outbox_events")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(string("event"))
        .col(timestamp_with_time_zone("occurred_at"))
        .col(json("payload"))
        .col(json("facts"))
        .to_owned()
}

/// The index by which old events are found, for a service's migration.
#[must_use]
pub fn index() -> IndexCreateStatement {
    Index::create().name("outbox_events_age").table("outbox_events").col("occurred_at").to_owned()
}

impl From<row::Model> for Entry {
    fn from(row: row::Model) -> Self {
        let row::Model { uuid, organization_uuid, event, occurred_at, payload, facts } = row;
        Self { uuid, organization: organization_uuid, event, occurred_at, payload, facts }
    }
}

mod row {
    #![allow(missing_docs, unreachable_pub, reason = "a sea-orm entity: derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub uuid: Uuid,
        pub organization_uuid: Uuid,
        pub event: String,
        pub occurred_at: DateTimeUtc,
        pub payload: Json,
        pub facts: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
