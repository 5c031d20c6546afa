//! Lists of the RPCs.

use contracts::pipelines::v1::{
    BuildFilter, BuildState, CreateBuildRequest, ListBuildsRequest, ListPipelinesRequest, ListPipelinesResponse,
    pipelines_service_server::PipelinesService,
};
use prost_types::Timestamp;
use serde_json::json;
use tonic::{Code, Request};

use super::{
    rpc::{PIPELINE, SLUG, create, entry, order, refused, report, rpcs, service},
    world::{ada, bob, everywhere, organization},
};
use crate::Service;

/// The numbers of the builds that a filter leaves, in the order of the list.
async fn numbers(rpcs: &Service, filter: BuildFilter) -> Vec<u32> {
    let message = ListBuildsRequest { filter: Some(filter), ..of_pipeline() };
    let reply = rpcs.list_builds(Request::new(message)).await.unwrap().into_inner();
    assert_eq!(reply.total as usize, reply.builds.len());
    reply.builds.iter().map(|build| build.number).collect()
}

fn of_pipeline() -> ListBuildsRequest {
    ListBuildsRequest {
        organization: Some(SLUG.into()),
        pipeline: Some(PIPELINE.into()),
        ..ListBuildsRequest::default()
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn builds_are_narrowed_by_each_filter_and_by_all() {
    everywhere(async |world| {
        let ada_rpcs = rpcs(&world);
        let (bob_rpcs, _) = service(&world, bob(), vec![world.organization.clone()]);
        let mut times = Vec::new();
        for (rpcs, branch, commit, meta) in [
            (&ada_rpcs, "main", "a", vec![entry("k", "v")]),
            (&bob_rpcs, "feature/DEV-1", "b", vec![entry("k", "v"), entry("l", "w")]),
            (&ada_rpcs, "100%_dev", "a", vec![]),
        ] {
            let order = CreateBuildRequest { branch: branch.into(), commit: commit.into(), meta_data: meta, ..order() };
            times.push(create(rpcs, order).await.created_at);
        }
        report(&ada_rpcs, 1, BuildState::Running).await.unwrap();
        report(&ada_rpcs, 3, BuildState::Running).await.unwrap();
        let ended = report(&ada_rpcs, 3, BuildState::Failed).await.unwrap().0.finished_at;
        let none = BuildFilter::default;
        let branches = |list: &[&str]| BuildFilter { branches: texts(list), ..none() };
        let states =
            |list: &[BuildState]| BuildFilter { states: list.iter().map(|state| (*state).into()).collect(), ..none() };
        for (filter, expected) in [
            (none(), vec![3, 2, 1]),
            (branches(&["main"]), vec![1]),
            (branches(&["main", "100%_dev"]), vec![3, 1]),
            (branches(&["*dev*"]), vec![3, 2]),
            (branches(&["main", "feature/*"]), vec![2, 1]),
            (branches(&["*%_*"]), vec![3]),
            (branches(&["*\\*"]), vec![]),
            (branches(&["%default"]), vec![]),
            (branches(&["ma\0n"]), vec![]),
            (branches(&["*\0*"]), vec![]),
            (BuildFilter { commits: texts(&["a", "x"]), ..none() }, vec![3, 1]),
            (states(&[BuildState::Scheduled]), vec![2]),
            (states(&[BuildState::Running, BuildState::Failed]), vec![3, 1]),
            (BuildFilter { meta_data: vec![entry("k", "v")], ..none() }, vec![2, 1]),
            (BuildFilter { meta_data: vec![entry("k", "v"), entry("l", "w")], ..none() }, vec![2]),
            (BuildFilter { meta_data: vec![entry("k", "v\0")], ..none() }, vec![]),
            (BuildFilter { creator_uuid: ada().uuid.to_string(), ..none() }, vec![3, 1]),
            (BuildFilter { created_from: times[1], ..none() }, vec![3, 2]),
            (BuildFilter { created_to: times[1], ..none() }, vec![2, 1]),
            (BuildFilter { created_from: times[1], created_to: times[1], ..none() }, vec![2]),
            (BuildFilter { finished_from: ended, ..none() }, vec![3]),
            (BuildFilter { finished_from: times[0], commits: texts(&["b"]), ..none() }, vec![]),
        ] {
            assert_eq!(numbers(&ada_rpcs, filter.clone()).await, expected, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn filters_that_no_build_can_fit_are_refused() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        let none = BuildFilter::default;
        let list = |list: &[&str]| BuildFilter { branches: texts(list), ..none() };
        for bad in [
            BuildFilter { creator_uuid: "ada".into(), ..none() },
            BuildFilter { states: vec![99], ..none() },
            list(&vec!["x"; 501]),
            list(&vec!["*"; 21]),
            list(&[&"*".repeat(256)]),
            BuildFilter { created_from: Some(Timestamp { seconds: 0, nanos: -1 }), ..none() },
        ] {
            let message = ListBuildsRequest { filter: Some(bad), ..of_pipeline() };
            let outcome = rpcs.list_builds(Request::new(message)).await;
            refused(outcome, Code::FailedPrecondition, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn builds_are_paged_newest_first_with_each_pipeline_once() {
    everywhere(async |world| {
        let second = organization("second");
        world.api.ensure_pipeline(&second, PIPELINE, "Second").await.unwrap();
        world.api.ensure_pipeline(&world.organization, "other", "Other").await.unwrap();
        let (rpcs, _) = service(&world, ada(), vec![world.organization.clone(), second]);
        let place = |organization: &str, pipeline: &str| CreateBuildRequest {
            organization: organization.into(),
            pipeline: pipeline.into(),
            ..order()
        };
        for (organization, pipeline) in [(SLUG, PIPELINE), (SLUG, "other"), ("second", PIPELINE), (SLUG, PIPELINE)] {
            create(&rpcs, place(organization, pipeline)).await;
        }
        let list = async |organization: Option<&str>, pipeline: Option<&str>, page: u32, per_page: u32| {
            let (organization, pipeline) = (organization.map(Into::into), pipeline.map(Into::into));
            let message = ListBuildsRequest { organization, pipeline, filter: None, page, per_page };
            let reply = rpcs.list_builds(Request::new(message)).await.unwrap().into_inner();
            let place = |uuid: &String| {
                let pipeline = reply.pipelines.iter().find(|pipeline| pipeline.uuid == *uuid).unwrap();
                format!("{}/{}", pipeline.organization, pipeline.slug)
            };
            let builds = reply.builds.iter().map(|build| format!("{}#{}", place(&build.pipeline_uuid), build.number));
            (builds.collect::<Vec<_>>(), reply.pipelines.len(), reply.total)
        };
        let (ours, other, theirs) = ("acme-inc/my-pipeline", "acme-inc/other#1", "second/my-pipeline#1");
        let (one, two) = (format!("{ours}#1"), format!("{ours}#2"));
        let all = vec![two.clone(), theirs.to_owned(), other.to_owned(), one.clone()];
        assert_eq!(list(None, None, 0, 0).await, (all.clone(), 3, 4));
        assert_eq!(list(None, None, 1, 3).await, (all[..3].to_vec(), 3, 4));
        assert_eq!(list(None, None, 2, 3).await, (all[3..].to_vec(), 1, 4));
        assert_eq!(list(None, None, 9, 3).await.0, Vec::<String>::new());
        let acme = vec![two.clone(), other.to_owned(), one.clone()];
        assert_eq!(list(Some(SLUG), None, 1, 30).await, (acme, 2, 3));
        assert_eq!(list(Some(SLUG), Some(PIPELINE), 1, 30).await, (vec![two, one], 1, 2));
    })
    .await;
}

#[tokio::test]
async fn pipelines_are_listed_newest_first_and_searched() {
    everywhere(async |world| {
        let rpcs = rpcs(&world);
        for (slug, name) in [("b", "100% B"), ("c", "See")] {
            world.api.ensure_pipeline(&world.organization, slug, name).await.unwrap();
        }
        create(&rpcs, order()).await;
        let archive = "mutation($id: ID!) { pipelineArchive(input: { id: $id }) { clientMutationId } }";
        world.run(archive, json!({ "id": world.pipeline_id() })).await;
        let list = async |name: Option<&str>, repository: Option<&str>, (page, per_page): (u32, u32)| {
            let (name, repository) = (name.map(Into::into), repository.map(Into::into));
            let message = ListPipelinesRequest { organization: SLUG.into(), name, repository, page, per_page };
            let reply = rpcs.list_pipelines(Request::new(message)).await.unwrap().into_inner();
            let ListPipelinesResponse { pipelines, total } = reply;
            (pipelines.iter().map(|pipeline| pipeline.slug.clone()).collect::<Vec<_>>(), total)
        };
        assert_eq!(list(None, None, (0, 0)).await, (texts(&["c", "b", PIPELINE]), 3));
        assert_eq!(list(None, None, (2, 2)).await, (texts(&[PIPELINE]), 3));
        assert_eq!(list(Some("PIPE"), None, (1, 30)).await, (texts(&[PIPELINE]), 1));
        assert_eq!(list(Some("%"), None, (1, 30)).await, (texts(&["b"]), 1));
        assert_eq!(list(None, Some("INC/c.git"), (1, 30)).await, (texts(&["c"]), 1));
        assert_eq!(list(Some("x"), Some("c"), (1, 30)).await.1, 0);
        let message = ListPipelinesRequest { organization: SLUG.into(), ..ListPipelinesRequest::default() };
        let reply = rpcs.list_pipelines(Request::new(message.clone())).await.unwrap().into_inner();
        let mine = reply.pipelines.last().unwrap();
        assert!(mine.archived_at.is_some() && mine.builds.unwrap().scheduled == 1, "{mine:?}");
        assert_eq!(reply.pipelines[0].builds.unwrap().scheduled, 0);
        for name in ["a\0".to_owned(), "x".repeat(256)] {
            let message = ListPipelinesRequest { name: Some(name), ..message.clone() };
            let outcome = rpcs.list_pipelines(Request::new(message)).await;
            refused(outcome, Code::FailedPrecondition, "validation_failed");
        }
    })
    .await;
}
