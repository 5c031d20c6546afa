//! The RPCs over the same rows.

use std::sync::{Arc, Mutex};

use contracts::pipelines::v1::{
    Build, BuildCounts, BuildState, CancelBuildRequest, CreateBuildRequest, Entry, GetBuildRequest, GetPipelineRequest,
    ListBuildsRequest, ListPipelinesRequest, Person, Pipeline, RebuildBuildRequest, ReportBuildStateRequest,
    pipelines_service_server::PipelinesService,
};
use kit::{
    ambient::Instant,
    grpc::{Caller, Refusal, to_instant},
};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tonic::{Code, Request, Response, Status, metadata::MetadataMap};

use super::world::{World, ada, bob, everywhere, organization};
use crate::{Gatekeeper, Organization, Service, User, Viewer};

pub(super) const SLUG: &str = "acme-inc";
pub(super) const PIPELINE: &str = "my-pipeline";

/// Lets in a user who reaches these organizations, and remembers what was asked for.
#[derive(Clone, Debug)]
pub(super) struct Door(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    user: User,
    organizations: Vec<Organization>,
    asked: Mutex<Vec<(&'static str, Option<String>)>>,
}

#[async_trait::async_trait]
impl Gatekeeper for Door {
    async fn admit(
        &self,
        _: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Status> {
        self.0.asked.lock().unwrap().push((scope, organization.map(ToOwned::to_owned)));
        notes.insert("ratelimit-remaining", 7.into());
        if organization == Some("closed") {
            return Err(Status::unauthenticated("closed"));
        }
        let within = |found: &&Organization| organization.is_none_or(|slug| found.slug == slug);
        let organizations = self.0.organizations.iter().filter(within).cloned().collect();
        Ok(Viewer { user: Some(self.0.user.clone()), organizations })
    }
}

pub(super) fn service(world: &World, user: User, organizations: Vec<Organization>) -> (Service, Door) {
    let door = Door(Arc::new(Inside { user, organizations, asked: Mutex::default() }));
    let key = "k".repeat(32).parse().unwrap();
    (Service::new(&world.api, Arc::new(door.clone()), key), door)
}

/// As Ada, an administrator.
pub(super) fn rpcs(world: &World) -> Service {
    service(world, ada(), vec![world.organization.clone()]).0
}

pub(super) fn order() -> CreateBuildRequest {
    CreateBuildRequest {
        organization: SLUG.into(),
        pipeline: PIPELINE.into(),
        commit: "HEAD".into(),
        branch: "main".into(),
        ..CreateBuildRequest::default()
    }
}

pub(super) async fn create(rpcs: &Service, order: CreateBuildRequest) -> Build {
    rpcs.create_build(Request::new(order)).await.unwrap().into_inner().build.unwrap()
}

pub(super) async fn report(rpcs: &Service, number: u32, state: BuildState) -> Result<(Build, Pipeline), Status> {
    let (organization, pipeline) = (SLUG.into(), PIPELINE.into());
    let message = ReportBuildStateRequest { organization, pipeline, number, state: state.into() };
    let reply = rpcs.report_build_state(Request::new(message)).await?.into_inner();
    Ok((reply.build.unwrap(), reply.pipeline.unwrap()))
}

async fn cancel(rpcs: &Service, number: u32) -> Result<Build, Status> {
    let message = CancelBuildRequest { organization: SLUG.into(), pipeline: PIPELINE.into(), number };
    Ok(rpcs.cancel_build(Request::new(message)).await?.into_inner().build.unwrap())
}

async fn rebuild(rpcs: &Service, number: u32) -> Result<Build, Status> {
    let message = RebuildBuildRequest { organization: SLUG.into(), pipeline: PIPELINE.into(), number };
    Ok(rpcs.rebuild_build(Request::new(message)).await?.into_inner().build.unwrap())
}

async fn get(rpcs: &Service, number: u32) -> Build {
    let message = GetBuildRequest { organization: SLUG.into(), pipeline: PIPELINE.into(), number };
    rpcs.get_build(Request::new(message)).await.unwrap().into_inner().build.unwrap()
}

async fn counts(rpcs: &Service) -> BuildCounts {
    let message = GetPipelineRequest { organization: SLUG.into(), pipeline: PIPELINE.into() };
    rpcs.get_pipeline(Request::new(message)).await.unwrap().into_inner().pipeline.unwrap().builds.unwrap()
}

pub(super) fn entry(name: &str, value: &str) -> Entry {
    Entry { name: name.into(), value: value.into() }
}

fn instant(at: Option<prost_types::Timestamp>) -> Option<Instant> {
    to_instant(&at?)
}

#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, reason: &str) -> String {
    let status = outcome.unwrap_err();
    assert_eq!((status.code(), Refusal::of(&status).reason.as_str()), (code, reason), "{status:?}");
    status.message().to_owned()
}

#[tokio::test]
async fn a_build_keeps_what_it_was_given_and_counts() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        let given = CreateBuildRequest {
            commit: " c\t".into(),
            branch: "b/ü".into(),
            message: Some("m\r\n".into()),
            env: vec![entry("Z", "1=2"), entry("A", ""), entry("Z", "3")],
            meta_data: vec![entry("k", "v")],
            ..order()
        };
        let build = create(&rpcs, given).await;
        assert_eq!((build.number, build.state()), (1, BuildState::Scheduled));
        assert_eq!(
            (build.commit.as_str(), build.branch.as_str(), build.message.as_deref()),
            (" c\t", "b/ü", Some("m\r\n"))
        );
        // Of what is given twice, the last counts, as it does for a shell.
        assert_eq!(build.env, [entry("Z", "3"), entry("A", "")]);
        assert_eq!(build.meta_data, [entry("k", "v")]);
        assert_eq!(build.created_by.as_ref().unwrap().uuid, ada().uuid.to_string());
        assert!(build.created_at.is_some() && build.scheduled_at == build.created_at && build.started_at.is_none());
        assert_eq!(build.web_url, "https://portals.test/acme-inc/my-pipeline/builds/1");
        assert_eq!(get(&rpcs, 1).await, build);
        assert_eq!(counts(&rpcs).await, BuildCounts { scheduled: 1, running: 0 });
        // GraphQL sees the same.
        let document = "{ build(slug: \"acme-inc/my-pipeline/1\") { commit branch message env metaData { count } } }";
        let expected = json!({ "data": { "build": { "commit": " c\t", "branch": "b/ü", "message": "m\r\n",
            "env": ["Z=1=2", "A=", "Z=3"], "metaData": { "count": 1 } } } });
        assert_eq!(world.run(document, json!({})).await, expected);
    })
    .await;
}

