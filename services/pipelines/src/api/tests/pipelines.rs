use kit::{audit::Origin, grpc::Caller};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::world::{World, everywhere, refusal};
use crate::domain::relay::{Kind, encode};

const CREATE: &str =
    "mutation($i: PipelineCreateInput!) { pipelineCreate(input: $i) { clientMutationId organization { slug }
    pipelineEdge { cursor node { id } } pipeline { id slug url name description defaultBranch visibility allowRebuilds
    nextBuildNumber archived cancelIntermediateBuilds repository { url } steps { yaml } createdBy { email } } } }";
const UPDATE: &str = "mutation($i: PipelineUpdateInput!) { pipelineUpdate(input: $i) { pipeline { name slug description nextBuildNumber } } }";
const ARCHIVE: &str = "mutation($id: ID!) { pipelineArchive(input: { id: $id }) { pipeline { archived archivedAt archivedBy { name } } } }";
const UNARCHIVE: &str = "mutation($id: ID!) { pipelineUnarchive(input: { id: $id }) { pipeline { archived archivedAt archivedBy { name } } } }";
const DELETE: &str =
    "mutation($id: ID!) { pipelineDelete(input: { id: $id }) { deletedPipelineID organization { slug } } }";
const TRIGGER: &str = "mutation($p: ID!) { buildCreate(input: { pipelineID: $p }) { build { id number } } }";

fn input(world: &World, name: &str) -> Value {
    let organization = encode(Kind::Organization, world.organization.uuid);
    json!({ "organizationId": organization, "name": name, "repository": { "url": "git@x:y.git" } })
}

#[tokio::test]
async fn a_pipeline_is_made_with_the_public_defaults() {
    everywhere(async |world| {
        let answer = world.run_as(world.ada(), CREATE, json!({ "i": input(&world, "Web & API") })).await;
        let made = &answer["data"]["pipelineCreate"];
        let mut pipeline = made["pipeline"].clone();
        assert_eq!(made["pipelineEdge"]["node"]["id"], pipeline["id"]);
        pipeline["id"].take();
        let expected = json!({
            "id": null, "slug": "web-api", "url": "https://portals.test/acme-inc/web-api", "name": "Web & API",
            "description": null, "defaultBranch": "main", "visibility": "PRIVATE", "allowRebuilds": true,
            "nextBuildNumber": 1, "archived": false, "cancelIntermediateBuilds": false,
            "repository": { "url": "git@x:y.git" }, "steps": { "yaml": null }, "createdBy": { "email": "ada@acme.test" },
        });
        assert_eq!(pipeline, expected);
        let answer = world.run(CREATE, json!({ "i": input(&world, "web api") })).await;
        assert_eq!(refusal(&answer, &json!(["pipelineCreate"])), "Validation failed: Name has already been taken");
        let answer = world.run(CREATE, json!({ "i": input(&world, "日本") })).await;
        assert!(refusal(&answer, &json!(["pipelineCreate"])).contains("letter from a to z"));
        let mut chosen = input(&world, "Chosen");
        for (key, value) in [("visibility", json!("PUBLIC")), ("nextBuildNumber", json!(7)), ("steps", json!({ "yaml": "a: 1" }))] {
            chosen[key] = value;
        }
        let answer = world.query(CREATE, json!({ "i": chosen })).await;
        let made = &answer["data"]["pipelineCreate"]["pipeline"];
        assert_eq!((&made["visibility"], &made["nextBuildNumber"], &made["steps"]["yaml"]), (&json!("PUBLIC"), &json!(7), &json!("a: 1")));
        let answer = world.run(TRIGGER, json!({ "p": made["id"] })).await;
        assert_eq!(answer["data"]["buildCreate"]["build"]["number"], 7);
    })
    .await;
}

#[tokio::test]
async fn an_update_changes_what_it_names() {
    everywhere(async |world| {
        let change = json!({ "id": world.pipeline_id(), "description": "d", "name": "Renamed" });
        let answer = world.run(UPDATE, json!({ "i": change })).await;
        let expected = json!({ "name": "Renamed", "slug": "my-pipeline", "description": "d", "nextBuildNumber": 1 });
        assert_eq!(answer, json!({ "data": { "pipelineUpdate": { "pipeline": expected } } }));
        world.build(json!({}), "id").await;
        let answer = world.run(UPDATE, json!({ "i": { "id": world.pipeline_id(), "nextBuildNumber": 1 } })).await;
        assert_eq!(
            refusal(&answer, &json!(["pipelineUpdate"])),
            "Validation failed: Next build number must be at least 2"
        );
    })
    .await;
}

