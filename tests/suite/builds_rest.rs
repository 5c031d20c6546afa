//! Pipelines and builds over the management REST: made, read, listed, reported; who may.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Caller, Installation, python, unique};

const PIPELINE: &str = "/v2/organizations/my-organization/pipelines/my-pipeline";
const BUILDS: &str = "/v2/organizations/my-organization/pipelines/my-pipeline/builds";

async fn make(caller: &Caller, branch: &str) -> String {
    let body = json!({"commit": "HEAD", "branch": branch});
    let made = caller.rest(Method::POST, BUILDS, Some(body)).await.expect(201);
    format!("{BUILDS}/{}", made["number"])
}

async fn report(caller: &Caller, build: &str, state: &str) -> Answer {
    caller.rest(Method::PATCH, build, Some(json!({"state": state}))).await
}

async fn put(caller: &Caller, build: &str, action: &str) -> Answer {
    caller.rest(Method::PUT, &format!("{build}/{action}"), None).await
}

async fn counts(caller: &Caller) -> (Value, Value) {
    let pipeline = caller.get(PIPELINE).await.expect(200);
    (pipeline["scheduled_builds_count"].clone(), pipeline["running_builds_count"].clone())
}

#[tokio::test]
async fn a_build_is_made_run_and_passed_and_is_there_after_a_restart() {
    let mut house = Installation::start();
    let body = json!({"commit": " abc\t", "branch": "feature/ü", "message": "m\r\n", "env": {"A": "=1"},
        "meta_data": {"k": "v", "n": 1}, "author": {"name": "Zoe", "email": "zoe@example.com"}});
    let made = house.rest(Method::POST, BUILDS, Some(body.clone())).await.expect(201);
    for echoed in ["commit", "branch", "message", "env", "author"] {
        assert_eq!(made[echoed], body[echoed], "{echoed}");
    }
    assert_eq!(made["meta_data"], json!({"k": "v", "n": "1"}));
    assert!(made["creator"].is_null(), "whom nobody here knows has no account: {made:#}");
    assert_eq!((&made["number"], &made["state"]), (&json!(1), &json!("scheduled")));
    assert_eq!(counts(&house).await, (json!(1), json!(0)));
    let one = format!("{BUILDS}/1");
    let running = report(&house, &one, "running").await.expect(200);
    assert!(running["started_at"].is_string() && running["finished_at"].is_null(), "{running:#}");
    assert_eq!(running["pipeline"]["running_builds_count"], 1);
    assert_eq!(counts(&house).await, (json!(0), json!(1)));
    // A runner that had no answer says it again.
    assert_eq!(report(&house, &one, "running").await.expect(200), running);
    let passed = report(&house, &one, "passed").await.expect(200);
    assert_eq!((&passed["state"], &passed["started_at"]), (&json!("passed"), &running["started_at"]));
    assert!(passed["finished_at"].as_str() >= passed["started_at"].as_str());
    assert_eq!(counts(&house).await, (json!(0), json!(0)));
    let query = "{ build(slug: \"my-organization/my-pipeline/1\") { state startedAt finishedAt } }";
    let same = json!({"state": "PASSED", "startedAt": passed["started_at"], "finishedAt": passed["finished_at"]});
    assert_eq!(house.graphql(query, json!({})).await["build"], same);
    house.restart();
    let there = house.get(&one).await.expect(200);
    for member in ["id", "state", "finished_at", "meta_data"] {
        assert_eq!(there[member], passed[member], "{member}");
    }
}

#[tokio::test]
async fn what_a_builds_state_forbids_is_refused_with_a_sentence() {
    let house = Installation::start();
    let one = make(&house, "main").await;
    let early = report(&house, &one, "passed").await.error_code(422, "invalid_state");
    assert!(
        early["message"].as_str().unwrap().starts_with("A build that is scheduled can't become passed"),
        "{early:#}"
    );
    report(&house, &one, "canceled").await.error_code(422, "validation_failed");
    assert_eq!(put(&house, &one, "cancel").await.expect(200)["state"], "canceled");
    let late = put(&house, &one, "cancel").await.error_code(422, "invalid_state");
    assert_eq!(late["message"], "Build can't be canceled because it's already finished");
    report(&house, &one, "running").await.error_code(422, "invalid_state");
    let again = put(&house, &one, "rebuild").await.expect(200);
    assert_eq!((&again["number"], &again["state"]), (&json!(2), &json!("scheduled")));
    let id = house.pipeline_id().await;
    let change = format!("mutation {{ pipelineArchive(input: {{id: {id:?}}}) {{ pipeline {{ archived }} }} }}");
    house.graphql(&change, json!({})).await;
    put(&house, &one, "rebuild").await.error_code(422, "invalid_state");
    let body = json!({"commit": "HEAD", "branch": "main"});
    house.rest(Method::POST, BUILDS, Some(body)).await.error_code(422, "invalid_state");
    assert!(house.get(PIPELINE).await.expect(200)["archived_at"].is_string());
}

