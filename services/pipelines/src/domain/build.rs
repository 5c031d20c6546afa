//! What a build is, and which states follow each other.

use kit::ambient::Instant;
use uuid::Uuid;

use super::{pipeline::Pipeline, text, viewer::Person};
use crate::error::Error;

const SHORT: usize = 255;
const LONG: usize = 65_536;
const ENTRIES: usize = 256;

/// The documented states of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Blocked,
    Canceled,
    Canceling,
    Creating,
    Failed,
    Failing,
    NotRun,
    Passed,
    Running,
    Scheduled,
    Skipped,
}

const WORDS: [(State, &str); 11] = [
    (State::Blocked, "BLOCKED"),
    (State::Canceled, "CANCELED"),
    (State::Canceling, "CANCELING"),
    (State::Creating, "CREATING"),
    (State::Failed, "FAILED"),
    (State::Failing, "FAILING"),
    (State::NotRun, "NOT_RUN"),
    (State::Passed, "PASSED"),
    (State::Running, "RUNNING"),
    (State::Scheduled, "SCHEDULED"),
    (State::Skipped, "SKIPPED"),
];

/// The states that a build can still be canceled in.
pub(crate) const UNFINISHED: [State; 6] =
    [State::Blocked, State::Canceling, State::Creating, State::Failing, State::Running, State::Scheduled];

impl State {
    /// The stored word.
    pub(crate) fn word(self) -> &'static str {
        WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// The word in a sentence.
    fn spoken(self) -> String {
        self.word().to_lowercase().replace('_', " ")
    }

    /// Reads the stored word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }
}

/// What runners may say of a build.
const REPORTED: [State; 3] = [State::Running, State::Passed, State::Failed];

/// How many builds of a pipeline are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) scheduled: u64,
    pub(crate) running: u64,
}

/// One key and its value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct MetaDatum {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What of a build its creator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) branch: String,
    pub(crate) commit: String,
    pub(crate) message: Option<String>,
    pub(crate) env: Vec<String>,
    pub(crate) meta_data: Vec<MetaDatum>,
}

/// A build.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) pipeline: Uuid,
    pub(crate) number: i32,
    pub(crate) state: State,
    pub(crate) content: Content,
    pub(crate) created_at: Instant,
    pub(crate) created_by: Option<Person>,
    pub(crate) scheduled_at: Option<Instant>,
    pub(crate) started_at: Option<Instant>,
    pub(crate) finished_at: Option<Instant>,
    pub(crate) canceled_at: Option<Instant>,
    pub(crate) canceled_by: Option<Person>,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) rebuilt_from: Option<Uuid>,
}

impl Build {
    /// The build after a runner has said so; `None` where it is so already, as for a report that is sent again.
    pub(crate) fn after(&self, report: State, at: Instant) -> Result<Option<Self>, Error> {
        if !REPORTED.contains(&report) {
            return Err(Error::invalid("State must be running, passed or failed"));
        }
        if report == self.state {
            return Ok(None);
        }
        let build = Self { state: report, ..self.clone() };
        match (self.state, report) {
            (State::Blocked | State::Creating | State::Scheduled, State::Running) => {
                Ok(Some(Self { started_at: Some(at), ..build }))
            }
            (State::Running, _) | (State::Failing, State::Failed) => Ok(Some(Self { finished_at: Some(at), ..build })),
            (was, _) => Err(Error::Transition { was: was.spoken(), becomes: report.spoken() }),
        }
    }
}

/// A request for a build, before its pipeline is known.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) branch: Option<String>,
    pub(crate) commit: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) env: Vec<String>,
    pub(crate) meta_data: Vec<MetaDatum>,
    pub(crate) created_by: Option<Person>,
}

impl Order {
    /// Refuses what is too long, blank or impossible.
    pub(crate) fn check(self) -> Result<Self, Error> {
        let env = text::at_most("Env", self.env, ENTRIES)?;
        let meta_data = text::at_most("Meta-data", self.meta_data, ENTRIES)?;
        Ok(Self {
            branch: self.branch.map(|branch| text::required("Branch", branch, SHORT)).transpose()?,
            commit: self.commit.map(|commit| text::required("Commit", commit, SHORT)).transpose()?,
            message: text::optional("Message", self.message, LONG)?,
            env: env.into_iter().map(variable).collect::<Result<_, _>>()?,
            meta_data: distinct(meta_data)?,
            created_by: self.created_by.map(Person::check).transpose()?,
        })
    }

