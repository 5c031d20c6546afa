use serde_json::json;

use kit::audit::Origin;

use super::world::{ada, everywhere, refusal};

const CANCEL: &str = "mutation($id: ID!) { buildCancel(input: { id: $id, clientMutationId: \"c\" }) {
    clientMutationId build { state canceledAt finishedAt canceledBy { name uuid } } } }";
const REBUILD: &str = "mutation($id: ID!) { buildRebuild(input: { id: $id }) {
    build { number } rebuild { number state branch commit message env rebuiltFrom { number } createdBy { ... on User { name } }
    metaData { count edges { node { key value } } } } } }";

/// The documents of the public documentation, word for word but for their placeholders.
#[tokio::test]
async fn documented_documents_run() {
    everywhere(async |world| {
        let document = r#"mutation triggerBuild { buildCreate(input:{ branch: "main", commit:"HEAD," pipelineID:"UGlwZWxpbmUtLS0w..." }) { build { url } } }"#;
        let answer = world.run(&document.replace("UGlwZWxpbmUtLS0w...", &world.pipeline_id()), json!({})).await;
        let url = "https://portals.test/acme-inc/my-pipeline/builds/1";
        assert_eq!(answer, json!({ "data": { "buildCreate": { "build": { "url": url } } } }));
        let answer = world.run(document, json!({})).await;
        assert_eq!(refusal(&answer, &json!(["buildCreate"])), "No pipeline found");

        let document = r#"query GetTotalBuildRunTime { build(slug: "organization-slug/pipeline-slug/build-number") { pipeline { name } url startedAt finishedAt } }"#;
        let slug = "acme-inc/my-pipeline/1";
        let answer = world.run(&document.replace("organization-slug/pipeline-slug/build-number", slug), json!({})).await;
        let build = json!({ "pipeline": { "name": "My Pipeline" }, "url": url, "startedAt": null, "finishedAt": null });
        assert_eq!(answer, json!({ "data": { "build": build } }));
        assert_eq!(world.run(document, json!({})).await, json!({ "data": { "build": null } }));

        let document = r#"query GetBuilds($pipelineSlug: ID!) { pipeline(slug: $pipelineSlug) { builds(last: 10, branch: "main") { edges { node { url } } } } }"#;
        let answer = world.run(document, json!({ "pipelineSlug": "acme-inc/my-pipeline" })).await;
        let builds = json!({ "edges": [{ "node": { "url": url } }] });
        assert_eq!(answer, json!({ "data": { "pipeline": { "builds": builds } } }));

        let document = r#"mutation triggerBuild($pipelineID: ID!) { buildCreate(input:{ branch: "main", commit: "HEAD", pipelineID: $pipelineID }) { build { url } } }"#;
        let answer = world.run(document, json!({ "pipelineID": world.pipeline_id() })).await;
        let url = "https://portals.test/acme-inc/my-pipeline/builds/2";
        assert_eq!(answer, json!({ "data": { "buildCreate": { "build": { "url": url } } } }));
    })
    .await;
}

#[tokio::test]
async fn a_new_build_is_scheduled_and_keeps_what_it_was_given() {
    everywhere(async |world| {
        let input = json!({
            "branch": "feature/x", "commit": "abc", "message": "Häuser 🏠", "env": ["A=1", "B==2"],
            "metaData": [{ "key": "z", "value": "1" }, { "key": "a", "value": "" }],
        });
        let fields = "number state branch commit message env source { __typename name } createdAt scheduledAt startedAt
            canceledAt canceledBy { name } cancelReason rebuiltFrom { id } organization { slug } pipeline { nextBuildNumber }
            metaData(first: 1) { count pageInfo { hasNextPage } edges { node { key value } } }
            createdBy { __typename ... on User { uuid name email } }";
        let made = world.build_as(world.ada(), input, &format!("id {fields}")).await;
        assert_eq!(made["createdAt"], made["scheduledAt"]);
        assert_eq!(made["createdAt"].as_str().unwrap().len(), "2026-01-01T12:00:00.000Z".len());
        for (field, value) in [
            ("number", json!(1)),
            ("state", json!("SCHEDULED")),
            ("branch", json!("feature/x")),
            ("commit", json!("abc")),
            ("message", json!("Häuser 🏠")),
            ("env", json!(["A=1", "B==2"])),
            ("source", json!({ "__typename": "BuildSourceAPI", "name": "API" })),
            ("startedAt", json!(null)),
            ("canceledBy", json!(null)),
            ("rebuiltFrom", json!(null)),
            ("organization", json!({ "slug": "acme-inc" })),
            ("pipeline", json!({ "nextBuildNumber": 2 })),
            ("createdBy", json!({ "__typename": "User", "uuid": ada().uuid, "name": "Ada", "email": "ada@acme.test" })),
        ] {
            assert_eq!(made[field], value, "{field}");
        }
        let edges = json!([{ "node": { "key": "z", "value": "1" } }]);
        let meta_data = json!({ "count": 2, "pageInfo": { "hasNextPage": true }, "edges": edges });
        assert_eq!(made["metaData"], meta_data);
        // What was written is what is read.
        let document = format!("query($id: ID!) {{ node(id: $id) {{ ... on Build {{ id {fields} }} }} }}");
        assert_eq!(world.run(&document, json!({ "id": made["id"] })).await, json!({ "data": { "node": made } }));
    })
    .await;
}