#[tokio::test]
async fn lists_lead_from_page_to_page_and_keep_their_filters() {
    let house = Installation::start();
    for branch in ["main", "dev/a", "main", "dev/b", "main"] {
        make(&house, branch).await;
    }
    report(&house, &format!("{BUILDS}/5"), "running").await.expect(200);
    let walk = async |first: &str| {
        let (mut next, mut numbers) = (Some(first.to_owned()), Vec::new());
        while let Some(path) = next {
            let answer = house.get(&path).await;
            numbers
                .extend(answer.expect(200).as_array().unwrap().iter().map(|build| build["number"].as_u64().unwrap()));
            let mut links = answer.header("link").unwrap_or_default().split(", ");
            let url = links.find_map(|link| link.strip_suffix(">; rel=\"next\""));
            next = url.map(|url| url.strip_prefix('<').unwrap().strip_prefix(house.gateway()).unwrap().to_owned());
        }
        numbers
    };
    for (path, expected) in [
        (format!("{BUILDS}/?per_page=2"), vec![5, 4, 3, 2, 1]),
        (format!("{BUILDS}?branch=main&per_page=1"), vec![5, 3, 1]),
        (format!("{BUILDS}?branch=dev*&per_page=1"), vec![4, 2]),
        (format!("{BUILDS}?state[]=running&state[]=scheduled&per_page=4"), vec![5, 4, 3, 2, 1]),
        ("/v2/builds?state=running".to_owned(), vec![5]),
        (
            "/v2/organizations/my-organization/builds?per_page=3&branch[]=main&branch[]=dev/a".to_owned(),
            vec![5, 3, 2, 1],
        ),
        (format!("{BUILDS}?commit=nothing"), vec![]),
    ] {
        assert_eq!(walk(&path).await, expected, "{path}");
    }
    for bad in ["state=x", "creator=x", "created_from=x", "page=x"] {
        house.get(&format!("{BUILDS}?{bad}")).await.error_code(400, "invalid_parameter");
    }
    let pipelines = "/v2/organizations/my-organization/pipelines";
    assert_eq!(
        house.get(&format!("{pipelines}/?name=PIPE&repository=example")).await.expect(200)[0]["slug"],
        "my-pipeline"
    );
    assert_eq!(house.get(&format!("{pipelines}?name=other")).await.expect(200), json!([]));
}

#[tokio::test]
async fn each_route_asks_for_its_scope() {
    let house = Installation::shared();
    let one = make(&house, "main").await;
    let user = house.admin().user_as("member", "scoped");
    let order = json!({"commit": "HEAD", "branch": "main"});
    let (cancel, rebuild) = (format!("{one}/cancel"), format!("{one}/rebuild"));
    let routes = [
        ("read_pipelines", Method::GET, "/v2/organizations/my-organization/pipelines", None),
        ("read_pipelines", Method::GET, PIPELINE, None),
        ("read_builds", Method::GET, "/v2/builds", None),
        ("read_builds", Method::GET, "/v2/organizations/my-organization/builds", None),
        ("read_builds", Method::GET, BUILDS, None),
        ("read_builds", Method::GET, &one, None),
        ("write_builds", Method::POST, BUILDS, Some(order)),
        ("write_builds", Method::PATCH, &one, Some(json!({"state": "running"}))),
        ("write_builds", Method::PUT, &rebuild, None),
        ("write_builds", Method::PUT, &cancel, None),
    ];
    for scope in ["read_pipelines", "read_builds", "write_builds"] {
        let caller = house.with(&house.admin().api_token_with(&user, &[scope], &[]));
        for (needed, method, path, body) in &routes {
            let answer = caller.rest(method.clone(), path, body.clone()).await;
            if *needed == scope {
                assert!([200, 201].contains(&answer.status), "{method} {path}: {answer:#?}");
            } else {
                let refused = answer.error_code(403, "missing_scope");
                assert_eq!(refused["message"], format!("Your access token doesn't have the {needed} scope"));
            }
        }
    }
}