#[tokio::test]
async fn an_author_who_is_named_is_whom_a_build_is_attributed_to() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        let author =
            |name: &str, email: &str| Some(Person { uuid: "x".into(), name: name.into(), email: email.into() });
        for (named, uuid) in
            [(author("Zoe", "zoe@x.test"), String::new()), (author("A", "ADA@acme.test"), ada().uuid.to_string())]
        {
            let build = create(&rpcs, CreateBuildRequest { author: named.clone(), ..order() }).await;
            assert_eq!(build.created_by, named.map(|person| Person { uuid, ..person }));
        }
    })
    .await;
}

#[tokio::test]
async fn impossible_builds_are_refused_and_take_no_number() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        let author = Some(Person { name: " ".into(), email: "a@b.c".into(), ..Person::default() });
        for (order, says) in [
            (CreateBuildRequest { branch: String::new(), ..order() }, "Branch can't be blank"),
            (CreateBuildRequest { commit: " ".into(), ..order() }, "Commit can't be blank"),
            (CreateBuildRequest { env: vec![entry("A=B", "")], ..order() }, "equals sign"),
            (CreateBuildRequest { env: vec![entry("", "x")], ..order() }, "NAME=value"),
            (CreateBuildRequest { meta_data: vec![entry("k", "1"), entry("k", "2")], ..order() }, "given twice"),
            (CreateBuildRequest { message: Some("a\0".into()), ..order() }, "NUL"),
            (CreateBuildRequest { author, ..order() }, "Author name can't be blank"),
        ] {
            let outcome = rpcs.create_build(Request::new(order)).await;
            let message = refused(outcome, Code::FailedPrecondition, "validation_failed");
            assert!(message.starts_with("Validation failed: ") && message.contains(says), "{message}");
        }
        assert_eq!(create(&rpcs, order()).await.number, 1);
    })
    .await;
}

