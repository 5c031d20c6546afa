//! The errors that an operation can answer: what follows of its access, path, parameters and body, and what it names itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    about::{About, JSON, reference},
    access::Access,
};

/// Codes by status.
pub(super) type Codes = BTreeMap<u16, BTreeSet<&'static str>>;

/// What any route can answer.
const ALWAYS: [(u16, &[&str]); 5] = [
    (400, &["ambiguous_host", "credential_in_url"]),
    (500, &["internal"]),
    (502, &["message_too_large", "service_broken"]),
    (503, &["database_unavailable", "key_retired", "overloaded", "service_unavailable"]),
    (504, &["outcome_unknown", "timeout"]),
];
const WITH_BODY: [(u16, &[&str]); 4] = [
    (400, &["invalid_body"]),
    (408, &["body_timeout"]),
    (413, &["body_too_large"]),
    (415, &["unsupported_media_type"]),
];

/// The codes of an operation at `path`.
pub(super) fn codes(method: &str, path: &str, access: Access, about: &About) -> Codes {
    let mut codes = Codes::new();
    let mut add = |all: &[(u16, &'static [&'static str])]| {
        for (status, names) in all {
            codes.entry(*status).or_default().extend(*names);
        }
    };
    add(&ALWAYS);
    if about.body.is_some() {
        add(&WITH_BODY);
    }
    if !about.parameters.is_empty() && access != Access::PortalToken {
        add(&[(400, &["invalid_parameter"])]);
    }
    if access.is_api() {
        add(&[
            (401, &["authentication_required"]),
            (403, &["ip_not_allowed"]),
            (429, &["rate_limited"]),
            (503, &["verification_unavailable"]),
        ]);
        if path.contains('{') {
            add(&[(404, &["not_found"])]);
        }
        if about.body.is_some() {
            add(&[(422, &["validation_failed"])]);
        }
        if method != "get" {
            add(&[(409, &["conflict"])]);
        }
    }
    match access {
        Access::Scope(_) => add(&[(403, &["missing_scope"])]),
        Access::Administrator(_) => add(&[(403, &["missing_scope", "forbidden"])]),
        Access::Open | Access::ApiToken | Access::PortalToken | Access::Client => {}
    }
    add(&about.refusals);
    codes
}

/// The responses of those codes.
pub(super) fn responses(codes: &Codes, access: Access) -> Map<String, Value> {
    codes.iter().map(|(status, names)| (status.to_string(), response(*status, names, access))).collect()
}

fn response(status: u16, names: &BTreeSet<&'static str>, access: Access) -> Value {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let schema = json!({
        "allOf": [reference("Error"), { "type": "object", "properties": { "code": { "type": "string", "enum": names } } }]
    });
    json!({
        "description": format!("{}: {}.", meaning(status), quoted.join(", ")),
        "headers": headers(status, access),
        "content": { JSON: { "schema": schema } },
    })
}

fn headers(status: u16, access: Access) -> Map<String, Value> {
    let mut names = vec!["X-Request-Id", "Portal-Error-Source"];
    match status {
        401 if access != Access::Client => names.push("WWW-Authenticate"),
        429 => {
            names.push("Retry-After");
            names.extend(rate_headers(access));
        }
        _ => {}
    }
    names.into_iter().map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}

/// A status for people.
pub(super) fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request can't be read",
        401 => "No credential, or one that doesn't count",
        403 => "The credential doesn't allow it",
        404 => "There is no such thing, or none that the caller can see",
        408 => "The body didn't arrive in time",
        409 => "Something else is in the way",
        413 => "The body is too large",
        415 => "The body isn't announced as what is taken",
        422 => "What is asked for can't be done",
        429 => "Too many requests",
        502 => "A part behind the gateway broke off or answered nonsense; the request may have run",
        503 => "Not now; nothing ran",
        504 => "No answer in time; the request may have run",
        _ => "A fault of ours",
    }
}

/// The headers that answers refer to.
pub(super) fn all_headers() -> Value {
    let text = |sentence: &str| json!({ "schema": { "type": "string" }, "description": sentence });
    let number = |sentence: &str| json!({ "schema": { "type": "integer", "minimum": 0 }, "description": sentence });
    json!({
        "Link": text("Where this is in the list, and where else to go: `self`, `first`, `prev`, `next`, `last` (RFC 8288)."),
        "Portal-Error-Source": {
            "schema": { "type": "string", "enum": ["gateway", "portal", "upstream"] }, "description": "Who failed.",
        },
        "RateLimit-Limit": number("How many requests the organization may make in a window of a minute."),
        "RateLimit-Remaining": number("How many of them are left."),
        "RateLimit-Reset": number("Seconds until the window ends."),
        "RateLimit-Scope": text("What is counted: `rest` or `portal`."),
        "RateLimit-User-Limit": number("How many requests the user may make in a window of a minute."),
        "RateLimit-User-Remaining": number("How many of them are left."),
        "RateLimit-User-Reset": number("Seconds until the window ends."),
        "Retry-After": number("Seconds after which a new try makes sense."),
        "WWW-Authenticate": text("Which credential is asked for (RFC 6750 §3)."),
        "X-Request-Id": { "schema": { "type": "string", "format": "uuid" }, "description": "The id of this request." },
    })
}

/// The names of the headers that tell rates.
pub(super) fn rate_headers(access: Access) -> &'static [&'static str] {
    const ALL: [&str; 7] = [
        "RateLimit-Limit",
        "RateLimit-Remaining",
        "RateLimit-Reset",
        "RateLimit-Scope",
        "RateLimit-User-Limit",
        "RateLimit-User-Remaining",
        "RateLimit-User-Reset",
    ];
    match access {
        Access::PortalToken => ALL.split_at(4).0,
        access if access.is_api() => &ALL,
        _ => &[],
    }
}
