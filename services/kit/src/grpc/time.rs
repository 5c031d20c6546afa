//! Instants on the wire.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _};
use prost_types::Timestamp;

use crate::ambient::Instant;

/// An instant as protobuf writes it.
#[must_use]
pub fn to_timestamp(at: Instant) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

/// The years that RFC 3339 can write, and those that its offsets lead to. There are instants beyond, but no database has them
/// all, and nothing can be added to the last one.
const YEARS: RangeInclusive<i32> = -1..=10_000;

/// The instant that protobuf wrote; `None` if it is out of range.
#[must_use]
pub fn to_instant(at: &Timestamp) -> Option<Instant> {
    let instant = DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)?;
    YEARS.contains(&instant.year()).then_some(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_of_the_years_that_can_be_written() {
        let [first, last] = [-62_198_755_200, 253_433_923_199];
        let read = |seconds, nanos| to_instant(&Timestamp { seconds, nanos });
        for seconds in [first, 0, last] {
            assert_eq!(to_timestamp(read(seconds, 7).unwrap()), Timestamp { seconds, nanos: 7 });
        }
        for (seconds, nanos) in [(first - 1, 0), (last + 1, 0), (i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, i32::MAX)] {
            assert_eq!(read(seconds, nanos), None, "{seconds} {nanos}");
        }
    }
}
