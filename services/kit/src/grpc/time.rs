//! Instants on the wire.

use chrono::DateTime;
use prost_types::Timestamp;

use crate::ambient::Instant;

/// An instant as protobuf writes it.
#[must_use]
pub fn to_timestamp(at: Instant) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

/// The instant that protobuf wrote; `None` if it is out of range.
#[must_use]
pub fn to_instant(at: &Timestamp) -> Option<Instant> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}
