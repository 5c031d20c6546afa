//! The audit trail whole (spec §9): everything that happens is made to happen through the public API, and read back with who,
//! what, from where and by which request.

use std::collections::BTreeSet;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, PORTALS, Portal, credentials, grant, path, rules::tree, unique};

const ORGANIZATION: &str = "/v2/organizations/my-organization";
const QUERY: &str = "{ viewer { id } }";
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

async fn portals(doings: &mut Doings<'_>) -> Portal {
    let body = json!({"name": unique("trail"), "query": QUERY, "user_invokable": true});
    let left = [("PORTAL_CREATED", "Portal"), ("PORTAL_TOKEN_CREATED", "PortalToken")];
    let portal = Portal::of(doings.did(Method::POST, PORTALS, body, &left).await);
    let one = format!("{PORTALS}/{}", portal.slug);
    let answer = doings.rest(Method::PUT, &one, json!({"query": "{ viewer { user { name } } }"})).await;
    doings.expect("PORTAL_UPDATED", "Portal", &answer, "APIContext", true, &["changed", "version", "query"]);
    let far = json!({"name": unique("far"), "query": QUERY, "allowed_ip_addresses": "192.0.2.1"});
    let far = doings.house.portal(far).await;
    let call = doings.house.request(Method::POST, &path(&far.slug)).bearer_auth(&far.token).json(&json!({}));
    let denied = doings.send(call).await;
    doings.expect("PORTAL_ACCESS_DENIED", "Portal", &denied, "PortalContext", false, &["reason", "list"]);
    doings.did(Method::DELETE, &format!("{PORTALS}/{}", far.slug), Value::Null, &[("PORTAL_DELETED", "Portal")]).await;
    portal
}

async fn tokens_and_secrets(doings: &mut Doings<'_>, portal: &Portal) {
    let below = |kind: &str| credentials(portal, kind);
    let uuid = |made: &Value| made["uuid"].as_str().unwrap().to_owned();
    let left = [("PORTAL_TOKEN_CREATED", "PortalToken")];
    let token = doings.did(Method::POST, &below("service_tokens"), json!({}), &left).await;
    let left = [("PORTAL_TOKEN_DELETED", "PortalToken")];
    let one = format!("{}/{}", below("service_tokens"), uuid(&token));
    doings.did(Method::DELETE, &one, Value::Null, &left).await;
    let left = [("PORTAL_SECRET_CREATED", "PortalSecret")];
    let secret = doings.did(Method::POST, &below("secrets"), json!({}), &left).await;
    let value = secret["secret"].as_str().unwrap();
    let exchanged = doings.send(doings.house.exchanging(portal).json(&grant(portal, value))).await;
    let data = &["kind", "last_four", "secret_uuid", "portal_uuid"];
    doings.expect("PORTAL_TOKEN_CREATED", "PortalToken", &exchanged, "APIContext", false, data);
    let left = [("PORTAL_SECRET_DELETED", "PortalSecret")];
    doings.did(Method::DELETE, &format!("{}/{}", below("secrets"), uuid(&secret)), Value::Null, &left).await;
    for _ in 0..3 {
        let failed = doings.send(doings.house.exchanging(portal).json(&grant(portal, value))).await;
        failed.error_code(401, "invalid_client");
    }
    doings.expect_alone("PORTAL_TOKEN_EXCHANGE_FAILED", "Portal", Some("APIContext"));
}

async fn codes(doings: &mut Doings<'_>, portal: &Portal) {
    let house = doings.house;
    let browser = Browser::administrator(house, house.bootstrap()).await;
    let asked = doings.send(house.request(Method::POST, &format!("{}/codes", path(&portal.slug)))).await;
    doings.expect("PORTAL_TOKEN_CODE_CREATED", "PortalTokenCode", &asked, "APIContext", false, &["portal_uuid"]);
    let approved = suite::device::Code::of(asked.json());
    browser.approve(&approved).await;
    doings.expect_alone("PORTAL_TOKEN_CODE_AUTHORIZED", "PortalTokenCode", Some("WebContext"));
    house.user_token(portal, &approved).await;
    browser.decide(&house.code(portal).await, "deny").await;
    doings.expect_alone("PORTAL_TOKEN_CODE_DENIED", "PortalTokenCode", Some("WebContext"));
}

