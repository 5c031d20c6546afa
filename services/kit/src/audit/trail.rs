//! Reading a trail: pages, newest first, from a place in it.
//!
//! Rows are in the order of their `UUIDv7`s, so that pages of several owners' trails merge by UUID and a place is an event's
//! UUID, whoever has it.

use std::cmp::Reverse;

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use serde_json::Value;
use uuid::{Builder, Uuid};

use super::{Actor, row};
use crate::ambient::Instant;

/// How far a UUID's time may be from the event's: they are read one after the other, and the clock may step in between.
const SLACK: TimeDelta = TimeDelta::minutes(1);

/// Which events of a trail are meant: those that fit all that is said.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whose trail.
    pub organization: Uuid,
    /// Any of these types; empty: all.
    pub kinds: Vec<String>,
    /// Who did it.
    pub actor: Option<Uuid>,
    /// What kind of thing it was done to.
    pub subject_kind: Option<String>,
    /// To what it was done.
    pub subject: Option<Uuid>,
    /// Not before this.
    pub from: Option<Instant>,
    /// Not after this.
    pub to: Option<Instant>,
}

/// From where a page begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// From the newest event on.
    #[default]
    Newest,
    /// The next older ones than this event.
    After(Uuid),
    /// The next newer ones than this event.
    Before(Uuid),
}

/// A page that is asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Which events.
    pub filter: Filter,
    /// From where.
    pub place: Place,
    /// How many.
    pub limit: u64,
}

/// An event as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its UUID.
    pub uuid: Uuid,
    /// Whose trail it is in.
    pub organization: Uuid,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub occurred_at: Instant,
    /// Who did it.
    pub actor: Option<Actor>,
    /// To what.
    pub subject: RecordedSubject,
    /// How it came about.
    pub context: Value,
    /// What changed.
    pub data: Value,
}

/// To what it was done, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSubject {
    /// What it is.
    pub kind: String,
    /// Its UUID.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
}

/// What reading a trail answers.
pub type Read<T> = Result<T, DbErr>;

/// The events of a page, newest first, and whether there are more in the direction that was asked for.
pub async fn list(connection: &impl ConnectionTrait, question: &Question) -> Read<(Vec<Recorded>, bool)> {
    let Question { filter, place, limit } = question;
    let rows = fitting(filter);
    let rows = match place {
        Place::Newest => rows.order_by_desc(row::Column::Uuid),
        Place::After(uuid) => rows.filter(row::Column::Uuid.lt(*uuid)).order_by_desc(row::Column::Uuid),
        Place::Before(uuid) => rows.filter(row::Column::Uuid.gt(*uuid)).order_by_asc(row::Column::Uuid),
    };
    // One more than wanted tells whether there are more.
    let rows = rows.limit(limit.saturating_add(1)).all(connection).await?;
    Ok(page(rows.into_iter().map(Recorded::from).collect(), question.place, question.limit, |event| event.uuid))
}

/// A page of what several owners found there: the events nearest to the place, newest first, each once (owners may share a
/// table), and whether there are more. `key` sorts as UUIDs do.
#[must_use]
pub fn merge<T, K: Ord>(found: Vec<(Vec<T>, bool)>, place: Place, limit: u64, key: impl Fn(&T) -> K) -> (Vec<T>, bool) {
    let mut more = false;
    let mut all = Vec::new();
    for (events, has_more) in found {
        more |= has_more;
        all.extend(events);
    }
    let (events, cut) = page(all, place, limit, key);
    (events, more || cut)
}

fn page<T, K: Ord>(mut events: Vec<T>, place: Place, limit: u64, key: impl Fn(&T) -> K) -> (Vec<T>, bool) {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    events.sort_unstable_by_key(|event| Reverse(key(event)));
    events.dedup_by_key(|event| key(event));
    let more = events.len() > most;
    if matches!(place, Place::Before(_)) {
        // The nearest newer ones are the last.
        events.drain(..events.len().saturating_sub(most));
    } else {
        events.truncate(most);
    }
    (events, more)
}

/// The event of that UUID, if it is in the organization's trail.
pub async fn find(connection: &impl ConnectionTrait, organization: Uuid, uuid: Uuid) -> Read<Option<Recorded>> {
    let found = row::Entity::find_by_id(uuid).filter(row::Column::OrganizationUuid.eq(organization));
    Ok(found.one(connection).await?.map(Recorded::from))
}

fn fitting(filter: &Filter) -> Select<row::Entity> {
    let Filter { organization, kinds, actor, subject_kind, subject, from, to } = filter;
    // The index is by UUID: a time bounds what is read of it.
    let first = from.map(|from| Builder::from_unix_timestamp_millis(millis(from - SLACK), &[0; 10]).into_uuid());
    let last = to.map(|to| Builder::from_unix_timestamp_millis(millis(to + SLACK), &[0xff; 10]).into_uuid());
    row::Entity::find()
        .filter(row::Column::OrganizationUuid.eq(*organization))
        .apply_if(first, |rows, first| rows.filter(row::Column::Uuid.gte(first)))
        .apply_if(last, |rows, last| rows.filter(row::Column::Uuid.lte(last)))
        .apply_if(*from, |rows, from| rows.filter(row::Column::OccurredAt.gte(from)))
        .apply_if(*to, |rows, to| rows.filter(row::Column::OccurredAt.lte(to)))
        .apply_if(*actor, |rows, actor| rows.filter(row::Column::ActorUuid.eq(actor)))
        .apply_if(*subject, |rows, subject| rows.filter(row::Column::SubjectUuid.eq(subject)))
        .apply_if(subject_kind.as_ref(), |rows, kind| rows.filter(row::Column::SubjectType.eq(kind)))
        .apply_if((!kinds.is_empty()).then_some(kinds), |rows, kinds| {
            rows.filter(row::Column::Type.is_in(kinds.iter().map(String::as_str)))
        })
}

fn millis(at: Instant) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

impl From<row::Model> for Recorded {
    fn from(row: row::Model) -> Self {
        Self {
            uuid: row.uuid,
            organization: row.organization_uuid,
            kind: row.r#type,
            occurred_at: row.occurred_at,
            actor: row.actor_uuid.map(|uuid| Actor { uuid, name: row.actor_name.unwrap_or_default() }),
            subject: RecordedSubject { kind: row.subject_type, uuid: row.subject_uuid, name: row.subject_name },
            context: row.context,
            data: row.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Pages that each owner cuts for itself and that are then merged are the pages of one trail.
        #[test]
        fn merged_pages_are_those_of_one_trail(
            owners in proptest::collection::vec(proptest::collection::btree_set(1_u128..40, 0..12), 1..4),
            limit in 1_u64..6, place in 0_u8..3, at in 1_u128..40,
        ) {
            let uuid = Uuid::from_u128(at);
            let place = [Place::Newest, Place::After(uuid), Place::Before(uuid)][usize::from(place)];
            let fits = |number: &u128| match place {
                Place::Newest => true,
                Place::After(_) => *number < at,
                Place::Before(_) => *number > at,
            };
            let of = |numbers: &BTreeSet<u128>| {
                page(numbers.iter().copied().filter(fits).collect(), place, limit, |number| *number)
            };
            let whole = owners.iter().flatten().copied().collect();
            let merged = merge(owners.iter().map(of).collect(), place, limit, |number| *number);
            prop_assert_eq!(merged, of(&whole));
        }
    }
}
