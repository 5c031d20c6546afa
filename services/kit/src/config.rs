//! Settings from the environment: `PREFIX_SECTION__KEY`.
//!
//! Every setting has a section and `__`. A name with our prefix and `__` that no part knows is refused; other names are
//! ignored (Kubernetes injects `PORTAL_SERVICE_HOST` and its like). Problems are collected and reported at once. A secret
//! has a `…_FILE` twin that names a file.
//!
//! To add a setting: a field and a line in the part's `config.rs`, and a line in `deploy/env/<part>.env.example`.

mod addresses;
mod secrets;

use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

/// For whoever is told of readiness by looking every few seconds, as load balancers and endpoint lists are.
const STOP_GRACE_MS: u64 = 5_000;

/// The process's environment, or what stands in for it.
pub type Environment = BTreeMap<String, String>;

/// Reads the process's environment.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
#[must_use]
pub fn environment() -> Environment {
    std::env::vars().collect()
}

/// What is wrong with a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A name of a part that the part doesn't know.
    #[error("{0} is no setting")]
    Unknown(String),
    /// Anything else, as a sentence.
    #[error("{0}")]
    Other(String),
}

/// Every problem of a configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// The unknown names alone: what is wrong even with the settings of a part that isn't run.
    pub fn unknown(self) -> impl Iterator<Item = Problem> {
        self.0.into_iter().filter(|problem| matches!(problem, Problem::Unknown(_)))
    }
}

/// One part's settings while they are read. Reading never fails; [`Settings::finish`] reports all that went wrong.
#[derive(Debug)]
pub struct Settings {
    prefix: &'static str,
    given: Environment,
    shown: Vec<(String, String)>,
    problems: Vec<Problem>,
}

impl Settings {
    /// The settings of the part whose names begin with `prefix` and an underscore.
    #[must_use]
    pub fn new(prefix: &'static str, environment: &Environment) -> Self {
        let ours =
            |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('_') && rest.contains("__"));
        let given = environment.iter().filter(|(name, _)| ours(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
        Self { prefix, given, shown: Vec::new(), problems: Vec::new() }
    }

    /// A setting with a default.
    pub fn or<T: FromStr + Display>(&mut self, key: &str, default: T) -> T
    where
        T::Err: Display,
    {
        let value = self.parse(key).unwrap_or(default);
        self.show(key, value.to_string());
        value
    }

    /// A setting that may be absent.
    pub fn optional<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.given.get(&self.name(key)).cloned();
        self.show(key, text.unwrap_or_default());
        self.parse(key)
    }

    /// A setting without which the part can't run. The default of the type when it is missing.
    pub fn required<T: FromStr + Default>(&mut self, key: &str) -> T
    where
        T::Err: Display,
    {
        if !self.given.contains_key(&self.name(key)) {
            self.problem(format!("{} is missing", self.name(key)));
        }
        self.optional(key).unwrap_or_default()
    }

    /// How long the part goes on serving when it has been asked to stop, so that nobody is sent to it any more by then.
    pub fn stop_grace(&mut self, key: &str) -> Duration {
        Duration::from_millis(self.or(key, STOP_GRACE_MS))
    }

    /// Records that the value of `key` doesn't serve.
    pub fn refuse(&mut self, key: &str, why: impl Display) {
        self.problem(format!("{}: {why}", self.name(key)));
    }

    /// The settings as they count, secrets not shown; or everything that is wrong with them.
    pub fn finish(mut self) -> Result<Vec<(String, String)>, Problems> {
        self.problems.extend(self.given.into_keys().map(Problem::Unknown));
        if self.problems.is_empty() { Ok(self.shown) } else { Err(Problems(self.problems)) }
    }

    fn problem(&mut self, sentence: String) {
        self.problems.push(Problem::Other(sentence));
    }

    fn name(&self, key: &str) -> String {
        format!("{}_{key}", self.prefix)
    }

    fn show(&mut self, key: &str, value: String) {
        let name = self.name(key);
        if !self.shown.iter().any(|(shown, _)| *shown == name) {
            self.shown.push((name, value));
        }
    }

    fn parse<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.given.remove(&self.name(key))?;
        text.parse().map_err(|error| self.refuse(key, format!("{text:?}: {error}"))).ok()
    }
}

#[cfg(test)]
fn settings(values: &[(&str, &str)]) -> Settings {
    Settings::new("TOKEN", &values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let mut given =
            settings(&[("TOKEN_LIMITS__A", "x"), ("TOKEN_NO__SUCH", "1"), ("TOKEN_SERVICE_HOST", "10.0.0.1")]);
        assert_eq!(given.or("LIMITS__A", 7u32), 7);
        assert_eq!(given.required::<String>("DATABASE__URL"), "");
        given.secret("SERVICE__KEY");
        let Problems(problems) = given.finish().unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
        let unknown: Vec<_> = Problems(problems).unknown().collect();
        assert_eq!(unknown, [Problem::Unknown("TOKEN_NO__SUCH".to_owned())]);
    }

    #[test]
    fn another_part_may_begin_with_the_same_letters() {
        assert_eq!(settings(&[("TOKENS_A__B", "1")]).finish(), Ok(vec![]));
    }
}
