//! Where in a list an edge stands. Opaque to callers.

use uuid::Uuid;

use super::{paging::Mark, relay};

/// A place in a list that is ordered by a number: builds of a pipeline, entries of a small list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) i32);

/// A place in a list that is ordered by time of creation; a `UUIDv7` sorts by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Created(pub(crate) Uuid);

/// A place in a list of pipelines, which has two orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pipeline {
    Created(Uuid),
    Named(String, Uuid),
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

impl Mark for Pipeline {
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
