//! Where in a list an edge stands. Opaque to callers.

use std::cmp::Ordering;

use chrono::DateTime;
use uuid::Uuid;

use super::{
    filter::ListOrder,
    member::{MemberOrder, Place},
    paging::Mark,
    relay,
};

/// A place in a list that is ordered by a number: builds of a pipeline, entries of a small list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) i32);

/// A place in a list that is ordered by time of creation; a `UUIDv7` sorts by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Created(pub(crate) Uuid);

/// A place in a list that has two orders: pipelines, teams, a team's pipelines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ordered {
    Created(Uuid),
    Named(String, Uuid),
}

/// A place in a list of an organization's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberPlace(pub(crate) Place);

impl Ordered {
    /// The place of something of that name and id.
    pub(crate) fn of(order: ListOrder, name: &str, uuid: Uuid) -> Self {
        match order {
            ListOrder::RecentlyCreated => Self::Created(uuid),
            ListOrder::Name => Self::Named(name.to_owned(), uuid),
        }
    }

    /// Which of two places comes first in a list that is at hand as a whole; `None` if they are of different orders.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Created(one), Self::Created(two)) => Some(two.cmp(one)),
            (Self::Named(one, one_id), Self::Named(two, two_id)) => {
                Some(one.to_lowercase().cmp(&two.to_lowercase()).then(one_id.cmp(two_id)))
            }
            _ => None,
        }
    }
}

impl MemberPlace {
    /// The order of the list that it is a place in.
    pub(crate) fn order(&self) -> MemberOrder {
        match self.0 {
            Place::Named(..) => MemberOrder::Name,
            Place::Joined(..) => MemberOrder::RecentlyJoined,
        }
    }
}

impl Mark for MemberPlace {
    fn write(&self) -> String {
        match &self.0 {
            Place::Named(name, uuid) => relay::seal(&format!("member:{uuid}:{name}")),
            Place::Joined(since, uuid) => relay::seal(&format!("joined:{uuid}:{}", since.timestamp_micros())),
        }
    }

    fn read(text: &str) -> Option<Self> {
        let text = relay::unseal(text)?;
        let (kind, rest) = text.split_once(':')?;
        let (uuid, key) = rest.split_once(':')?;
        let uuid = Uuid::try_parse(uuid).ok()?;
        match kind {
            "member" if !key.contains('\0') => Some(Self(Place::Named(key.to_owned(), uuid))),
            "joined" => Some(Self(Place::Joined(DateTime::from_timestamp_micros(key.parse().ok()?)?, uuid))),
            _ => None,
        }
    }
}

impl Mark for Number {
    fn write(&self) -> String {
        relay::seal(&format!("number:{}", self.0))
    }

    fn read(text: &str) -> Option<Self> {
        relay::unseal(text)?.strip_prefix("number:")?.parse().ok().map(Self)
    }
}

impl Mark for Created {
    fn write(&self) -> String {
        relay::seal(&format!("created:{}", self.0))
    }

    fn read(text: &str) -> Option<Self> {
        Uuid::try_parse(relay::unseal(text)?.strip_prefix("created:")?).ok().map(Self)
    }
}

impl Mark for Ordered {
    fn write(&self) -> String {
        match self {
            Self::Created(uuid) => Created(*uuid).write(),
            Self::Named(name, uuid) => relay::seal(&format!("named:{uuid}:{name}")),
        }
    }

    fn read(text: &str) -> Option<Self> {
        if let Some(Created(uuid)) = Created::read(text) {
            return Some(Self::Created(uuid));
        }
        let text = relay::unseal(text)?;
        let (uuid, name) = text.strip_prefix("named:")?.split_once(':')?;
        (!name.contains('\0')).then_some(Self::Named(name.to_owned(), Uuid::try_parse(uuid).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_members_survive_the_round_trip() {
        let (since, uuid) = (DateTime::from_timestamp_micros(1_767_225_600_123_456).unwrap(), Uuid::from_u128(7));
        for place in [Place::Named("a:b: Ünï".to_owned(), uuid), Place::Joined(since, uuid)] {
            let place = MemberPlace(place);
            assert_eq!(MemberPlace::read(&place.write()), Some(place));
        }
        for text in ["joined:x:1", "joined:00000000-0000-0000-0000-000000000007:x", "member", "other:a:b"] {
            assert_eq!(MemberPlace::read(&relay::seal(text)), None, "{text}");
        }
    }

    #[test]
    fn places_compare_within_one_order_only() {
        let named = |name: &str, id| Ordered::of(ListOrder::Name, name, Uuid::from_u128(id));
        let created = |id| Ordered::of(ListOrder::RecentlyCreated, "", Uuid::from_u128(id));
        assert_eq!(named("a", 2).compare(&named("B", 1)), Some(Ordering::Less));
        assert_eq!(named("a", 2).compare(&named("A", 1)), Some(Ordering::Greater));
        assert_eq!(created(2).compare(&created(1)), Some(Ordering::Less));
        assert_eq!(created(2).compare(&named("a", 1)), None);
    }
}
