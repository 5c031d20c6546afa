//! When and from where a token was used, and how often that is written.

use std::net::IpAddr;

use chrono::TimeDelta;
use kit::ambient::Instant;
use uuid::Uuid;

/// The least time between two writes of one token's last use (spec §4).
pub(crate) const BETWEEN_WRITES: TimeDelta = TimeDelta::minutes(1);

/// A use of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) token: Uuid,
    pub(crate) at: Instant,
    /// `None`: it isn't known.
    pub(crate) ip: Option<IpAddr>,
}

impl Use {
    /// Whether it is to be written where `last` is what was written before.
    pub(crate) fn is_due(&self, last: Option<Instant>) -> bool {
        last.is_none_or(|last| last <= self.at - BETWEEN_WRITES)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_use_is_due_a_minute_after_the_last_written_one() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let used = Use { token: Uuid::nil(), at: at(100), ip: None };
        for (last, due) in [(None, true), (Some(40), true), (Some(41), false), (Some(100), false), (Some(999), false)] {
            assert_eq!(used.is_due(last.map(at)), due, "{last:?}");
        }
    }
}
