use serde_json::{Value, json};

use super::world::{ada, everywhere, organization, refusal};
use crate::{
    Viewer,
    domain::relay::{Kind, encode},
};

/// What is outside the viewer's organizations looks the same as what doesn't exist.
#[tokio::test]
async fn other_organizations_are_invisible() {
    everywhere(async |world| {
        let build = world.build_as(world.ada(), json!({ "branch": "secret" }), "id uuid").await;
        let organization_id = encode(Kind::Organization, world.organization.uuid);
        let stranger = Viewer { user: Some(ada()), organizations: vec![organization("other")] };
        let nobody = Viewer { user: None, organizations: Vec::new() };
        for viewer in [&stranger, &nobody] {
            for field in [
                format!("node(id: {})", build["id"]),
                format!("node(id: \"{}\")", world.pipeline_id()),
                format!("node(id: \"{organization_id}\")"),
                format!("build(uuid: {})", build["uuid"]),
                "build(slug: \"acme-inc/my-pipeline/1\")".to_owned(),
                "build(slug: \"other/my-pipeline/1\")".to_owned(),
                format!("pipeline(uuid: \"{}\")", world.pipeline),
                "pipeline(slug: \"acme-inc/my-pipeline\")".to_owned(),
                "pipeline(slug: \"other/my-pipeline\")".to_owned(),
                "organization(slug: \"acme-inc\")".to_owned(),
                format!("organization(uuid: \"{}\")", world.organization.uuid),
            ] {
                let answer = world.run_as(viewer.clone(), &format!("{{ found: {field} {{ id }} }}"), json!({})).await;
                assert_eq!(answer, json!({ "data": { "found": null } }), "{field}");
            }
        }
        let mine = "{ viewer { builds { count edges { node { id } } } } }";
        let answer = world.run_as(stranger.clone(), mine, json!({})).await;
        assert_eq!(answer["data"]["viewer"]["builds"], json!({ "count": 0, "edges": [] }));

        let pipeline = world.pipeline_id();
        let create = json!({ "organizationId": organization_id, "name": "x", "repository": { "url": "x" } });
        for (field, input, message) in [
            ("buildCreate", json!({ "pipelineID": pipeline }), "No pipeline found"),
            ("buildCancel", json!({ "id": build["id"] }), "No build found"),
            ("buildRebuild", json!({ "id": build["id"] }), "No build found"),
            ("pipelineCreate", create, "No organization found"),
            ("pipelineUpdate", json!({ "id": pipeline, "name": "x" }), "No pipeline found"),
            ("pipelineArchive", json!({ "id": pipeline }), "No pipeline found"),
            ("pipelineUnarchive", json!({ "id": pipeline }), "No pipeline found"),
            ("pipelineDelete", json!({ "id": pipeline }), "No pipeline found"),
        ] {
            let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
            let document = format!("mutation($i: {input_type}!) {{ {field}(input: $i) {{ clientMutationId }} }}");
            let answer = world.run_as(stranger.clone(), &document, json!({ "i": input })).await;
            assert_eq!(refusal(&answer, &json!([field])), message);
        }
        // Nothing has changed.
        let document = "{ pipeline(slug: \"acme-inc/my-pipeline\") { name archived nextBuildNumber builds { edges { node { state } } } } }";
        let expected = json!({ "name": "My Pipeline", "archived": false, "nextBuildNumber": 2,
            "builds": { "edges": [{ "node": { "state": "SCHEDULED" } }] } });
        assert_eq!(world.run(document, json!({})).await["data"]["pipeline"], expected);
    })
    .await;
}

#[tokio::test]
async fn what_is_within_reach_is_found_by_every_name() {
    everywhere(async |world| {
        let build = world.build(json!({}), "id uuid").await;
        let (uuid, id) = (world.pipeline.to_string(), world.pipeline_id());
        let organization = encode(Kind::Organization, world.organization.uuid);
        let user = encode(Kind::User, ada().uuid);
        let viewer = encode(Kind::Viewer, ada().uuid);
        for (field, expected) in [
            (format!("node(id: {})", build["id"]), build["id"].clone()),
            (format!("build(uuid: {})", build["uuid"]), build["id"].clone()),
            ("build(slug: \"acme-inc/my-pipeline/1\")".to_owned(), build["id"].clone()),
            (format!("pipeline(uuid: \"{uuid}\")"), json!(id)),
            ("pipeline(slug: \"acme-inc/my-pipeline\")".to_owned(), json!(id)),
            (format!("node(id: \"{id}\")"), json!(id)),
            ("organization(slug: \"acme-inc\")".to_owned(), json!(organization)),
            (format!("organization(uuid: \"{}\")", world.organization.uuid), json!(organization)),
            (format!("node(id: \"{organization}\")"), json!(organization)),
            (format!("node(id: \"{user}\")"), json!(user)),
            (format!("node(id: \"{viewer}\")"), json!(viewer)),
            ("viewer".to_owned(), json!(viewer)),
        ] {
            let answer = world.run_as(world.ada(), &format!("{{ found: {field} {{ id }} }}"), json!({})).await;
            assert_eq!(answer, json!({ "data": { "found": { "id": expected } } }), "{field}");
        }
        for field in [
            "pipeline",
            "build",
            "pipeline(uuid: \"x\")",
            "build(slug: \"acme-inc/my-pipeline/99999999999\")",
            "node(id: \"\")",
        ] {
            let answer = world.run(&format!("{{ found: {field} {{ id }} }}"), Value::Null).await;
            assert_eq!(answer, json!({ "data": { "found": null } }), "{field}");
        }
    })
    .await;
}