#[tokio::test]
async fn another_organizations_pipelines_are_not_there() {
    let house = Installation::shared();
    let one = make(&house, "main").await;
    let (admin, slug) = (house.admin(), unique("elsewhere"));
    let stranger = admin.user(&unique("stranger"));
    admin.organization(&slug);
    admin.member(&stranger, &slug, "admin");
    let stranger = house.with(&admin.api_token(&stranger));
    let order = json!({"commit": "HEAD", "branch": "main"});
    let (cancel, rebuild) = (format!("{one}/cancel"), format!("{one}/rebuild"));
    for (method, path, body) in [
        (Method::GET, "/v2/organizations/my-organization/pipelines", None),
        (Method::GET, "/v2/organizations/my-organization/builds", None),
        (Method::GET, PIPELINE, None),
        (Method::GET, BUILDS, None),
        (Method::POST, BUILDS, Some(order)),
        (Method::GET, &one, None),
        (Method::PATCH, &one, Some(json!({"state": "running"}))),
        (Method::PUT, &cancel, None),
        (Method::PUT, &rebuild, None),
    ] {
        let hidden = stranger.rest(method.clone(), path, body.clone()).await.error_code(404, "not_found");
        let nowhere = path.replace("my-organization", "no-such-organization");
        let unknown = stranger.rest(method, &nowhere, body).await.error_code(404, "not_found");
        assert_eq!(hidden["message"], unknown["message"], "{path} can be told from one that doesn't exist");
    }
    assert_eq!(stranger.get("/v2/builds").await.expect(200), json!([]));
    assert_eq!(stranger.get(&format!("/v2/organizations/{slug}/pipelines")).await.expect(200), json!([]));
    assert_eq!(house.get(&one).await.expect(200)["state"], "scheduled");
    for unknown in
        [format!("{BUILDS}/0"), format!("{BUILDS}/x"), format!("{BUILDS}/4294967296"), format!("{PIPELINE}%00")]
    {
        house.get(&unknown).await.error_code(404, "not_found");
    }
}

#[tokio::test]
async fn requests_count_against_the_limits_of_the_rest_api() {
    let variables = [("TOKEN_LIMITS__REST_PER_MINUTE", "1000"), ("TOKEN_LIMITS__REST_USER_PER_MINUTE", "4")];
    let house = Installation::start_with(&variables);
    let mut over = None;
    for _ in 0..20 {
        let answer = house.get(BUILDS).await;
        assert_eq!(answer.number("ratelimit-user-limit"), 4);
        if answer.status == 429 {
            over = Some(answer);
            break;
        }
        assert_eq!(answer.number("ratelimit-limit"), 1000, "the organization's");
    }
    let over = over.expect("nobody counts");
    over.error_code(429, "rate_limited");
    assert!(over.number("retry-after") <= 60);
}

/// A change over GraphQL leaves a row that says which request it was, by whatever way it came.
#[tokio::test]
async fn the_trail_of_pipelines_says_where_a_change_came_from() {
    let house = Installation::start();
    let id = house.pipeline_id().await;
    let archive = |what: &str| format!("mutation {{ pipeline{what}(input: {{id: {id:?}}}) {{ clientMutationId }} }}");
    let portal = house.portal(json!({"name": "Archive", "query": archive("Archive")})).await;
    let called = Answer::of(house.calling(&portal).header("user-agent", "a-runner/1").json(&json!({}))).await;
    called.data();
    house.graphql(&archive("Unarchive"), json!({})).await;
    let rows = python::sql(
        &house.file("pipelines.db"),
        "SELECT type, actor_name, context FROM audit_events WHERE type = 'PIPELINE_UPDATED' ORDER BY uuid",
    );
    let contexts: Vec<Value> =
        rows.iter().map(|row| serde_json::from_str(row["context"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(contexts.len(), 2, "{rows:#?}");
    let tokens = house.get(&format!("{}/{}/service_tokens", suite::PORTALS, portal.slug)).await.expect(200);
    let context = &contexts[0];
    assert_eq!(
        (&context["credential_uuid"], &context["request_user_agent"]),
        (&tokens[0]["uuid"], &json!("a-runner/1"))
    );
    assert_eq!((&context["request_ip"], &context["type"]), (&json!("127.0.0.1"), &json!("PORTAL")));
    assert_eq!(context["request_id"], called.header("x-request-id").unwrap());
    let token = house.get("/v2/access-token").await.expect(200);
    assert_eq!((&contexts[1]["credential_uuid"], &contexts[1]["type"]), (&token["uuid"], &json!("API")));
    assert!(rows[0]["actor_name"].is_null() && rows[1]["actor_name"].is_string(), "{rows:#?}");
}
