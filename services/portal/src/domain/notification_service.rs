//! Who is told of an organization's events.

use kit::{ambient::Instant, error::Violation};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    branches,
    id::{NotificationServiceId, OrganizationId},
    portal::Author,
};

/// What is delivered by a test.
pub(crate) const PING: &str = "ping";
/// Every event. A test's is delivered whether it is chosen or not.
pub(crate) const EVENTS: [&str; 14] = [
    PING,
    "build.scheduled",
    "build.running",
    "build.failing",
    "build.finished",
    "build.skipped",
    "portal.created",
    "portal.updated",
    "portal.deleted",
    "portal.broken",
    "portal_token.created",
    "portal_token.deleted",
    "portal_secret.created",
    "portal_secret.deleted",
];
/// Every state that a build can be in when somebody is told of it.
pub(crate) const BUILD_STATES: [&str; 10] =
    ["blocked", "canceled", "canceling", "failed", "failing", "not_run", "passed", "running", "scheduled", "skipped"];

const MOST_DESCRIPTION: usize = 255;
const MOST_BRANCHES: usize = 1_000;
const MOST_PIPELINES: usize = 100;
const LEAST_TOKEN: usize = 16;
const MOST_TOKEN: usize = 255;

/// How receivers know a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenMode {
    /// By the token itself.
    Token,
    /// By a signature that is made with it.
    Signature,
}

/// A notification service. Its token isn't here: only those who seal and open it see it.
#[derive(Clone, Debug)]
pub(crate) struct NotificationService {
    pub(crate) id: NotificationServiceId,
    pub(crate) organization: OrganizationId,
    pub(crate) description: String,
    pub(crate) enabled: bool,
    pub(crate) url: Url,
    pub(crate) token_mode: TokenMode,
    pub(crate) filter: Filter,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    pub(crate) created_by: Author,
}

/// What somebody is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Some of [`EVENTS`].
    pub(crate) events: Vec<&'static str>,
    /// Whose builds; none: every pipeline's.
    pub(crate) pipelines: Vec<Uuid>,
    /// Patterns of the branches whose builds, as they were given; `None`: every branch.
    pub(crate) branches: Option<String>,
    /// Builds in which states: some of [`BUILD_STATES`].
    pub(crate) states: Vec<&'static str>,
}

/// What events are chosen by; nothing of what isn't about a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    pub(crate) pipeline: Option<Uuid>,
    pub(crate) branch: Option<String>,
    pub(crate) state: Option<String>,
}

impl Filter {
    /// Whether an event is one to be told of.
    pub(crate) fn admits(&self, event: &str, Facts { pipeline, branch, state }: &Facts) -> bool {
        let patterns = self.branches.as_deref().unwrap_or_default();
        self.events.contains(&event)
            && pipeline.is_none_or(|uuid| self.pipelines.is_empty() || self.pipelines.contains(&uuid))
            && branch.as_ref().is_none_or(|branch| branches::matches(patterns, branch))
            && state.as_ref().is_none_or(|state| self.states.contains(&state.as_str()))
    }
}

/// What it is for, or what is wrong with that.
pub(crate) fn check_description(text: String) -> Result<String, Violation> {
    checked_text("description", text, MOST_DESCRIPTION)
}

/// Patterns of branches; blank ones mean every branch.
pub(crate) fn check_branches(patterns: Option<String>) -> Result<Option<String>, Violation> {
    patterns.map(|text| checked_text("branch_configuration", text, MOST_BRANCHES)).transpose()
}

fn checked_text(field: &str, text: String, most: usize) -> Result<String, Violation> {
    if text.contains('\0') {
        return Err(Violation::new(field, "must not contain NUL characters"));
    }
    if text.chars().count() > most {
        return Err(Violation::new(field, format!("must not be longer than {most} characters")));
    }
    Ok(text)
}

/// The events of those names; all where none is named.
pub(crate) fn check_events(names: &[String]) -> Result<Vec<&'static str>, Violation> {
    chosen("settings.events", &EVENTS, names)
}

/// The states of those names; all where none is named.
pub(crate) fn check_states(names: &[String]) -> Result<Vec<&'static str>, Violation> {
    chosen("build_states", &BUILD_STATES, names)
}