async fn upstreams(doings: &mut Doings<'_>) {
    let upstreams = format!("{ORGANIZATION}/upstreams");
    let sdl = |fields: &str| json!({"source": "sdl", "sdl": format!("type Query {{ {fields} }}")});
    let body = json!({"slug": "own", "url": "http://127.0.0.1:9/", "schema": sdl("a: Int b: Int")});
    doings.did(Method::POST, &upstreams, body, &[("UPSTREAM_CREATED", "Upstream")]).await;
    let portal = doings.house.portal(json!({"name": unique("own"), "query": "{ b }", "upstream": "own"})).await;
    let one = format!("{upstreams}/own");
    let changed = doings.rest(Method::PUT, &one, json!({"schema": sdl("a: Int")})).await;
    doings.expect("UPSTREAM_UPDATED", "Upstream", &changed, "APIContext", true, &["changed", "schema"]);
    doings.expect_alone("PORTAL_BROKEN", "Portal", None);
    doings.house.rest(Method::DELETE, &format!("{PORTALS}/{}", portal.slug), None).await;
    doings.did(Method::DELETE, &one, Value::Null, &[("UPSTREAM_DELETED", "Upstream")]).await;
}

async fn people(doings: &mut Doings<'_>) {
    let (house, members) = (doings.house, format!("{ORGANIZATION}/members"));
    let body = json!({"email": format!("{}@example.com", unique("trail")), "name": "Bob"});
    let left = [("ORGANIZATION_MEMBER_CREATED", "User")];
    let bob = doings.did(Method::POST, &members, body, &left).await;
    let one = format!("{members}/{}", bob["id"].as_str().unwrap());
    let changed = doings.rest(Method::PATCH, &one, json!({"role": "admin"})).await;
    doings.expect("ORGANIZATION_MEMBER_UPDATED", "User", &changed, "APIContext", true, &["role"]);
    doings.did(Method::DELETE, &one, Value::Null, &[("ORGANIZATION_MEMBER_DELETED", "User")]).await;
    let settings = format!("{ORGANIZATION}/api-settings");
    let changed = doings.rest(Method::PATCH, &settings, json!({"revoke_inactive_tokens_after_days": 365})).await;
    let data = &["revoke_inactive_tokens_after_days"];
    doings.expect("ORGANIZATION_API_SETTINGS_UPDATED", "Organization", &changed, "APIContext", true, data);
    let changed = doings.rest(Method::PATCH, &settings, json!({"portal_requests_per_minute": 10_000})).await;
    let data = &["portal_requests_per_minute"];
    doings.expect("ORGANIZATION_UPDATED", "Organization", &changed, "APIContext", true, data);
    let user = house.admin().user_as("member", "trail");
    let value = house.admin().api_token(&user);
    doings.expect_alone("API_ACCESS_TOKEN_CREATED", "ApiAccessToken", Some("OperatorContext"));
    let ended = house.request(Method::DELETE, "/v2/access-token").bearer_auth(&value);
    let ended = doings.send(ended).await;
    doings.expect("API_ACCESS_TOKEN_DELETED", "ApiAccessToken", &ended, "APIContext", false, &["reason", "last_four"]);
    house.admin().api_token(&user);
    let tokens = format!("{ORGANIZATION}/api-access-tokens");
    let other = house.get(&tokens).await.expect(200)[0]["uuid"].as_str().unwrap().to_owned();
    let left = [("API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED", "ApiAccessToken")];
    doings.did(Method::DELETE, &format!("{tokens}/{other}"), Value::Null, &left).await;
}

async fn notification_services(doings: &mut Doings<'_>) {
    let subject = "NotificationService";
    let services = format!("{ORGANIZATION}/services");
    let body = json!({"description": "Trail", "settings": {"url": "https://hooks.example.com/"}});
    let left = [("NOTIFICATION_SERVICE_CREATED", subject)];
    let made = doings.did(Method::POST, &services, body, &left).await;
    let one = format!("{services}/{}", made["id"].as_str().unwrap());
    let left = [("NOTIFICATION_SERVICE_UPDATED", subject)];
    doings.did(Method::PATCH, &one, json!({"description": "Trail 2"}), &left).await;
    for (word, kind) in [("disable", "NOTIFICATION_SERVICE_DISABLED"), ("enable", "NOTIFICATION_SERVICE_ENABLED")] {
        doings.did(Method::PUT, &format!("{one}/{word}"), Value::Null, &[(kind, subject)]).await;
    }
    doings.did(Method::DELETE, &one, Value::Null, &[("NOTIFICATION_SERVICE_DELETED", subject)]).await;
}

/// A document against `/graphql` that leaves one event. Gives the value at `pointer` of its data.
async fn graphql(
    doings: &mut Doings<'_>,
    (kind, subject): (&'static str, &'static str),
    document: &str,
    pointer: &str,
) -> String {
    let answer = doings.rest(Method::POST, "/graphql", json!({ "query": document })).await;
    doings.expect(kind, subject, &answer, "APIContext", true, &[]);
    let data = answer.data();
    data.pointer(pointer).unwrap_or_else(|| panic!("{data:#}")).as_str().unwrap().to_owned()
}

