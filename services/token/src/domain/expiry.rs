//! When a credential that is asked for shall end.

use chrono::{Datelike, DurationRound, TimeDelta};
use kit::{ambient::Instant, error::Violation};

const FIELD: &str = "expires_at";
/// Beyond it `SQLite`'s text no longer sorts by time: what ends in the year 10000 would have ended long ago.
const LAST_YEAR: i32 = 9999;

/// The instant that was asked for, to the microsecond, which is what both engines keep. It lies after `now` and, in UTC,
/// before the year 10000.
pub(crate) fn check(at: Option<Instant>, now: Instant) -> Result<Option<Instant>, Violation> {
    let Some(at) = at else { return Ok(None) };
    if at.year() > LAST_YEAR {
        return Err(Violation::new(FIELD, "must be before the year 10000"));
    }
    let at = at.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(at);
    if at > now { Ok(Some(at)) } else { Err(Violation::new(FIELD, "must be in the future")) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn parsed(text: &str) -> Option<Instant> {
        DateTime::parse_from_rfc3339(text).ok().map(Into::into)
    }

    fn checked(text: &str) -> Result<Option<Instant>, Violation> {
        check(Some(parsed(text).unwrap()), parsed("2026-01-01T00:00:00Z").unwrap())
    }

    #[test]
    fn what_is_past_or_now_or_after_the_year_9999_in_utc_is_refused() {
        let out = [
            "9999-12-31T23:59:59-01:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.0000009Z",
            "1969-01-01T00:00:00Z",
        ];
        for text in out {
            assert_eq!(checked(text).unwrap_err().field, "expires_at", "{text}");
        }
        for text in ["9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.000001Z"] {
            assert_eq!(checked(text).unwrap(), parsed(text), "{text}");
        }
        assert_eq!(check(None, parsed("2026-01-01T00:00:00Z").unwrap()).unwrap(), None);
    }

    #[test]
    fn it_is_kept_to_the_microsecond() {
        assert_eq!(checked("2027-01-01T00:00:00.123456789Z").unwrap(), parsed("2027-01-01T00:00:00.123456Z"));
    }
}
