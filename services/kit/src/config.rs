//! Settings from the environment: `PREFIX_SECTION__KEY`.
//!
//! Every setting has a section and `__`. A name with our prefix and `__` that no part knows is refused; other names are
//! ignored (Kubernetes injects `PORTAL_SERVICE_HOST` and its like). Problems are collected and reported at once. A secret
//! has a `…_FILE` twin that names a file.
//!
//! To add a setting: a field and a line in the part's `config.rs`, and a line in `deploy/env/<part>.env.example`.

use std::{collections::BTreeMap, fmt::Display, fs, path::PathBuf, str::FromStr, time::Duration};

use http::Uri;
use zeroize::Zeroizing;

use crate::{
    error::chain,
    grpc::Address,
    tls::{Files, Tls},
};

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

/// An `http` or `https` URL that paths can be put behind. Read as the client reads it that calls such URLs.
#[derive(Default)]
struct BaseUrl(String);

impl FromStr for BaseUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let serves = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
        };
        // `Uri` forgets a fragment.
        let is_base = !text.contains(['?', '#']) && text.parse().is_ok_and(|uri| serves(&uri));
        is_base
            .then(|| Self(text.trim_end_matches('/').to_owned()))
            .ok_or("is no http or https URL that paths can follow")
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

    /// An `http` or `https` URL that may be absent: no query, no fragment, and no slash at the end of what is returned.
    pub fn base_url(&mut self, key: &str) -> Option<String> {
        self.optional(key).map(|BaseUrl(url)| url)
    }

    /// As [`Settings::base_url`], but the part can't run without it. Empty when it is missing.
    pub fn required_base_url(&mut self, key: &str) -> String {
        let BaseUrl(url) = self.required(key);
        url
    }

    /// The installation's address as callers know it: as [`Settings::required_base_url`], and without a path, because the
    /// public API and the console are where their addresses say, at the root of a host.
    pub fn public_url(&mut self, key: &str) -> String {
        let url = self.required_base_url(key);
        if url.parse::<Uri>().is_ok_and(|uri| uri.path().len() > 1) {
            self.refuse(
                key,
                format!("{url:?}: must have no path: portals are served at the root of a host of their own"),
            );
        }
        url
    }

    /// Where another part is, or several of the kind: see [`Address`]. `https` needs what [`Settings::tls`] has read.
    pub fn part_url(&mut self, key: &str, tls: Option<&Tls>) -> Option<String> {
        let address: Address = self.optional(key)?;
        if address.is_tls && tls.is_none() {
            self.refuse(key, format!("{address}: https needs {} and its like", self.name("TLS__CERT_FILE")));
        }
        Some(address.to_string())
    }

    /// What this part shows to the others and knows them by: the files of certificate, key and authority, all of them or none.
    pub fn tls(&mut self, names: [&str; 3]) -> Option<Tls> {
        let [cert, key, ca] = match names.map(|name| self.optional::<PathBuf>(name)) {
            [Some(cert), Some(key), Some(ca)] => [cert, key, ca],
            given => {
                let missing = names.iter().zip(&given).filter(|(_, given)| given.is_none());
                let missing: Vec<_> = missing.map(|(name, _)| self.name(name)).collect();
                if missing.len() < names.len() {
                    self.problem(format!("{} missing: TLS between parts needs all three files", missing.join(", ")));
                }
                return None;
            }
        };
        let opened = Tls::open(Files { cert, key, ca });
        let [name, ..] = names;
        opened.map_err(|error| self.refuse(name, chain(&error))).ok()
    }

    /// How long the part goes on serving when it has been asked to stop, so that nobody is sent to it any more by then.
    pub fn stop_grace(&mut self, key: &str) -> Duration {
        Duration::from_millis(self.or(key, STOP_GRACE_MS))
    }

    /// A secret without which the part can't run: the setting itself or the file that its `_FILE` twin names.
    pub fn secret(&mut self, key: &str) -> Zeroizing<String> {
        let given = self.optional_secret(key);
        if given.is_none() {
            self.problem(format!("{0} or {0}_FILE is missing", self.name(key)));
        }
        given.unwrap_or_default()
    }

    /// A secret that may be absent. Present, but empty, where its file can't be read.
    pub fn optional_secret(&mut self, key: &str) -> Option<Zeroizing<String>> {
        let (name, twin) = (self.name(key), format!("{}_FILE", self.name(key)));
        self.show(key, "(not shown)".to_owned());
        match (self.given.remove(&name), self.given.remove(&twin)) {
            (None, None) => None,
            (Some(value), None) => Some(Zeroizing::new(value)),
            (Some(_), Some(_)) => {
                self.problem(format!("{name} and {twin} are both given"));
                Some(Zeroizing::default())
            }
            (None, Some(path)) => {
                let read = fs::read_to_string(&path).map(|value| Zeroizing::new(value.trim_end().to_owned()));
                let read = read.map_err(|error| self.problem(format!("{twin}: {path} can't be read: {error}")));
                Some(read.unwrap_or_default())
            }
        }
    }

    /// A secret without which the part can't run, read as a `T`, whose error must not repeat it. `None` where one problem of
    /// it was reported.
    pub fn parsed_secret<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let before = self.problems.len();
        let text = self.secret(key);
        // What stands in for a secret that isn't there would be reported once more.
        if self.problems.len() > before {
            return None;
        }
        text.parse().map_err(|error| self.refuse(key, error)).ok()
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
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Settings {
        Settings::new("TOKEN", &values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

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
    fn a_base_url_is_one_that_paths_can_follow() {
        for (text, expected) in [
            ("http://portal:9000", "http://portal:9000"),
            ("https://portals.example/a/", "https://portals.example/a"),
            ("http://[::1]:80/", "http://[::1]:80"),
        ] {
            let mut given = settings(&[("TOKEN_A__URL", text), ("TOKEN_B__URL", text)]);
            assert_eq!(
                (given.base_url("A__URL").as_deref(), given.required_base_url("B__URL").as_str()),
                (Some(expected), expected)
            );
            assert!(given.finish().is_ok());
        }
        for text in [
            "",
            "portal:9000",
            "/a",
            "ftp://a",
            "http://",
            "http:///a",
            "http://:80",
            "http://a?b",
            "http://a/#b",
            "http://a b",
        ] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            assert_eq!(given.base_url("A__URL"), None, "{text}");
            assert_eq!(given.finish().unwrap_err().0.len(), 1, "{text}");
        }
        let mut given = settings(&[]);
        assert_eq!((given.base_url("A__URL"), given.required_base_url("B__URL")), (None, String::new()));
        assert_eq!(given.finish().unwrap_err().to_string(), "TOKEN_B__URL is missing");
    }

    #[test]
    fn a_public_url_has_no_path() {
        for (text, expected) in [("https://p.example/", "https://p.example"), ("http://[::1]:80", "http://[::1]:80")] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            assert_eq!((given.public_url("A__URL").as_str(), given.finish().is_ok()), (expected, true));
        }
        for text in ["https://p.example/portals", "https://p.example//"] {
            let mut given = settings(&[("TOKEN_A__URL", text)]);
            given.public_url("A__URL");
            let refused = given.finish().err().map(|problems| problems.to_string()).unwrap_or_default();
            assert_eq!(refused.contains("must have no path"), text.ends_with("portals"), "{text}: {refused}");
        }
        let mut given = settings(&[]);
        given.public_url("A__URL");
        assert_eq!(given.finish().unwrap_err().to_string(), "TOKEN_A__URL is missing");
    }

    #[test]
    fn a_part_is_called_with_tls_only_where_there_is_a_certificate() {
        let urls =
            [("TOKEN_A__URL", "http://a:1,b:2/"), ("TOKEN_B__URL", "HTTPS://b:1"), ("TOKEN_C__URL", "http://c/d")];
        let mut given = settings(&urls);
        assert_eq!(given.part_url("A__URL", None).as_deref(), Some("http://a:1,b:2"));
        given.part_url("B__URL", None);
        given.part_url("C__URL", None);
        let Problems(problems) = given.finish().unwrap_err();
        let said: Vec<_> = problems.iter().map(Problem::to_string).collect();
        assert!(said[0].starts_with("TOKEN_B__URL") && said[0].contains("TOKEN_TLS__CERT_FILE"), "{said:?}");
        assert!(said[1].starts_with("TOKEN_C__URL") && said.len() == 2, "{said:?}");
        assert_eq!(settings(&[]).part_url("A__URL", None), None);
    }

    #[test]
    fn a_certificate_needs_its_key_and_its_authority() {
        let names = ["TLS__CERT_FILE", "TLS__KEY_FILE", "TLS__CA_FILE"];
        assert!(settings(&[]).tls(names).is_none());
        let mut given = settings(&[("TOKEN_TLS__KEY_FILE", "/k")]);
        assert!(given.tls(names).is_none());
        let said = given.finish().unwrap_err().to_string();
        assert!(said.starts_with("TOKEN_TLS__CERT_FILE, TOKEN_TLS__CA_FILE missing"), "{said}");
        let files = [("TOKEN_TLS__CERT_FILE", "/c"), ("TOKEN_TLS__KEY_FILE", "/k"), ("TOKEN_TLS__CA_FILE", "/no/ca")];
        let mut given = settings(&files);
        assert!(given.tls(names).is_none());
        let said = given.finish().unwrap_err().to_string();
        assert!(said.contains("/no/ca can't be read"), "{said}");
    }

    #[test]
    fn a_secret_comes_from_its_file_and_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "hush\n").unwrap();
        let mut given = settings(&[("TOKEN_SERVICE__KEY_FILE", file.path().to_str().unwrap())]);
        assert_eq!(given.secret("SERVICE__KEY").as_str(), "hush");
        assert_eq!(given.finish().unwrap(), [("TOKEN_SERVICE__KEY".to_owned(), "(not shown)".to_owned())]);
    }

    #[test]
    fn a_parsed_secret_is_reported_once_whatever_is_wrong_with_it() {
        for (given, expected) in [
            (vec![], "TOKEN_SERVICE__KEY or TOKEN_SERVICE__KEY_FILE is missing"),
            (vec![("TOKEN_SERVICE__KEY", "weak")], "TOKEN_SERVICE__KEY: invalid digit found in string"),
            (vec![("TOKEN_SERVICE__KEY_FILE", "/nowhere")], "TOKEN_SERVICE__KEY_FILE: /nowhere can't be read"),
            (vec![("TOKEN_SERVICE__KEY", "7"), ("TOKEN_SERVICE__KEY_FILE", "/nowhere")], "are both given"),
        ] {
            let mut given = settings(&given);
            assert_eq!(given.parsed_secret::<u32>("SERVICE__KEY"), None);
            let Problems(problems) = given.finish().unwrap_err();
            assert!(problems.len() == 1 && problems[0].to_string().contains(expected), "{problems:?}");
        }
        let mut given = settings(&[("TOKEN_SERVICE__KEY", "7")]);
        assert_eq!(given.parsed_secret::<u32>("SERVICE__KEY"), Some(7));
        assert_eq!(given.finish().unwrap(), [("TOKEN_SERVICE__KEY".to_owned(), "(not shown)".to_owned())]);
    }

    #[test]
    fn another_part_may_begin_with_the_same_letters() {
        assert_eq!(settings(&[("TOKENS_A__B", "1")]).finish(), Ok(vec![]));
    }
}
