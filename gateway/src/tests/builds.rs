//! `/v2/…/pipelines`, `/v2/…/builds`.

use contracts::pipelines::v1::{
    BuildFilter, BuildState, CancelBuildRequest, CreateBuildRequest, Entry, GetBuildRequest, GetPipelineRequest,
    ListBuildsRequest, ListPipelinesRequest, Person, RebuildBuildRequest, ReportBuildStateRequest,
};
use kit::error::Code;
use serde_json::{Value, json};

use super::{
    World, code, header,
    script::{Plan, Refuse},
};

const PIPELINES: &str = "/v2/organizations/acme/pipelines";
const PIPELINE: &str = "/v2/organizations/acme/pipelines/web";
const BUILDS: &str = "/v2/organizations/acme/pipelines/web/builds";
const BUILD: &str = "/v2/organizations/acme/pipelines/web/builds/7";

fn pipeline() -> Value {
    json!({"id": "pl-1", "graphql_id": "UGlwZWxpbmUtLS1wbC0x", "url": format!("https://portals.example{PIPELINE}"),
        "web_url": "https://portals.example/acme/web", "name": "Web", "description": null, "slug": "web",
        "repository": "https://example.com/web.git", "cluster_id": null, "branch_configuration": null,
        "default_branch": "main", "skip_queued_branch_builds": false, "skip_queued_branch_builds_filter": "!main",
        "cancel_running_branch_builds": false, "cancel_running_branch_builds_filter": null, "allow_rebuilds": true,
        "provider": {"id": null, "webhook_url": null, "settings": null},
        "builds_url": format!("https://portals.example{BUILDS}"), "badge_url": null,
        "created_by": {"id": "u-1", "graphql_id": "VXNlci0tLXUtMQ==", "name": "Ada", "email": "ada@example.com",
            "avatar_url": null, "created_at": null},
        "created_at": "2026-01-01T00:00:00.001Z", "archived_at": null, "env": null, "scheduled_builds_count": 2,
        "running_builds_count": 1, "scheduled_jobs_count": 0, "running_jobs_count": 0, "waiting_jobs_count": 0,
        "visibility": "public", "configuration": "steps: []\r\n"})
}

fn build() -> Value {
    json!({"id": "b-1", "graphql_id": "QnVpbGQtLS1iLTE=", "url": format!("https://portals.example{BUILD}"),
        "web_url": "https://portals.example/acme/web/builds/7", "number": 7, "state": "not_run",
        "cancel_reason": "because", "blocked": false, "message": "Häuser\n", "commit": "HEAD", "branch": "main",
        "env": {"Z": "1", "A": ""}, "source": "api", "creator": null,
        "author": {"name": "Ada", "email": "ada@example.com"}, "jobs": [], "created_at": "2026-01-01T00:00:00.001Z",
        "scheduled_at": "2026-01-01T00:00:00.002Z", "started_at": null, "failing_at": null, "finished_at": null,
        "meta_data": {"k": "v"}, "pull_request": null, "merge_queue": null,
        "rebuilt_from": {"id": "b-0", "number": 3, "url": format!("https://portals.example{BUILDS}/3")},
        "pipeline": pipeline()})
}

fn entry(name: &str, value: &str) -> Entry {
    Entry { name: name.into(), value: value.into() }
}

#[tokio::test]
async fn pipelines_are_shown() {
    let world = World::new().await;
    let figures = vec![("ratelimit-remaining", "9")];
    world.script.plan(Plan { total: 31, figures, ..Plan::default() });
    for path in [PIPELINES, "/v2/organizations/acme/pipelines/"] {
        let response = world.send("GET", &format!("{path}?name=W%20b&repository=git&page=0"), "").await;
        let next = "/pipelines?name=W+b&repository=git&page=2&per_page=30>; rel=\"next\"";
        assert!(header(&response, "link").unwrap().contains(next), "{response:?}");
        assert_eq!(header(&response, "ratelimit-remaining"), Some("9"));
        assert_eq!(super::json(response).await, json!([pipeline()]));
    }
    let expected = ListPipelinesRequest {
        organization: "acme".into(),
        name: Some("W b".into()),
        repository: Some("git".into()),
        page: 1,
        per_page: 30,
    };
    assert_eq!(world.script.last::<ListPipelinesRequest>().1, expected);
    assert_eq!(super::json(world.send("GET", PIPELINE, "").await).await, pipeline());
    let expected = GetPipelineRequest { organization: "acme".into(), pipeline: "web".into() };
    assert_eq!(world.script.last::<GetPipelineRequest>().1, expected);
}

