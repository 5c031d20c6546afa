//! What a body asks a notification service to be.

use contracts::webhook::v1::TokenMode;
use serde_json::{Map, Value};

use super::document::{PROVIDER, VERSION};
use crate::members::Members;

/// What is named. What is named and null is empty.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) description: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) pipelines: Option<Vec<String>>,
    pub(super) branches: Option<Option<String>>,
    pub(super) states: Option<Vec<String>>,
    pub(super) url: Option<String>,
    pub(super) token: Option<Option<String>>,
    pub(super) token_mode: Option<TokenMode>,
    pub(super) events: Option<Vec<String>>,
}

impl Asked {
    /// Reads the members; what is wrong with them is noted there.
    pub(super) fn read(given: &mut Members) -> Self {
        provider(given);
        let mut asked = Self {
            description: named(given, "description").then(|| given.nullable_text("description").unwrap_or_default()),
            enabled: given.flag("enabled"),
            pipelines: pipelines(given),
            branches: named(given, "branch_configuration").then(|| given.nullable_text("branch_configuration")),
            states: states(given),
            ..Self::default()
        };
        if let Some(settings) = given.object("settings") {
            asked.read_settings(&settings, given);
        }
        asked
    }

    fn read_settings(&mut self, settings: &Map<String, Value>, given: &mut Members) {
        match settings.get("url") {
            None => {}
            Some(Value::String(url)) => self.url = Some(url.clone()),
            Some(_) => drop(given.refuse::<()>("settings.url", "must be a string")),
        }
        match settings.get("token") {
            None => {}
            Some(Value::Null) => self.token = Some(None),
            Some(Value::String(token)) => self.token = Some(Some(token.clone())),
            Some(_) => drop(given.refuse::<()>("settings.token", "must be a string, or null for a new one")),
        }
        self.token_mode = match settings.get("token_mode").map(Value::as_str) {
            None => None,
            Some(Some("token")) => Some(TokenMode::Token),
            Some(Some("signature")) => Some(TokenMode::Signature),
            Some(_) => given.refuse("settings.token_mode", "must be \"token\" or \"signature\""),
        };
        self.events = match settings.get("events") {
            None => None,
            Some(events) => match texts(events) {
                Some(events) if !events.is_empty() => Some(events),
                _ => given.refuse("settings.events", "must be an array of names of events, at least one"),
            },
        };
        if settings.get("version").is_some_and(|version| !version.is_null() && version != VERSION) {
            given.refuse::<()>("settings.version", &format!("must be {VERSION:?}, which is the only one"));
        }
        if settings.get("tls_verify").is_some_and(|verify| *verify != Value::Bool(true)) {
            // What is sent proves where it comes from, so that it must not go to whoever answers.
            let why = "must be true: certificates are always verified. Whoever runs this installation can have other \
                       authorities trusted with PORTAL_UPSTREAM__CA_FILE";
            given.refuse::<()>("settings.tls_verify", why);
        }
    }

    /// The fields that change, as the service names them.
    pub(super) fn mask(&self) -> Vec<String> {
        [
            ("description", self.description.is_some()),
            ("enabled", self.enabled.is_some()),
            ("pipeline_uuids", self.pipelines.is_some()),
            ("branch_configuration", self.branches.is_some()),
            ("build_states", self.states.is_some()),
            ("url", self.url.is_some()),
            ("token", self.token.is_some()),
            ("token_mode", self.token_mode.is_some()),
            ("events", self.events.is_some()),
        ]
        .into_iter()
        .filter_map(|(field, is_named)| is_named.then(|| field.to_owned()))
        .collect()
    }
}

fn named(given: &Members, name: &str) -> bool {
    given.has(name)
}

/// `"webhook"` or `{"id": "webhook", …}`: there is no other.
fn provider(given: &mut Members) {
    let is_known = |provider: &Value| {
        let id = if provider.is_object() { provider.get("id") } else { Some(provider) };
        id.is_some_and(|id| id == PROVIDER)
    };
    if given.value("provider").is_some_and(|provider| !is_known(&provider)) {
        given.refuse::<()>("provider", &format!("must be {PROVIDER:?}, which is the only one"));
    }
}

/// The pipelines of `scope` and `scope_uuids`, which belong together.
fn pipelines(given: &mut Members) -> Option<Vec<String>> {
    let scope = given.text("scope");
    let uuids = match given.value("scope_uuids") {
        None => None,
        Some(Value::Null) => Some(Vec::new()),
        Some(uuids) => match texts(&uuids) {
            Some(uuids) => Some(uuids),
            None => return given.refuse("scope_uuids", "must be an array of UUIDs of pipelines"),
        },
    };
    let is_empty = uuids.as_ref().is_none_or(Vec::is_empty);
    match scope.as_deref() {
        None => uuids,
        Some("all") if is_empty => Some(Vec::new()),
        Some("all") => given.refuse("scope_uuids", "must be empty where the scope is \"all\""),
        Some("some_projects") if !is_empty => uuids,
        Some("some_projects") => {
            given.refuse("scope_uuids", "must name pipelines where the scope is \"some_projects\"")
        }
        Some(_) => given.refuse("scope", "must be \"all\" or \"some_projects\""),
    }
}

/// `{"passed": true, …}`: those that are true.
fn states(given: &mut Members) -> Option<Vec<String>> {
    let mut chosen = Vec::new();
    for (state, value) in given.object("build_states")? {
        match value {
            Value::Bool(true) => chosen.push(state),
            Value::Bool(false) => {}
            _ => drop(given.refuse::<()>(&format!("build_states.{state}"), "must be true or false")),
        }
    }
    if chosen.is_empty() { given.refuse("build_states", "must have a state that is true") } else { Some(chosen) }
}

fn texts(array: &Value) -> Option<Vec<String>> {
    array.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