/// Those of `known` that are named, in the order of `known`.
pub(crate) fn chosen(field: &str, known: &[&'static str], names: &[String]) -> Result<Vec<&'static str>, Violation> {
    if let Some(other) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let shown: String = other.chars().take(64).collect();
        return Err(Violation::new(field, format!("names {shown:?}, which is none of {}", known.join(", "))));
    }
    let is_chosen = |word: &&&str| names.is_empty() || names.iter().any(|name| name == **word);
    Ok(known.iter().filter(is_chosen).copied().collect())
}

/// Pipelines by their UUIDs. Whether they are there is not known here.
pub(crate) fn check_pipelines(uuids: &[String]) -> Result<Vec<Uuid>, Violation> {
    const FIELD: &str = "scope_uuids";
    if uuids.len() > MOST_PIPELINES {
        return Err(Violation::new(FIELD, format!("must not be more than {MOST_PIPELINES}")));
    }
    let parsed = uuids.iter().map(|text| Uuid::parse_str(text)).collect::<Result<Vec<_>, _>>();
    parsed.map_err(|_unreadable: uuid::Error| Violation::new(FIELD, "must be UUIDs of pipelines"))
}

/// A token that can stand in a header and not be guessed.
pub(crate) fn check_token(token: String) -> Result<Zeroizing<String>, Violation> {
    let token = Zeroizing::new(token);
    let is_good =
        (LEAST_TOKEN..=MOST_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    let message = || format!("must be {LEAST_TOKEN} to {MOST_TOKEN} visible ASCII characters");
    if is_good { Ok(token) } else { Err(Violation::new("settings.token", message())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter { events: EVENTS.to_vec(), pipelines: Vec::new(), branches: None, states: BUILD_STATES.to_vec() }
    }

    fn build(pipeline: u128, branch: &str, state: &str) -> Facts {
        let pipeline = Some(Uuid::from_u128(pipeline));
        Facts { pipeline, branch: Some(branch.to_owned()), state: Some(state.to_owned()) }
    }

    #[test]
    fn a_filter_admits_what_fits_all_of_it() {
        let narrow = Filter {
            events: vec!["build.finished", "portal.created"],
            pipelines: vec![Uuid::from_u128(1)],
            branches: Some("main".to_owned()),
            states: vec!["passed"],
        };
        assert!(narrow.admits("build.finished", &build(1, "main", "passed")));
        for other in [build(2, "main", "passed"), build(1, "side", "passed"), build(1, "main", "failed")] {
            assert!(!narrow.admits("build.finished", &other), "{other:?}");
            assert!(filter().admits("build.finished", &other), "{other:?}");
        }
        assert!(!narrow.admits("build.running", &build(1, "main", "passed")));
        // What is about no build isn't chosen by what builds have.
        assert!(narrow.admits("portal.created", &Facts::default()));
        assert!(!narrow.admits("portal.deleted", &Facts::default()));
    }

    #[test]
    fn names_that_nobody_knows_are_refused() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(check_events(&[]).unwrap(), EVENTS);
        assert_eq!(check_events(&names(&["portal.created", "ping", "ping"])).unwrap(), ["ping", "portal.created"]);
        assert_eq!(check_events(&names(&["*"])).unwrap_err().field, "settings.events");
        assert_eq!(check_states(&names(&["PASSED"])).unwrap_err().field, "build_states");
        assert_eq!(check_pipelines(&names(&["my-pipeline"])).unwrap_err().field, "scope_uuids");
        assert!(check_pipelines(&vec![Uuid::nil().to_string(); 101]).is_err());
    }

    #[test]
    fn a_token_is_long_visible_and_never_in_a_message() {
        assert!(check_token("0123456789abcdef".to_owned()).is_ok());
        for bad in ["0123456789abcde", "0123456789 abcdef", "0123456789abcdef\n", &"x".repeat(256), "0123456789abcdéf"]
        {
            let fault = check_token(bad.to_owned()).unwrap_err();
            assert!(fault.field == "settings.token" && !fault.message.contains("abc"), "{fault:?}");
        }
    }

    #[test]
    fn texts_are_bounded() {
        assert!(check_description("a\0".to_owned()).is_err());
        assert!(check_description("ü".repeat(256)).is_err());
        assert!(check_branches(Some("x".repeat(1_001))).is_err());
        assert_eq!(check_branches(None), Ok(None));
    }
}