#[tokio::test]
async fn an_author_stands_for_the_creator() {
    everywhere(async |world| {
        let fields = "createdBy { __typename ... on User { uuid } ... on UnregisteredUser { name email } }";
        let author = json!({ "name": "Bob", "email": "bob@else.test" });
        let made = world.build_as(world.ada(), json!({ "branch": "main", "author": author }), fields).await;
        let bob = json!({ "__typename": "UnregisteredUser", "name": "Bob", "email": "bob@else.test" });
        assert_eq!(made, json!({ "createdBy": bob }));
        let made =
            world.build_as(world.ada(), json!({ "author": { "name": "A", "email": "ADA@acme.test" } }), fields).await;
        assert_eq!(made["createdBy"]["uuid"], json!(ada().uuid));
        assert_eq!(world.build(json!({}), fields).await, json!({ "createdBy": null }));
    })
    .await;
}

#[tokio::test]
async fn branch_and_commit_have_defaults_but_are_never_blank() {
    everywhere(async |world| {
        assert_eq!(world.build(json!({}), "branch commit").await, json!({ "branch": "main", "commit": "HEAD" }));
        let document = "mutation($i: BuildCreateInput!) { buildCreate(input: $i) { build { id } } }";
        for field in ["branch", "commit"] {
            let answer = world.run(document, json!({ "i": { "pipelineID": world.pipeline_id(), field: "" } })).await;
            let message = refusal(&answer, &json!(["buildCreate"])).to_lowercase();
            assert_eq!(message, format!("validation failed: {field} can't be blank"));
        }
        // A refused build takes no number.
        assert_eq!(world.build(json!({}), "number").await, json!({ "number": 2 }));
    })
    .await;
}

#[tokio::test]
async fn a_build_is_canceled_once() {
    everywhere(async |world| {
        let made = world.build(json!({}), "id").await;
        let answer = world.run_as(world.ada(), CANCEL, made.clone()).await;
        let canceled = &answer["data"]["buildCancel"]["build"];
        assert_eq!(
            (&canceled["state"], &answer["data"]["buildCancel"]["clientMutationId"]),
            (&json!("CANCELED"), &json!("c"))
        );
        assert!(canceled["canceledAt"].is_string() && canceled["canceledAt"] == canceled["finishedAt"], "{answer}");
        assert_eq!(canceled["canceledBy"], json!({ "name": "Ada", "uuid": ada().uuid }));
        let answer = world.run(CANCEL, made).await;
        assert_eq!(refusal(&answer, &json!(["buildCancel"])), "Build can't be canceled because it's already finished");
        for id in ["", "QnVpbGQtLS0=", &world.pipeline_id()] {
            let answer = world.run(CANCEL, json!({ "id": id })).await;
            assert_eq!(refusal(&answer, &json!(["buildCancel"])), "No build found");
        }
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_copies_its_origin() {
    everywhere(async |world| {
        let input = json!({ "branch": "b", "commit": "c", "message": "m", "env": ["A=1"], "metaData": [{ "key": "k", "value": "v" }] });
        let made = world.build(input, "id").await;
        world.run(CANCEL, made.clone()).await;
        let answer = world.run_as(world.ada(), REBUILD, made).await;
        let expected = json!({
            "build": { "number": 1 },
            "rebuild": {
                "number": 2, "state": "SCHEDULED", "branch": "b", "commit": "c", "message": "m", "env": ["A=1"],
                "rebuiltFrom": { "number": 1 }, "createdBy": { "name": "Ada" },
                "metaData": { "count": 1, "edges": [{ "node": { "key": "k", "value": "v" } }] },
            },
        });
        assert_eq!(answer, json!({ "data": { "buildRebuild": expected } }));
        // In a list, origins are looked up together.
        let document = "{ pipeline(slug: \"acme-inc/my-pipeline\") { builds { edges { node { number rebuiltFrom { number rebuiltFrom { id } } } } } } }";
        let answer = world.run(document, json!({})).await;
        let edges = &answer["data"]["pipeline"]["builds"]["edges"];
        assert_eq!(edges[0]["node"], json!({ "number": 2, "rebuiltFrom": { "number": 1, "rebuiltFrom": null } }));
        assert_eq!(edges[1]["node"], json!({ "number": 1, "rebuiltFrom": null }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_builds_are_numbered_without_gaps() {
    everywhere(async |world| {
        let mut tasks = tokio::task::JoinSet::new();
        let prepared = world.api.prepare("mutation($p: ID!, $b: String) { buildCreate(input: { pipelineID: $p, branch: $b }) { build { number } } }").unwrap();
        for n in 0..60 {
            let (api, prepared, viewer, id) = (world.api.clone(), prepared.clone(), world.authority(), world.pipeline_id());
            tasks.spawn(async move {
                // Every tenth is refused after the number was taken, or before.
                let branch = if n % 10 == 9 { json!(" ") } else { json!("main") };
                let variables = json!({ "p": id, "b": branch }).as_object().cloned().unwrap();
                let answer = super::world::parse(&api.execute(&prepared, variables, (viewer, Origin::default())).await);
                answer["data"]["buildCreate"]["build"]["number"].as_u64()
            });
        }
        let mut numbers: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=54).collect::<Vec<u64>>());
    })
    .await;
}
