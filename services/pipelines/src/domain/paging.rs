//! The arithmetic of Relay's connections: which rows to ask for, and what the answer says about the rows beyond.

use crate::error::Error;

/// The most edges that one connection gives.
pub(crate) const MOST: u32 = 500;
/// How many edges a connection gives when it is asked for neither `first` nor `last`.
pub(crate) const DEFAULT: u32 = 30;

/// A place in a list, as callers see it.
pub(crate) trait Mark: Sized {
    /// The opaque text.
    fn write(&self) -> String;
    /// Reads the opaque text; `None` when it is none of ours.
    fn read(text: &str) -> Option<Self>;
}

/// The paging arguments of a connection, as sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) first: Option<i32>,
    pub(crate) last: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
}

/// A checked request for a part of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page<C> {
    take: Take,
    pub(crate) after: Option<C>,
    pub(crate) before: Option<C>,
}

#[derive(Clone, Copy, Debug)]
enum Take {
    First(u32),
    Last(u32),
    /// The last of the first.
    Both(u32, u32),
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug)]
pub(crate) struct Window<T> {
    pub(crate) items: Vec<T>,
    pub(crate) has_next: bool,
    pub(crate) has_previous: bool,
}

impl<T> Window<T> {
    /// The same part of another list.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Window<U> {
        let Self { items, has_next, has_previous } = self;
        Window { items: items.into_iter().map(change).collect(), has_next, has_previous }
    }
}

impl<C: Mark> Page<C> {
    /// Checks the arguments of a connection.
    pub(crate) fn parse(arguments: Arguments) -> Result<Self, Error> {
        let take = match (count("first", arguments.first)?, count("last", arguments.last)?) {
            (None, None) => Take::First(DEFAULT),
            (Some(first), None) => Take::First(first),
            (None, Some(last)) => Take::Last(last),
            (Some(first), Some(last)) => Take::Both(first, last),
        };
        Ok(Self { take, after: mark("after", arguments.after)?, before: mark("before", arguments.before)? })
    }
}

impl<C> Page<C> {
    /// Whether the rows must be asked for from the list's end.
    pub(crate) fn backwards(&self) -> bool {
        matches!(self.take, Take::Last(_))
    }

    /// How many rows to ask for: one more than wanted, to know whether there are more.
    pub(crate) fn limit(&self) -> u64 {
        let (Take::First(count) | Take::Last(count) | Take::Both(count, _)) = self.take;
        u64::from(count) + 1
    }

    /// Makes the part of the list from the rows found, which are in the order asked for.
    pub(crate) fn window<T>(&self, mut rows: Vec<T>) -> Window<T> {
        let found = rows.len();
        let over = |count: u32| found > count as usize;
        let (mut has_next, mut has_previous) = (self.before.is_some(), self.after.is_some());
        match self.take {
            Take::First(first) => {
                has_next |= over(first);
                rows.truncate(first as usize);
            }
            Take::Last(last) => {
                has_previous |= over(last);
                rows.truncate(last as usize);
                rows.reverse();
            }
            Take::Both(first, last) => {
                has_next |= over(first);
                has_previous |= over(last);
                rows.truncate(first as usize);
                rows.drain(..rows.len().saturating_sub(last as usize));
            }
        }
        Window { items: rows, has_next, has_previous }
    }
}

fn count(name: &str, value: Option<i32>) -> Result<Option<u32>, Error> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(count) if count <= MOST => Ok(Some(count)),
        Ok(_) => Err(Error::Paging(format!("`{name}` can't be more than {MOST}"))),
        Err(_negative) => Err(Error::Paging(format!("`{name}` can't be negative"))),
    }
}

fn mark<C: Mark>(name: &str, text: Option<String>) -> Result<Option<C>, Error> {
    let Some(text) = text else { return Ok(None) };
    C::read(&text).map(Some).ok_or_else(|| Error::Paging(format!("`{name}` is no cursor of this list")))
}

#[cfg(test)]
mod tests;