#[tokio::test]
async fn builds_are_listed_where_they_are_asked_for() {
    let world = World::new().await;
    let one = || Some("acme".to_owned());
    for (path, organization, pipeline) in [
        ("/v2/builds", None, None),
        ("/v2/organizations/acme/builds", one(), None),
        (BUILDS, one(), Some("web".to_owned())),
    ] {
        let response = world.send("GET", &format!("{path}?page=2&per_page=3"), "").await;
        assert_eq!(super::json(response).await, json!([build(), build()]), "{path}");
        let filter = Some(BuildFilter::default());
        let expected = ListBuildsRequest { organization, pipeline, filter, page: 2, per_page: 3 };
        assert_eq!(world.script.last::<ListBuildsRequest>().1, expected);
    }
}

#[tokio::test]
async fn a_list_of_builds_is_narrowed_and_its_pages_too() {
    let world = World::new().await;
    world.script.plan(Plan { total: 3, ..Plan::default() });
    let query = "branch[]=a&branch[]=b%2Fc&commit=x&state[]=running&state[]=finished&meta_data[k]=v&per_page=1\
                 &creator=0192f0c0-1111-7222-8333-444455556666&created_from=2026-01-01T00:00:00Z&created_to=2026-01-02\
                 &finished_from=2026-01-01T01:00:00+01:00";
    let response = world.send("GET", &format!("{BUILDS}?{query}"), "").await;
    let link = header(&response, "link").unwrap().to_owned();
    let (_, filter) = world.script.last::<ListBuildsRequest>();
    let states =
        [BuildState::Running, BuildState::Passed, BuildState::Failed, BuildState::Blocked, BuildState::Canceled];
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let expected = BuildFilter {
        branches: vec!["a".into(), "b/c".into()],
        commits: vec!["x".into()],
        states: states.map(Into::into).to_vec(),
        meta_data: vec![entry("k", "v")],
        creator_uuid: "0192f0c0-1111-7222-8333-444455556666".into(),
        created_from: time(1_767_225_600),
        created_to: time(1_767_312_000),
        finished_from: time(1_767_225_600),
    };
    assert_eq!(filter.filter, Some(expected));
    // The next page is one of the same list.
    let next = link.split_once("<https://portals.example").unwrap().1.split_once(">; rel=\"next\"").unwrap().0;
    world.send("GET", next, "").await;
    let (_, second) = world.script.last::<ListBuildsRequest>();
    assert_eq!((second.filter, second.page, second.per_page), (filter.filter, 2, 1));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    for query in ["state=RUNNING", "state[]=x", "creator=ada", "created_from=soon", "finished_from=1", "page=x"] {
        let response = world.send("GET", &format!("{BUILDS}?{query}"), "").await;
        assert_eq!(code(response).await, (400, "invalid_parameter".into()), "{query}");
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn a_build_is_made_of_what_is_given() {
    let world = World::new().await;
    let body = json!({"commit": " HEAD", "branch": "b", "message": null, "author": {"name": "A", "email": "a@b.c"},
        "env": {"B": "x", "N": 1.5, "T": true}, "meta_data": {"k": "v\r\n"}, "clean_checkout": true});
    let response = world.send("POST", BUILDS, &body.to_string()).await;
    assert_eq!((response.status().as_u16(), super::json(response).await), (201, build()));
    let expected = CreateBuildRequest {
        organization: "acme".into(),
        pipeline: "web".into(),
        commit: " HEAD".into(),
        branch: "b".into(),
        message: None,
        author: Some(Person { uuid: String::new(), name: "A".into(), email: "a@b.c".into() }),
        env: vec![entry("B", "x"), entry("N", "1.5"), entry("T", "true")],
        meta_data: vec![entry("k", "v\r\n")],
    };
    assert_eq!(world.script.last::<CreateBuildRequest>().1, expected);
    let body = json!({"commit": "c", "branch": "b", "author": null, "env": null, "meta_data": null});
    assert_eq!(world.send("POST", BUILDS, &body.to_string()).await.status(), 201);
    let (_, bare) = world.script.last::<CreateBuildRequest>();
    assert_eq!((bare.author, bare.env, bare.meta_data), (None, vec![], vec![]));
}

#[tokio::test]
async fn what_is_wrong_with_a_build_is_said() {
    let world = World::new().await;
    for (method, path, body, fields) in [
        ("POST", BUILDS, json!({"message": 1}), vec!["commit", "branch", "message"]),
        (
            "POST",
            BUILDS,
            json!({"commit": "c", "branch": "b", "author": {"name": 1}, "env": {"A": [], "B": null}, "meta_data": "x"}),
            vec!["author.name", "author.email", "env.A", "env.B", "meta_data"],
        ),
        ("PATCH", BUILD, json!({}), vec!["state"]),
        ("PATCH", BUILD, json!({"state": "canceled"}), vec!["state"]),
        ("PATCH", BUILD, json!({"state": 1}), vec!["state"]),
    ] {
        let response = world.send(method, path, &body.to_string()).await;
        assert_eq!(response.status(), 422, "{body}");
        let reply = super::json(response).await;
        let found: Vec<_> = reply["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields, "{body}");
    }
    assert_eq!(world.script.count::<CreateBuildRequest>() + world.script.count::<ReportBuildStateRequest>(), 0);
}

#[tokio::test]
async fn a_build_is_shown_reported_canceled_and_built_again() {
    let world = World::new().await;
    let (organization, pipeline, number) = ("acme".to_owned(), "web".to_owned(), 7);
    assert_eq!(super::json(world.send("GET", BUILD, "").await).await, build());
    let expected = GetBuildRequest { organization, pipeline, number };
    assert_eq!(world.script.last::<GetBuildRequest>().1, expected);
    for (word, state) in
        [("running", BuildState::Running), ("passed", BuildState::Passed), ("failed", BuildState::Failed)]
    {
        let response = world.send("PATCH", BUILD, &json!({"state": word}).to_string()).await;
        assert_eq!((response.status().as_u16(), super::json(response).await), (200, build()));
        assert_eq!(world.script.last::<ReportBuildStateRequest>().1.state(), state);
    }
    for action in ["cancel", "rebuild"] {
        let response = world.send("PUT", &format!("{BUILD}/{action}"), "").await;
        assert_eq!((response.status().as_u16(), super::json(response).await), (200, build()));
    }
    assert_eq!(world.script.first::<CancelBuildRequest>().1.number, 7);
    assert_eq!(world.script.first::<RebuildBuildRequest>().1.number, 7);
    // What is no number is none that there is.
    for number in ["x", "-1", "+1", "99999999999", "1.0"] {
        world.send("GET", &format!("{BUILDS}/{number}"), "").await;
        assert_eq!(world.script.last::<GetBuildRequest>().1.number, 0, "{number}");
    }
}

#[tokio::test]
async fn no_token_and_a_bad_token_look_alike() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let (cancel, rebuild) = (format!("{BUILD}/cancel"), format!("{BUILD}/rebuild"));
    for (method, path, body) in [
        ("GET", "/v2/builds", ""),
        ("GET", "/v2/organizations/acme/builds", ""),
        ("GET", PIPELINES, ""),
        ("GET", PIPELINE, ""),
        ("GET", BUILDS, ""),
        ("POST", BUILDS, r#"{"commit":"c","branch":"b"}"#),
        ("POST", BUILDS, "{}"),
        ("GET", BUILD, ""),
        ("PATCH", BUILD, r#"{"state":"passed"}"#),
        ("PATCH", BUILD, r#"{"state":"x"}"#),
        ("PUT", &cancel, ""),
        ("PUT", &rebuild, ""),
    ] {
        let without = world.request(method, path).send().await.unwrap();
        let with = world.send(method, path, body).await;
        for (response, error) in [(without, ""), (with, ", error=\"invalid_token\"")] {
            let challenge = format!("Bearer realm=\"api\"{error}");
            assert_eq!(header(&response, "www-authenticate"), Some(challenge.as_str()), "{method} {path}");
            assert_eq!(code(response).await, (401, "authentication_required".into()));
        }
    }
}

#[tokio::test]
async fn a_reply_that_lacks_a_pipeline_is_a_fault_of_ours() {
    let world = World::new().await;
    world.script.plan(Plan { result: "homeless", ..Plan::default() });
    assert_eq!(code(world.send("GET", BUILDS, "").await).await, (500, "internal".into()));
}
