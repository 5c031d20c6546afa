//! What a body asks a notification service to be.

use contracts::webhook::v1::TokenMode;
use serde_json::{Map, Value, json};

use super::document::{PROVIDER, SCOPES, STATES, TOKEN_MODES, VERSION};
use crate::{
    description::{Member, choice, flag, object, text},
    members::Members,
};

/// What [`Asked::read`] reads.
pub(super) fn members(is_new: bool) -> Vec<Member> {
    let uuids = json!({
        "type": ["array", "null"],
        "items": { "type": "string", "format": "uuid" },
        "maxItems": 100,
        "example": [],
        "description": "UUIDs of pipelines whose builds count, where the scope is `some_projects`.",
    });
    let states: Map<_, _> = STATES.map(|state| (state.to_owned(), json!({ "type": "boolean" }))).into_iter().collect();
    let states = json!({
        "type": "object",
        "properties": states,
        "additionalProperties": false,
        "example": { "failed": true, "passed": true },
        "description": "States of builds that count; all when absent. One must be true.",
    });
    let settings = object("settings", settings(is_new));
    vec![
        choice("provider", &[PROVIDER], "There is no other."),
        text("description", "Deployments", "What it is for.").nullable(),
        flag("enabled", "Whether it is told anything."),
        choice("scope", &SCOPES, "Whose builds count."),
        object("scope_uuids", uuids),
        text("branch_configuration", "main release/*", "Branches whose builds count; null: all.").nullable(),
        object("build_states", states),
        if is_new { settings.required() } else { settings },
    ]
}

fn settings(is_new: bool) -> Value {
    let url = "https://hooks.example.com/portals";
    json!({
        "type": "object",
        "properties": {
            "url": { "type": "string", "description": "Who is told. Not an address inside." },
            "token": {
                "type": ["string", "null"], "minLength": 16, "maxLength": 255,
                "description": "By which receivers know that it is this one; null: a new one is made.",
            },
            "token_mode": {
                "type": "string", "enum": TOKEN_MODES, "description": "Whether it is sent, or a signature made with it.",
            },
            "events": {
                "type": "array", "items": { "type": "string" }, "minItems": 1,
                "description": "Events that count; all when absent.",
            },
            "version": { "type": ["string", "null"], "enum": [VERSION, null] },
            "tls_verify": { "const": true, "description": "Certificates are always verified." },
        },
        "required": if is_new { vec!["url"] } else { Vec::new() },
        "example": { "url": url, "token_mode": "signature", "events": ["ping", "build.finished"] },
        "description": "Where, and how, it is told.",
    })
}

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The fields that are named, as the service calls them. The others are empty; so is what is named and null.
    pub(super) mask: Vec<String>,
    pub(super) description: String,
    pub(super) enabled: bool,
    pub(super) pipelines: Vec<String>,
    pub(super) branches: Option<String>,
    pub(super) states: Vec<String>,
    pub(super) url: String,
    pub(super) token: Option<String>,
    pub(super) token_mode: TokenMode,
    pub(super) events: Vec<String>,
}

impl Asked {
    /// Whether it is told anything, and nothing else.
    pub(super) fn enabled(enabled: bool) -> Self {
        Self { mask: vec!["enabled".to_owned()], enabled, ..Self::default() }
    }

    /// Reads the members; what is wrong with them is noted there.
    pub(super) fn read(given: &mut Members) -> Self {
        provider(given);
        let mut asked = Self::default();
        if given.has("description") {
            asked.description = asked.named("description", given.nullable_text("description")).unwrap_or_default();
        }
        if let Some(enabled) = given.flag("enabled") {
            asked.enabled = asked.named("enabled", enabled);
        }
        if let Some(pipelines) = pipelines(given) {
            asked.pipelines = asked.named("pipeline_uuids", pipelines);
        }
        if given.has("branch_configuration") {
            asked.branches = asked.named("branch_configuration", given.nullable_text("branch_configuration"));
        }
        if let Some(states) = states(given) {
            asked.states = asked.named("build_states", states);
        }
        if let Some(settings) = given.object("settings") {
            asked.read_address(&settings, given);
            asked.read_rest(&settings, given);
        }
        asked
    }

    /// Notes that the field is named.
    fn named<T>(&mut self, field: &str, value: T) -> T {
        self.mask.push(field.to_owned());
        value
    }

    fn read_address(&mut self, settings: &Map<String, Value>, given: &mut Members) {
        match settings.get("url") {
            None => {}
            Some(Value::String(url)) => self.url = self.named("url", url.clone()),
            Some(_) => drop(given.refuse::<()>("settings.url", "must be a string")),
        }
        match settings.get("token") {
            None => {}
            Some(Value::Null) => self.token = self.named("token", None),
            Some(Value::String(token)) => self.token = self.named("token", Some(token.clone())),
            Some(_) => drop(given.refuse::<()>("settings.token", "must be a string, or null for a new one")),
        }
        match settings.get("token_mode").map(Value::as_str) {
            None => {}
            Some(Some("token")) => self.token_mode = self.named("token_mode", TokenMode::Token),
            Some(Some("signature")) => self.token_mode = self.named("token_mode", TokenMode::Signature),
            Some(_) => drop(given.refuse::<()>("settings.token_mode", "must be \"token\" or \"signature\"")),
        }
    }

    fn read_rest(&mut self, settings: &Map<String, Value>, given: &mut Members) {
        match settings.get("events").map(texts) {
            None => {}
            Some(Some(events)) if !events.is_empty() => self.events = self.named("events", events),
            Some(_) => drop(given.refuse::<()>("settings.events", "must be an array of names, at least one")),
        }
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