    /// What is built on `pipeline`: its default branch unless another is asked for, at the head of it.
    pub(crate) fn content(self, pipeline: &Pipeline) -> Result<Content, Error> {
        let default = || pipeline.content.default_branch.clone().filter(|branch| !branch.trim().is_empty());
        Ok(Content {
            branch: self.branch.or_else(default).ok_or_else(|| Error::invalid("Branch can't be blank"))?,
            commit: self.commit.unwrap_or_else(|| "HEAD".to_owned()),
            message: self.message,
            env: self.env,
            meta_data: self.meta_data,
        })
    }
}

impl Person {
    fn check(self) -> Result<Self, Error> {
        let name = text::required("Author name", self.name, SHORT)?;
        Ok(Self { uuid: self.uuid, name, email: text::required("Author email", self.email, SHORT)? })
    }
}

fn variable(entry: String) -> Result<String, Error> {
    match entry.split_once('=') {
        Some((name, _)) if !name.is_empty() => text::bounded("Env", entry, LONG),
        _ => Err(Error::invalid("Env entries must look like NAME=value")),
    }
}

fn distinct(entries: Vec<MetaDatum>) -> Result<Vec<MetaDatum>, Error> {
    let mut keys = std::collections::HashSet::new();
    entries
        .into_iter()
        .map(|MetaDatum { key, value }| {
            let key = text::required("Meta-data key", key, SHORT)?;
            if !keys.insert(key.clone()) {
                return Err(Error::invalid(format!("Meta-data key {key:?} is given twice")));
            }
            Ok(MetaDatum { key, value: text::bounded("Meta-data value", value, LONG)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order { branch: None, commit: None, message: None, env: Vec::new(), meta_data: Vec::new(), created_by: None }
    }

    fn refusal(order: Order) -> String {
        order.check().unwrap_err().to_string()
    }

    #[test]
    fn states_survive_the_round_trip() {
        for (state, word) in WORDS {
            assert_eq!((State::of_word(word), state.word()), (Some(state), word));
        }
        assert_eq!(State::of_word("running"), None);
    }

    #[test]
    fn a_build_runs_and_then_passes_or_fails() {
        let at = kit::ambient::Ambient::system().now();
        let build = |state| Build {
            uuid: Uuid::nil(),
            organization: Uuid::nil(),
            pipeline: Uuid::nil(),
            number: 1,
            state,
            content: Content {
                branch: String::new(),
                commit: String::new(),
                message: None,
                env: vec![],
                meta_data: vec![],
            },
            created_at: at,
            created_by: None,
            scheduled_at: None,
            started_at: None,
            finished_at: None,
            canceled_at: None,
            canceled_by: None,
            cancel_reason: None,
            rebuilt_from: None,
        };
        for (was, _) in WORDS {
            for (report, _) in WORDS {
                let after = build(was).after(report, at);
                let begins = [State::Blocked, State::Creating, State::Scheduled].contains(&was);
                match report {
                    State::Running if begins => assert_eq!(after.unwrap().unwrap().started_at, Some(at)),
                    State::Passed | State::Failed if was == State::Running => {
                        assert_eq!(after.unwrap().unwrap().finished_at, Some(at));
                    }
                    State::Failed if was == State::Failing => assert_eq!(after.unwrap().unwrap().state, report),
                    State::Running | State::Passed | State::Failed if was == report => {
                        assert!(after.unwrap().is_none());
                    }
                    State::Running | State::Passed | State::Failed => {
                        assert!(matches!(after, Err(Error::Transition { .. })), "{was:?} {report:?}");
                    }
                    _ => assert!(matches!(after, Err(Error::Invalid(_))), "{report:?}"),
                }
            }
        }
        let sentence = build(State::NotRun).after(State::Passed, at).unwrap_err().to_string();
        assert!(sentence.starts_with("A build that is not run can't become passed"), "{sentence}");
    }

    #[test]
    fn impossible_builds_are_refused() {
        let blank = Some(" ".to_owned());
        assert_eq!(refusal(Order { branch: blank.clone(), ..order() }), "Validation failed: Branch can't be blank");
        assert_eq!(refusal(Order { commit: blank, ..order() }), "Validation failed: Commit can't be blank");
        let long = Some("m".repeat(LONG + 1));
        assert!(refusal(Order { message: long, ..order() }).contains("Message is too long"));
        let nul = Some("a\0b".to_owned());
        assert!(refusal(Order { message: nul, ..order() }).contains("NUL"));
        assert!(refusal(Order { env: vec!["NOVALUE".to_owned()], ..order() }).contains("NAME=value"));
        assert!(refusal(Order { env: vec!["A=1".to_owned(); 257], ..order() }).contains("too many"));
        let datum = MetaDatum { key: "k".to_owned(), value: String::new() };
        assert!(refusal(Order { meta_data: vec![datum.clone(), datum], ..order() }).contains("given twice"));
    }
}
