//! Everything that leaves an event, done.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Browser, PORTALS, Portal, credentials, grant, path, unique};

use super::{Doings, ORGANIZATION};

const QUERY: &str = "{ viewer { id } }";

pub(super) async fn portals(doings: &mut Doings<'_>) -> Portal {
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

pub(super) async fn tokens_and_secrets(doings: &mut Doings<'_>, portal: &Portal) {
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

pub(super) async fn codes(doings: &mut Doings<'_>, portal: &Portal) {
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

pub(super) async fn upstreams(doings: &mut Doings<'_>) {
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

pub(super) async fn people(doings: &mut Doings<'_>) {
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

pub(super) async fn notification_services(doings: &mut Doings<'_>) {
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

pub(super) async fn pipelines_and_teams(doings: &mut Doings<'_>) {
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
