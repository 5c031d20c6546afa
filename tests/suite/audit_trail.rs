//! The audit trail whole (spec §9): everything that happens is made to happen through the public API, and read back with who,
//! what, from where and by which request.

mod deeds;

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Installation, rules::tree};

const ORGANIZATION: &str = "/v2/organizations/my-organization";
const AGENT: &str = "audit-trail-test/1";
/// Types that nothing here causes: no token can be changed yet, and `secret_scanning.rs` reports leaks.
const UNCAUSED: [&str; 4] = [
    "API_ACCESS_TOKEN_LEAK_REPORTED",
    "API_ACCESS_TOKEN_UPDATED",
    "PORTAL_SECRET_LEAK_REPORTED",
    "PORTAL_TOKEN_LEAK_REPORTED",
];

/// What is expected of an event.
struct Expected {
    kind: &'static str,
    subject: &'static str,
    /// The id of the request that caused it, if one did that the gateway answered.
    request: Option<String>,
    context: Option<&'static str>,
    /// Whether the administrator did it as themself.
    by_administrator: bool,
    /// Members of `data`.
    data: &'static [&'static str],
}

/// What was done so far, and who does it.
struct Doings<'a> {
    house: &'a Installation,
    expected: Vec<Expected>,
}

impl Doings<'_> {
    async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.header("User-Agent", AGENT)).await;
        assert!(answer.status < 300 || answer.status == 403 || answer.status == 401, "{answer:#?}");
        answer
    }

    async fn rest(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.house.request(method, path).bearer_auth(self.house.api_token());
        self.send(if body.is_null() { request } else { request.json(&body) }).await
    }

    /// An administrator's request over the API, and what it leaves.
    async fn did(&mut self, method: Method, path: &str, body: Value, left: &[(&'static str, &'static str)]) -> Value {
        let answer = self.rest(method, path, body).await;
        for (kind, subject) in left {
            self.expect(kind, subject, &answer, "APIContext", true, &[]);
        }
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a table")]
    fn expect(
        &mut self,
        kind: &'static str,
        subject: &'static str,
        answer: &Answer,
        context: &'static str,
        by_administrator: bool,
        data: &'static [&'static str],
    ) {
        let request = Some(answer.header("x-request-id").unwrap().to_owned());
        let context = Some(context);
        self.expected.push(Expected { kind, subject, request, context, by_administrator, data });
    }

    /// What no request of the gateway's caused.
    fn expect_alone(&mut self, kind: &'static str, subject: &'static str, context: Option<&'static str>) {
        self.expected.push(Expected { kind, subject, request: None, context, by_administrator: false, data: &[] });
    }
}