#[tokio::test]
async fn a_runner_reports_what_becomes_of_a_build() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        for end in [BuildState::Passed, BuildState::Failed] {
            let number = create(&rpcs, order()).await.number;
            let (running, pipeline) = report(&rpcs, number, BuildState::Running).await.unwrap();
            assert_eq!((running.state(), running.finished_at), (BuildState::Running, None));
            assert!(instant(running.started_at) > instant(running.scheduled_at));
            assert_eq!(pipeline.builds, Some(BuildCounts { scheduled: 0, running: 1 }));
            // Said again, it changes nothing.
            assert_eq!(report(&rpcs, number, BuildState::Running).await.unwrap().0, running);
            let (ended, pipeline) = report(&rpcs, number, end).await.unwrap();
            assert_eq!((ended.state(), ended.started_at), (end, running.started_at));
            assert!(instant(ended.finished_at) > instant(ended.started_at));
            assert_eq!(pipeline.builds, Some(BuildCounts::default()));
            assert_eq!((report(&rpcs, number, end).await.unwrap().0, get(&rpcs, number).await), (ended.clone(), ended));
        }
        let number = create(&rpcs, order()).await.number;
        let early = report(&rpcs, number, BuildState::Passed).await;
        let sentence = refused(early, Code::FailedPrecondition, "invalid_state");
        assert!(sentence.starts_with("A build that is scheduled can't become passed"), "{sentence}");
        for state in [BuildState::Canceled, BuildState::Unspecified, BuildState::Scheduled] {
            refused(report(&rpcs, number, state).await, Code::FailedPrecondition, "validation_failed");
        }
        refused(report(&rpcs, 99, BuildState::Running).await, Code::NotFound, "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_build_is_canceled_and_built_again_unless_its_state_forbids_it() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        create(&rpcs, order()).await;
        let canceled = cancel(&rpcs, 1).await.unwrap();
        assert!(canceled.state() == BuildState::Canceled && canceled.finished_at.is_some());
        refused(cancel(&rpcs, 1).await, Code::FailedPrecondition, "invalid_state");
        refused(report(&rpcs, 1, BuildState::Running).await, Code::FailedPrecondition, "invalid_state");
        let again = rebuild(&rpcs, 1).await.unwrap();
        let origin = again.rebuilt_from.clone().unwrap();
        assert_eq!((again.number, origin.number, &origin.uuid), (2, 1, &canceled.uuid));
        assert_eq!(get(&rpcs, 2).await, again);
        assert_eq!(cancel(&rpcs, 2).await.unwrap().rebuilt_from, Some(origin));
        let update = "mutation($id: ID!, $a: Boolean, $r: Boolean) { pipelineUpdate(input: { id: $id, archived: $a, allowRebuilds: $r }) { clientMutationId } }";
        world.run(update, json!({ "id": world.pipeline_id(), "r": false })).await;
        let sentence = refused(rebuild(&rpcs, 1).await, Code::FailedPrecondition, "invalid_state");
        assert_eq!(sentence, "Rebuilds are not allowed on this pipeline");
        world.run(update, json!({ "id": world.pipeline_id(), "a": true })).await;
        refused(rebuild(&rpcs, 1).await, Code::FailedPrecondition, "invalid_state");
        let outcome = rpcs.create_build(Request::new(order())).await;
        refused(outcome, Code::FailedPrecondition, "invalid_state");
    })
    .await;
}

/// Every RPC of a service that reaches `slug`, asked about what `pipeline` names.
async fn all(rpcs: &Service, slug: &str, pipeline: &str) -> Vec<(&'static str, Option<Status>, MetadataMap)> {
    fn told<T>(
        name: &'static str,
        outcome: Result<Response<T>, Status>,
    ) -> (&'static str, Option<Status>, MetadataMap) {
        match outcome {
            Ok(reply) => (name, None, reply.metadata().clone()),
            Err(status) => (name, Some(status.clone()), status.metadata().clone()),
        }
    }
    let (organization, pipeline, number) = (slug.to_owned(), pipeline.to_owned(), 1);
    let build = CancelBuildRequest { organization, pipeline, number };
    let CancelBuildRequest { organization, pipeline, .. } = build.clone();
    let order = CreateBuildRequest { organization: organization.clone(), pipeline: pipeline.clone(), ..order() };
    let list = ListBuildsRequest {
        organization: Some(organization.clone()),
        pipeline: Some(pipeline.clone()),
        ..ListBuildsRequest::default()
    };
    let one = GetPipelineRequest { organization: organization.clone(), pipeline: pipeline.clone() };
    let get = GetBuildRequest { organization: organization.clone(), pipeline: pipeline.clone(), number };
    let again = RebuildBuildRequest { organization: organization.clone(), pipeline: pipeline.clone(), number };
    let state = BuildState::Running.into();
    let report = ReportBuildStateRequest { organization, pipeline, number, state };
    vec![
        told("read_pipelines", rpcs.get_pipeline(Request::new(one)).await),
        told("read_builds", rpcs.list_builds(Request::new(list)).await),
        told("write_builds", rpcs.create_build(Request::new(order)).await),
        told("read_builds", rpcs.get_build(Request::new(get)).await),
        told("write_builds", rpcs.report_build_state(Request::new(report)).await),
        told("write_builds", rpcs.rebuild_build(Request::new(again)).await),
        told("write_builds", rpcs.cancel_build(Request::new(build)).await),
    ]
}