async fn pipelines_and_teams(doings: &mut Doings<'_>) {
    let data = doings
        .house
        .graphql("{ organization(slug: \"my-organization\") { id } viewer { user { id } } }", json!({}))
        .await;
    let [organization, user] = ["/organization/id", "/viewer/user/id"].map(|at| data.pointer(at).unwrap().clone());
    let create = format!(
        "mutation {{ pipelineCreate(input: {{organizationId: {organization}, name: \"Trail\", \
         repository: {{url: \"https://example.com/x.git\"}}, steps: {{yaml: \"\"}}}}) {{ pipeline {{ id }} }} }}"
    );
    let pipeline = graphql(doings, ("PIPELINE_CREATED", "Pipeline"), &create, "/pipelineCreate/pipeline/id").await;
    let update =
        format!("mutation {{ pipelineUpdate(input: {{id: {pipeline:?}, name: \"T2\"}}) {{ pipeline {{ id }} }} }}");
    // By a portal: with the organization's authority, so that nobody is named.
    let portal = doings.house.portal_of(&update).await;
    let call = doings.house.request(Method::POST, &path(&portal.slug)).bearer_auth(&portal.token).json(&json!({}));
    let called = doings.send(call).await;
    called.data();
    doings.expect("PIPELINE_UPDATED", "Pipeline", &called, "PortalContext", false, &[]);
    teams(doings, [&organization, &user], &pipeline).await;
    let delete = format!("mutation {{ it: pipelineDelete(input: {{id: {pipeline:?}}}) {{ name: __typename }} }}");
    graphql(doings, ("PIPELINE_DELETED", "Pipeline"), &delete, "/it/name").await;
}

/// `pipeline`: what the team is given. It is left there.
async fn teams(doings: &mut Doings<'_>, [organization, user]: [&Value; 2], pipeline: &str) {
    let create = format!(
        "mutation {{ teamCreate(input: {{organizationID: {organization}, name: \"Trail\", privacy: VISIBLE, \
         isDefaultTeam: false, defaultMemberRole: MEMBER}}) {{ teamEdge {{ node {{ id }} }} }} }}"
    );
    let team = graphql(doings, ("TEAM_CREATED", "Team"), &create, "/teamCreate/teamEdge/node/id").await;
    let steps = [
        (
            ("TEAM_UPDATED", "Team"),
            format!(
                "teamUpdate(input: {{id: {team:?}, name: \"T2\", isDefaultTeam: false, defaultMemberRole: MEMBER}}) {{ team {{ id }} }}"
            ),
        ),
        (
            ("TEAM_MEMBER_CREATED", "TeamMember"),
            format!(
                "teamMemberCreate(input: {{teamID: {team:?}, userID: {user}}}) {{ x: teamMemberEdge {{ y: node {{ id }} }} }}"
            ),
        ),
        (
            ("TEAM_PIPELINE_CREATED", "TeamPipeline"),
            format!(
                "teamPipelineCreate(input: {{teamID: {team:?}, pipelineID: {pipeline:?}}}) {{ x: teamPipelineEdge {{ y: node {{ id }} }} }}"
            ),
        ),
    ];
    let mut made = Vec::new();
    for (left, field) in steps {
        let pointer = if left.0 == "TEAM_UPDATED" { "/it/team/id" } else { "/it/x/y/id" };
        made.push(graphql(doings, left, &format!("mutation {{ it: {field} }}"), pointer).await);
    }
    let [_, member, place] = &made[..] else { panic!("{made:?}") };
    for (left, field) in [
        (
            ("TEAM_MEMBER_UPDATED", "TeamMember"),
            format!("teamMemberUpdate(input: {{id: {member:?}, role: MAINTAINER}})"),
        ),
        (("TEAM_MEMBER_DELETED", "TeamMember"), format!("teamMemberDelete(input: {{id: {member:?}}})")),
        (
            ("TEAM_PIPELINE_UPDATED", "TeamPipeline"),
            format!("teamPipelineUpdate(input: {{id: {place:?}, accessLevel: READ_ONLY}})"),
        ),
        (("TEAM_PIPELINE_DELETED", "TeamPipeline"), format!("teamPipelineDelete(input: {{id: {place:?}}})")),
        (("TEAM_DELETED", "Team"), format!("teamDelete(input: {{id: {team:?}}})")),
    ] {
        graphql(doings, left, &format!("mutation {{ it: {field} {{ name: __typename }} }}"), "/it/name").await;
    }
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
    let portal = portals(&mut doings).await;
    tokens_and_secrets(&mut doings, &portal).await;
    codes(&mut doings, &portal).await;
    upstreams(&mut doings).await;
    notification_services(&mut doings).await;
    people(&mut doings).await;
    pipelines_and_teams(&mut doings).await;
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