#[tokio::test]
async fn an_archived_pipeline_refuses_builds() {
    everywhere(async |world| {
        let id = json!({ "id": world.pipeline_id() });
        let made = world.build(json!({}), "id").await;
        let archived = world.run_as(world.ada(), ARCHIVE, id.clone()).await;
        assert_eq!(archived["data"]["pipelineArchive"]["pipeline"]["archivedBy"]["name"], "Ada");
        assert_eq!(world.run(ARCHIVE, id.clone()).await, archived);
        let named = world
            .run(UPDATE, json!({ "i": { "id": world.pipeline_id(), "name": "Archived", "archived": true } }))
            .await;
        assert_eq!(named["data"]["pipelineUpdate"]["pipeline"]["name"], "Archived");
        assert_eq!(world.run(ARCHIVE, id.clone()).await, archived, "the first time counts");
        let answer = world.run(TRIGGER, json!({ "p": world.pipeline_id() })).await;
        assert_eq!(refusal(&answer, &json!(["buildCreate"])), "Builds can't be created on an archived pipeline");
        let rebuild = "mutation($id: ID!) { buildRebuild(input: { id: $id }) { rebuild { number } } }";
        let answer = world.run(rebuild, made.clone()).await;
        assert_eq!(refusal(&answer, &json!(["buildRebuild"])), "Builds can't be created on an archived pipeline");
        let answer = world.run(UNARCHIVE, id.clone()).await;
        let expected = json!({ "archived": false, "archivedAt": null, "archivedBy": null });
        assert_eq!(answer["data"]["pipelineUnarchive"]["pipeline"], expected);
        assert_eq!(world.build(json!({}), "number").await, json!({ "number": 2 }));

        world.run(UPDATE, json!({ "i": { "id": world.pipeline_id(), "allowRebuilds": false } })).await;
        let answer = world.run(rebuild, made).await;
        assert_eq!(refusal(&answer, &json!(["buildRebuild"])), "Rebuilds are not allowed on this pipeline");
        assert_eq!(world.build(json!({}), "number").await, json!({ "number": 3 }));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_pipeline_takes_its_builds_along() {
    everywhere(async |world| {
        let made = world.build(json!({ "metaData": [{ "key": "k", "value": "v" }] }), "id").await;
        let answer = world.run(DELETE, json!({ "id": world.pipeline_id() })).await;
        let expected = json!({ "deletedPipelineID": world.pipeline_id(), "organization": { "slug": "acme-inc" } });
        assert_eq!(answer, json!({ "data": { "pipelineDelete": expected } }));
        assert_eq!(
            world.run("query($id: ID!) { node(id: $id) { id } }", made).await,
            json!({ "data": { "node": null } })
        );
        let again = world.api.ensure_pipeline(&world.organization, "my-pipeline", "Again").await.unwrap();
        assert_ne!(again, world.pipeline);
        assert_eq!(world.api.ensure_pipeline(&world.organization, "my-pipeline", "Other").await.unwrap(), again);
    })
    .await;
}

#[tokio::test]
async fn the_trail_says_which_request_changed_a_pipeline() {
    everywhere(async |world| {
        let caller = Caller {
            authorization: "Bearer secret".parse().ok(),
            request_id: "r-1".parse().ok(),
            client_ip: "192.0.2.1".parse().ok(),
            client_agent: "curl".parse().ok(),
            ..Caller::default()
        };
        let credential = world.pipeline;
        let origin = Origin::of(&caller, Some(credential)).known_as("GRAPHQL");
        let document = format!("mutation {{ pipelineArchive(input: {{ id: {:?} }}) {{ clientMutationId }} }}", world.pipeline_id());
        let prepared = world.api.prepare(&document).unwrap();
        world.api.execute(&prepared, serde_json::Map::new(), (world.ada(), origin)).await;
        let read = world.database.read();
        let sql = "SELECT type, context FROM audit_events ORDER BY uuid";
        let rows = read.query_all_raw(sea_orm::Statement::from_string(read.get_database_backend(), sql)).await.unwrap();
        let rows: Vec<(String, Value)> =
            rows.iter().map(|row| (row.try_get("", "type").unwrap(), row.try_get("", "context").unwrap())).collect();
        let context = json!({ "type": "GRAPHQL", "request_id": "r-1", "request_ip": "192.0.2.1", "request_user_agent": "curl",
            "credential_uuid": credential });
        // The first one was made at the first start, which no request causes.
        assert_eq!(rows, [("PIPELINE_CREATED".to_owned(), Value::Null), ("PIPELINE_UPDATED".to_owned(), context)]);
    })
    .await;
}
