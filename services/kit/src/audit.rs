//! The audit trail of a service: one row for each change, written in the change's own transaction (spec §9).

mod origin;
mod trail;

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, Set};
use sea_orm_migration::{
    prelude::{Index, IndexCreateStatement, Table, TableCreateStatement},
    schema::{json, string, string_null, timestamp_with_time_zone, uuid, uuid_null},
};
use serde_json::Value;
use uuid::Uuid;

use crate::ambient::Ambient;

pub use origin::{Origin, context};
pub use trail::{Filter, Place, Question, Read, Recorded, RecordedSubject, find, list, merge};

/// Rows of one statement, which may have 32 766 values in `SQLite`.
const MOST_ROWS: usize = 500;

/// Who did it: UUID and name, as they were then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user's UUID.
    pub uuid: Uuid,
    /// The user's name.
    pub name: String,
}

/// To what it was done, as it was then.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Such as `portal`.
    pub kind: &'static str,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
}

/// Something that happened. No credential, variable or body may be in it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The documented type, such as `PORTAL_CREATED`.
    pub kind: &'static str,
    /// Whose trail it belongs to.
    pub organization: Uuid,
    /// Who did it; `None`: the system, or someone unknown.
    pub actor: Option<Actor>,
    /// To what.
    pub subject: Subject,
    /// How it came about, see [`Origin`]; null if no request caused it.
    pub context: Value,
    /// What changed.
    pub data: Value,
}

/// Writes an event, in the transaction of the change.
pub async fn record(transaction: &impl ConnectionTrait, ambient: &Ambient, event: Event) -> Result<(), DbErr> {
    row(ambient, event).insert(transaction).await?;
    Ok(())
}

/// Writes events, each a row, in the transaction of the changes: for many at once.
pub async fn record_all(
    transaction: &impl ConnectionTrait,
    ambient: &Ambient,
    events: Vec<Event>,
) -> Result<(), DbErr> {
    let mut rows: Vec<_> = events.into_iter().map(|event| row(ambient, event)).collect();
    while !rows.is_empty() {
        let later = rows.split_off(rows.len().min(MOST_ROWS));
        row::Entity::insert_many(std::mem::replace(&mut rows, later)).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn row(ambient: &Ambient, event: Event) -> row::ActiveModel {
    let Event { kind, organization, actor, subject, context, data } = event;
    let (now, uuid) = (ambient.now(), ambient.uuid());
    row::ActiveModel {
        uuid: Set(uuid),
        organization_uuid: Set(organization),
        r#type: Set(kind.to_owned()),
        occurred_at: Set(now),
        actor_uuid: Set(actor.as_ref().map(|actor| actor.uuid)),
        actor_name: Set(actor.map(|actor| actor.name)),
        subject_type: Set(subject.kind.to_owned()),
        subject_uuid: Set(subject.uuid),
        subject_name: Set(subject.name),
        context: Set(context),
        data: Set(data),
    }
}

/// The table, for a service's migration.
#[must_use]
pub fn table() -> TableCreateStatement {
    Table::create()
        .table("audit_events")
        .col(uuid("uuid").primary_key())
        .col(uuid("organization_uuid"))
        .col(string("type"))
        .col(timestamp_with_time_zone("occurred_at"))
        .col(uuid_null("actor_uuid"))
        .col(string_null("actor_name"))
        .col(string("subject_type"))
        .col(uuid("subject_uuid"))
        .col(string("subject_name"))
        .col(json("context"))
        .col(json("data"))
        .to_owned()
}

/// The index by which an organization's trail is read, for a service's migration.
#[must_use]
pub fn index() -> IndexCreateStatement {
    Index::create()
        .name("audit_events_organization")
        .table("audit_events")
        .col("organization_uuid")
        .col("uuid")
        .to_owned()
}

mod row {
    #![allow(missing_docs, unreachable_pub, reason = "a sea-orm entity: derives make public items")]
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub uuid: Uuid,
        pub organization_uuid: Uuid,
        pub r#type: String,
        pub occurred_at: DateTimeUtc,
        pub actor_uuid: Option<Uuid>,
        pub actor_name: Option<String>,
        pub subject_type: String,
        pub subject_uuid: Uuid,
        pub subject_name: String,
        pub context: Json,
        pub data: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
