//! Reading the audit trail: pages, exports, and who may.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Browser, Fleet, Installation, on_postgres, postgres, unique};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

const TRAIL: &str = "/v2/organizations/my-organization/audit_events";

fn uuids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["uuid"].as_str().unwrap()).collect()
}

async fn page(house: &Installation, url: &str) -> Value {
    house.get(url.strip_prefix(house.gateway()).unwrap_or(url)).await.expect(200)
}

#[tokio::test]
async fn pages_hold_the_trails_of_all_parts_in_one_order_and_stay_what_they_were() {
    let house = Installation::start();
    // Events of the portal service, the token service and the built-in API take turns.
    for _ in 0..4 {
        let portal = house.portal_of("{ viewer { id } }").await;
        house.secret(&portal).await;
        let data = house.graphql("{ organization(slug: \"my-organization\") { id } }", json!({})).await;
        let create = format!(
            "mutation {{ teamCreate(input: {{organizationID: {}, name: {:?}, privacy: VISIBLE, isDefaultTeam: false, \
             defaultMemberRole: MEMBER}}) {{ clientMutationId }} }}",
            data["organization"]["id"],
            unique("team")
        );
        house.graphql(&create, json!({})).await;
    }
    let all = page(&house, &format!("{TRAIL}?per_page=100")).await;
    let all = uuids(&all);
    assert!(all.len() >= 16 && all.is_sorted_by(|newer, older| newer > older), "{all:?}");
    let first = page(&house, &format!("{TRAIL}?per_page=3")).await;
    let (mut at, mut walked) = (first.clone(), uuids(&first).iter().map(ToString::to_string).collect::<Vec<_>>());
    // While it is read, the trail grows.
    house.portal_of("{ viewer { id } }").await;
    while let Some(next) = at["links"]["next"].as_str().map(str::to_owned) {
        at = page(&house, &next).await;
        walked.extend(uuids(&at).iter().map(ToString::to_string));
    }
    assert_eq!(walked, all);
    while let Some(prev) = at["links"]["prev"].as_str().map(str::to_owned) {
        at = page(&house, &prev).await;
    }
    assert!(uuids(&at)[0] > all[0], "back at the newest ones");
    for (wrong, parameter) in [("per_page=0", "per_page"), ("per_page=101", "per_page"), ("after=x", "after")] {
        let refused = house.get(&format!("{TRAIL}?{wrong}")).await.error_code(400, "invalid_parameter");
        assert!(refused["message"].as_str().unwrap().contains(parameter), "{refused:#}");
    }
}

#[tokio::test]
async fn times_and_actors_narrow_the_trail() {
    let house = Installation::start();
    house.portal_of("{ viewer { id } }").await;
    let all = page(&house, TRAIL).await;
    let newest = &all["items"][0];
    let at = newest["occurred_at"].as_str().unwrap();
    let actor = newest["actor"]["uuid"].as_str().unwrap();
    let count = async |query: String| uuids(&page(&house, &format!("{TRAIL}?{query}")).await).len();
    assert_eq!(count("occurred_at_from=2999-01-01T00:00:00Z".to_owned()).await, 0);
    assert_eq!(count("occurred_at_to=2000-01-01T00:00:00Z".to_owned()).await, 0);
    assert!(count(format!("occurred_at_to={at}&actor={actor}")).await >= 1);
    assert_eq!(count(format!("actor={NOBODY}")).await, 0);
    let mine = page(&house, &format!("{TRAIL}?actor={actor}")).await;
    assert!(mine["items"].as_array().unwrap().iter().all(|event| event["actor"]["uuid"] == actor));
    assert!(uuids(&mine).len() < uuids(&all).len(), "what the first start did has no actor");
}

#[tokio::test]
async fn an_export_holds_what_the_pages_hold() {
    let house = Installation::start_with(&[("TOKEN_LIMITS__REST_USER_PER_MINUTE", "1000")]);
    for _ in 0..3 {
        house.portal_of("{ viewer { id } }").await;
    }
    let all = page(&house, &format!("{TRAIL}?per_page=100")).await;
    let lines = house.get(&format!("{TRAIL}.ndjson")).await;
    assert_eq!((lines.status, lines.header("content-type")), (200, Some("application/x-ndjson")));
    let events: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&json!(events), &all["items"]);
    let csv = house.get(&format!("{TRAIL}.csv?type=PortalCreatedEvent")).await;
    assert!(csv.header("content-type").unwrap().starts_with("text/csv"), "{csv:#?}");
    let rows: Vec<_> = csv.text.split_terminator("\r\n").skip(1).collect();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.contains(",PortalCreatedEvent,")), "{rows:#?}");
    // Each file is one request.
    let [before, after] = [house.get(TRAIL).await, house.get(&format!("{TRAIL}.csv")).await];
    let [before, after] = [before, after].map(|answer| answer.number("ratelimit-user-remaining"));
    // In the next window the count has begun anew.
    assert!([before - 1, 999].contains(&after), "{before} {after}");
}