#[tokio::test]
async fn every_rpc_asks_the_door_and_passes_on_what_it_says() {
    everywhere(async |world| {
        let (rpcs, door) = service(&world, bob(), vec![world.organization.clone()]);
        for (scope, refusal, notes) in all(&rpcs, SLUG, PIPELINE).await {
            assert!(refusal.is_none(), "{scope}: {refusal:?}");
            assert_eq!(notes.get("ratelimit-remaining").unwrap(), "7");
            assert_eq!(door.0.asked.lock().unwrap().remove(0), (scope, Some(SLUG.to_owned())));
        }
        for (scope, refusal, notes) in all(&rpcs, "closed", PIPELINE).await {
            assert_eq!(
                (refusal.unwrap().message(), notes.get("ratelimit-remaining").unwrap().as_bytes()),
                ("closed", &b"7"[..])
            );
            assert_eq!(door.0.asked.lock().unwrap().remove(0).0, scope);
        }
        let message = ListPipelinesRequest { organization: "closed".into(), ..ListPipelinesRequest::default() };
        assert_eq!(rpcs.list_pipelines(Request::new(message)).await.unwrap_err().message(), "closed");
        assert_eq!(door.0.asked.lock().unwrap().remove(0), ("read_pipelines", Some("closed".to_owned())));
        assert!(rpcs.list_builds(Request::new(ListBuildsRequest::default())).await.is_ok());
        assert_eq!(door.0.asked.lock().unwrap().remove(0), ("read_builds", None));
    })
    .await;
}

#[tokio::test]
async fn what_is_out_of_reach_is_not_there() {
    everywhere(async |world| {
        create(&rpcs(&world), order()).await;
        let (stranger, _) = service(&world, bob(), vec![organization("other")]);
        let member = rpcs(&world);
        for (rpcs, slug, pipeline) in [
            (&stranger, SLUG, PIPELINE),
            (&stranger, "other", PIPELINE),
            (&member, SLUG, "unknown"),
            (&member, SLUG, "my-pipeline\0"),
            (&member, SLUG, ""),
        ] {
            for (scope, refusal, _) in all(rpcs, slug, pipeline).await {
                let message = refused(refusal.map_or(Ok(()), Err), Code::NotFound, "not_found");
                assert!(
                    ["No build found", "No pipeline found"].contains(&message.as_str()),
                    "{scope} {slug} {message}"
                );
            }
        }
        for number in [0, 2, u32::MAX] {
            let message = GetBuildRequest { organization: SLUG.into(), pipeline: PIPELINE.into(), number };
            refused(member.get_build(Request::new(message)).await, Code::NotFound, "not_found");
        }
        let message = ListPipelinesRequest { organization: SLUG.into(), ..ListPipelinesRequest::default() };
        let message = refused(stranger.list_pipelines(Request::new(message)).await, Code::NotFound, "not_found");
        assert_eq!(message, "No organization found");
        let list = ListBuildsRequest { organization: Some(SLUG.into()), ..ListBuildsRequest::default() };
        refused(stranger.list_builds(Request::new(list)).await, Code::NotFound, "not_found");
        let everywhere = stranger.list_builds(Request::new(ListBuildsRequest::default())).await.unwrap().into_inner();
        assert_eq!((everywhere.total, everywhere.builds.len()), (0, 0));
        let pipeline = Some(PIPELINE.into());
        let homeless = ListBuildsRequest { pipeline, ..ListBuildsRequest::default() };
        refused(member.list_builds(Request::new(homeless)).await, Code::FailedPrecondition, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_done_while_the_database_is_away() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        create(&rpcs, order()).await;
        let transaction = world.database.begin().await.unwrap();
        transaction.execute_unprepared("ALTER TABLE pipelines RENAME TO gone").await.unwrap();
        transaction.commit().await.unwrap();
        for (scope, refusal, _) in all(&rpcs, SLUG, PIPELINE).await {
            let message = refused(refusal.map_or(Ok(()), Err), Code::Unavailable, "database_unavailable");
            assert_eq!(message, "The database can't be used right now", "{scope}");
        }
    })
    .await;
}