/// The whole trail, newest first, by following the links.
async fn whole(house: &Installation) -> Vec<Value> {
    let mut events = Vec::new();
    let mut next = Some(format!("{ORGANIZATION}/audit_events?per_page=50"));
    while let Some(url) = next {
        let page = house.get(url.strip_prefix(house.gateway()).unwrap_or(&url)).await.expect(200);
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    events
}

/// As the public API calls it.
fn event_name(kind: &str) -> String {
    let word = |word: &str| format!("{}{}", &word[..1], word[1..].to_lowercase());
    format!("{}Event", kind.split('_').map(word).collect::<String>())
}

fn check(expected: &Expected, events: &[Value], administrator: &str) {
    let Expected { kind, subject, request, context, by_administrator, data } = expected;
    let fits = |event: &&Value| {
        event["type"] == event_name(kind).as_str()
            && event["subject"]["type"] == *subject
            && request.as_ref().is_none_or(|id| event["context"]["request_id"] == id.as_str())
    };
    let event = events.iter().find(fits).unwrap_or_else(|| panic!("no {kind} of {request:?} in {events:#?}"));
    assert_eq!(event["context"]["type"].as_str(), *context, "{event:#}");
    if request.is_some() {
        assert_eq!(event["context"]["request_ip"], "127.0.0.1", "{event:#}");
        assert_eq!(event["context"]["request_user_agent"], AGENT, "{event:#}");
    }
    let actor = if *by_administrator { json!(administrator) } else { Value::Null };
    let known = event["actor"].get("uuid").cloned().unwrap_or_default();
    assert!(known == actor || !by_administrator && !known.is_null() && context.is_some(), "{event:#}");
    assert!(data.iter().all(|member| event["data"].get(member).is_some()), "{event:#}");
    assert!(event["subject"]["uuid"].is_string() && event["subject"]["name"].is_string(), "{event:#}");
    assert!(event["url"].as_str().unwrap().ends_with(event["uuid"].as_str().unwrap()), "{event:#}");
}

/// The types that the gateway knows, as its source lists them.
fn known() -> BTreeSet<String> {
    let source = std::fs::read_to_string(tree::root().join("gateway/src/routes/audit_events/kinds.rs")).unwrap();
    let list = source.split("KINDS: ").nth(1).unwrap().split("];").next().unwrap();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn everything_that_happens_is_in_the_trail() {
    let mut house = Installation::start_with(&[("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8")]);
    let administrator = house.get("/v2/user").await.expect(200)["id"].as_str().unwrap().to_owned();
    let mut doings = Doings { house: &house, expected: Vec::new() };
    doings.expect_alone("ORGANIZATION_CREATED", "Organization", None);
    let portal = deeds::portals(&mut doings).await;
    deeds::tokens_and_secrets(&mut doings, &portal).await;
    deeds::codes(&mut doings, &portal).await;
    deeds::upstreams(&mut doings).await;
    deeds::notification_services(&mut doings).await;
    deeds::people(&mut doings).await;
    deeds::pipelines_and_teams(&mut doings).await;
    let expected = doings.expected;
    // A stop writes the failures of the minute.
    house.restart();
    let events = whole(&house).await;
    for expected in &expected {
        check(expected, &events, &administrator);
    }
    let causes: BTreeSet<_> = expected.iter().map(|expected| expected.kind.to_owned()).collect();
    let known: BTreeSet<_> = known().into_iter().filter(|kind| !UNCAUSED.contains(&kind.as_str())).collect();
    assert_eq!(causes, known, "each known type is caused here");
    let unknown: Vec<_> =
        events.iter().filter(|event| !known.iter().any(|kind| event["type"] == event_name(kind).as_str())).collect();
    assert_eq!(unknown, Vec::<&Value>::new());
    filters_find_them(&house, &events).await;
}

/// Whatever is in the trail is found by its own type and subject, one by one by its URL.
async fn filters_find_them(house: &Installation, events: &[Value]) {
    let mut seen = BTreeSet::new();
    for event in events {
        let text = |pointer: &str| event.pointer(pointer).unwrap().as_str().unwrap();
        let (kind, subject) = (text("/type"), text("/subject/type"));
        if !seen.insert((kind, subject)) {
            continue;
        }
        let filter = format!("type={kind}&subject_type={subject}&subject_uuid={}", text("/subject/uuid"));
        let found = house.get(&format!("{ORGANIZATION}/audit_events?{filter}&per_page=100")).await.expect(200);
        let found = found["items"].as_array().unwrap();
        assert!(found.contains(event), "{filter}: {found:#?}");
        let foreign = |one: &Value| one["type"] != kind || one["subject"]["uuid"] != event["subject"]["uuid"];
        assert!(!found.iter().any(foreign), "{filter}: {found:#?}");
        assert_eq!(&house.get(&format!("{ORGANIZATION}/audit_events/{}", text("/uuid"))).await.expect(200), event);
    }
}

/// Whatever is written as a type of event is one that the gateway knows.
#[test]
fn every_type_that_services_write_is_known_to_the_gateway() {
    const ENDS: [&str; 9] =
        ["CREATED", "UPDATED", "DELETED", "DENIED", "BROKEN", "FAILED", "AUTHORIZED", "REVOKED", "REPORTED"];
    let known = known();
    let mut unknown = Vec::new();
    let is_code = |path: &str| path.starts_with("services/") && !path.contains("/tests");
    for source in tree::sources().iter().filter(|source| is_code(&source.path)) {
        let literals = source.text.split('"').skip(1).step_by(2);
        let is_type = |text: &&str| {
            text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
                && text.split_once('_').is_some()
                && ENDS.iter().any(|end| text.ends_with(&format!("_{end}")))
        };
        // What happens to users as such is in the installation's trail.
        let of_organizations = literals.filter(is_type).filter(|text| !text.starts_with("USER_"));
        unknown.extend(
            of_organizations.filter(|text| !known.contains(*text)).map(|text| format!("{}: {text}", source.path)),
        );
    }
    assert_eq!(unknown, Vec::<String>::new());
}