#[tokio::test]
async fn only_administrators_with_the_scope_read_the_trail_and_only_their_own() {
    let house = Installation::start();
    let admin = house.admin();
    admin.organization("other");
    let own = page(&house, TRAIL).await;
    let event = uuids(&own)[0];
    let (member, boss) = (admin.user_as("member", "reader"), admin.user("stranger"));
    admin.member(&boss, "other", "admin");
    let token_of = |user, scopes: &[&str]| admin.api_token_with(user, scopes, &[]);
    let (all, other) = (["read_audit_events"], ["read_portals", "read_organizations"]);
    let lacking = admin.user_as("admin", "lacking");
    for (token, status, code) in [
        (token_of(&member, &all), 403, "forbidden"),
        (token_of(&lacking, &other), 403, "missing_scope"),
        (token_of(&boss, &all), 404, "not_found"),
        ("bkua_nonsense".to_owned(), 401, "authentication_required"),
    ] {
        let house = house.with(&token);
        for path in [TRAIL.to_owned(), format!("{TRAIL}.csv"), format!("{TRAIL}.ndjson"), format!("{TRAIL}/{event}")] {
            house.get(&path).await.error_code(status, code);
        }
    }
    let stranger = house.with(&token_of(&boss, &all));
    let theirs = stranger.get("/v2/organizations/other/audit_events").await.expect(200);
    assert!(!theirs["items"].as_array().unwrap().is_empty());
    assert!(uuids(&theirs).iter().all(|uuid| !uuids(&own).contains(uuid)));
    let not_theirs = format!("/v2/organizations/other/audit_events/{event}");
    stranger.get(&not_theirs).await.error_code(404, "not_found");
    house.get(&format!("{TRAIL}/{NOBODY}")).await.error_code(404, "not_found");
    house.get(&format!("{TRAIL}/nonsense")).await.error_code(404, "not_found");
}

#[tokio::test]
async fn the_console_reads_the_trail_with_its_session() {
    let house = Installation::shared();
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let (cookie, session) = browser.cookies().remove(0);
    let organization = house.get("/v2/organizations/my-organization").await.expect(200)["id"].clone();
    let message = suite::rpc::delimited(1, organization.as_str().unwrap().as_bytes());
    let frame = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    let request = house.request(Method::POST, "/portals.audit.v1.AuditService/ListAuditEvents");
    let request = request.header("Content-Type", "application/grpc-web+proto").header("Origin", house.gateway());
    let request = request.header("Sec-Fetch-Site", "same-origin").header("Cookie", format!("{cookie}={session}"));
    let response = request.body(frame).send().await.unwrap();
    assert_eq!(response.headers().get("grpc-status").map(|value| value.to_str().unwrap().to_owned()), None);
    let body = response.bytes().await.unwrap();
    let holds = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("ORGANIZATION_CREATED") && holds("API_ACCESS_TOKEN_CREATED"), "the trails of both services");
}

async fn is_one_trail(fleet: &Fleet) {
    fleet.portal_of("{ viewer { id } }").await;
    let page = fleet.get(TRAIL).await.expect(200);
    let kinds: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["type"].to_string()).collect();
    for kind in ["PortalCreatedEvent", "PortalTokenCreatedEvent", "OrganizationCreatedEvent"] {
        assert_eq!(kinds.iter().filter(|one| one.contains(kind)).count(), 1, "{kind} {kinds:?}");
    }
}

#[tokio::test]
async fn parts_in_processes_of_their_own_answer_as_one() {
    is_one_trail(&Fleet::start(|_| {})).await;
}

#[tokio::test]
async fn owners_that_share_a_database_tell_each_event_once() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    is_one_trail(&Fleet::with(&on_postgres(&token, &portal), |_| {})).await;
}
