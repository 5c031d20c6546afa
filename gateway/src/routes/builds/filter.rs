//! Which builds a list is narrowed to, as the query of a URL says it.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use contracts::pipelines::v1::{BuildFilter, BuildState, Entry};
use kit::grpc::to_timestamp;
use prost_types::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::document::STATES;
use crate::{
    description::About,
    error::Error,
    query::{entries, parameter, parameters},
};

/// What `finished` stands for.
const FINISHED: [BuildState; 4] = [BuildState::Passed, BuildState::Failed, BuildState::Blocked, BuildState::Canceled];

/// Says what [`read`] takes.
pub(super) fn describe(about: About) -> About {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let states: Vec<_> = STATES.iter().map(|(_, word)| *word).chain(["finished"]).collect();
    let states = json!({ "type": "array", "items": { "type": "string", "enum": states } });
    let (uuid, instant) =
        (json!({ "type": "string", "format": "uuid" }), json!({ "type": "string", "format": "date-time" }));
    about
        .parameter("branch", &texts, "Of these branches; `*` stands for anything. Also `branch[]`.")
        .parameter("commit", &texts, "Of these commits. Also `commit[]`.")
        .parameter(
            "state",
            &states,
            "In these states; `finished` is passed, failed, blocked or canceled. Also `state[]`.",
        )
        .entries("meta_data", "With all of this.")
        .parameter("creator", &uuid, "Made by this user.")
        .parameter("created_from", &instant, "Made then or later. A date will do; what has no offset is UTC.")
        .parameter("created_to", &instant, "Made then or before.")
        .parameter("finished_from", &instant, "Over then or later.")
        .refuses(422, &["validation_failed"])
}

/// Reads `branch`, `commit` and `state`, also as lists (`state[]`), `meta_data[key]`, `creator` and times.
pub(super) fn read(query: Option<&str>) -> Result<BuildFilter, Error> {
    let mut states = Vec::new();
    for word in parameters(query, "state") {
        states.extend(state(&word)?.into_iter().map(i32::from));
    }
    let creator = parameter(query, "creator").filter(|text| !text.is_empty());
    if creator.as_ref().is_some_and(|text| Uuid::try_parse(text).is_err()) {
        return Err(Error::InvalidParameter("creator", "a user's UUID"));
    }
    Ok(BuildFilter {
        branches: parameters(query, "branch"),
        commits: parameters(query, "commit"),
        states,
        meta_data: entries(query, "meta_data").into_iter().map(|(name, value)| Entry { name, value }).collect(),
        creator_uuid: creator.unwrap_or_default(),
        created_from: instant(query, "created_from")?,
        created_to: instant(query, "created_to")?,
        finished_from: instant(query, "finished_from")?,
    })
}

fn state(word: &str) -> Result<Vec<BuildState>, Error> {
    if word == "finished" {
        return Ok(FINISHED.to_vec());
    }
    let known = STATES.iter().find(|(_, known)| *known == word).map(|(state, _)| vec![*state]);
    known.ok_or(Error::InvalidParameter("state", "a build's state, or finished"))
}

fn instant(query: Option<&str>, name: &'static str) -> Result<Option<Timestamp>, Error> {
    let Some(text) = parameter(query, name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = iso8601(&text).ok_or(Error::InvalidParameter(name, "a time, such as 2026-01-01T12:00:00Z"))?;
    Ok(Some(to_timestamp(at)))
}

/// ISO 8601: a date, a time without an offset (both are UTC), or one with it, whose plus a form has made a space of.
fn iso8601(text: &str) -> Option<DateTime<Utc>> {
    let offset = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let spaced = || text.rsplit_once(' ').and_then(|(time, zone)| offset(&format!("{time}+{zone}")));
    let local = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    offset(text).or_else(spaced).or_else(local).or_else(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_libraries_write_them() {
        for (text, expected) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.250+02:00", "2026-01-02T01:04:05.250Z"),
            ("2026-01-02T03:04:05 02:00", "2026-01-02T01:04:05Z"),
            ("2026-01-02T03:04:05-02:00", "2026-01-02T05:04:05Z"),
            ("2026-01-02T03:04:05.000001", "2026-01-02T03:04:05.000001Z"),
            ("2026-01-02", "2026-01-02T00:00:00Z"),
        ] {
            assert_eq!(iso8601(text), DateTime::parse_from_rfc3339(expected).ok().map(|at| at.to_utc()), "{text}");
        }
        for text in ["", "now", "1767225600", "2026-13-01", "2026-01-02T25:00:00Z", "2026-01-02T03:04"] {
            assert_eq!(iso8601(text), None, "{text}");
        }
    }

    #[test]
    fn finished_stands_for_every_end() {
        let filter = read(Some("state[]=finished&state[]=running&branch=%2Adev%2A&meta_data[a]=b")).unwrap();
        assert_eq!(filter.states().collect::<Vec<_>>(), [&FINISHED[..], &[BuildState::Running]].concat());
        assert_eq!((filter.branches, filter.meta_data[0].name.as_str()), (vec!["*dev*".to_owned()], "a"));
        for bad in ["state=RUNNING", "state[]=x", "creator=me", "created_from=x", "created_to=x", "finished_from=x"] {
            assert!(matches!(read(Some(bad)), Err(Error::InvalidParameter(..))), "{bad}");
        }
        assert_eq!(read(Some("state=&creator=&created_from=")).unwrap(), BuildFilter::default());
    }
}
