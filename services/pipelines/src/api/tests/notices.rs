use serde_json::{Value, json};

use super::world::{World, ada, everywhere};

async fn told(world: &World) -> Vec<(String, Value, Value)> {
    let events = world.api.outbox().list(100).await.unwrap();
    events.into_iter().map(|event| (event.event, event.payload, event.facts)).collect()
}

#[tokio::test]
async fn word_is_left_of_each_state_that_a_build_comes_to() {
    everywhere(async |world| {
        let input = json!({ "branch": "main", "commit": "abc", "message": "Hi", "env": ["A=1", "B=x=y"],
            "metaData": [{ "key": "k", "value": "v" }] });
        let id = world.build_as(world.ada(), input, "id").await["id"].clone();
        let cancel = "mutation($id: ID!) { buildCancel(input: { id: $id }) { build { state } } }";
        world.run_as(world.ada(), cancel, json!({ "id": id })).await;
        // What didn't happen isn't told.
        world.run_as(world.ada(), cancel, json!({ "id": id })).await;
        let rebuild = "mutation($id: ID!) { buildRebuild(input: { id: $id }) { rebuild { number } } }";
        world.run(rebuild, json!({ "id": id })).await;
        let told = told(&world).await;
        let events: Vec<_> = told.iter().map(|(event, ..)| event.as_str()).collect();
        assert_eq!(events, ["build.scheduled", "build.finished", "build.scheduled"]);
        let (_, payload, facts) = &told[0];
        let build = &payload["build"];
        assert_eq!(
            (&build["number"], &build["state"], &build["branch"]),
            (&json!(1), &json!("scheduled"), &json!("main"))
        );
        assert_eq!((&build["env"], &build["meta_data"]), (&json!({ "A": "1", "B": "x=y" }), &json!({ "k": "v" })));
        assert_eq!((&build["graphql_id"], &build["creator"]["name"]), (&id, &json!("Ada")));
        assert_eq!(payload["pipeline"]["slug"], "my-pipeline");
        assert_eq!(payload["sender"], json!({ "id": ada().uuid, "name": "Ada" }));
        assert_eq!(facts["pipeline"], json!(world.pipeline));
        assert_eq!((&facts["branch"], &facts["state"]), (&json!("main"), &json!("scheduled")));
        for (place, link) in facts["links"].as_object().unwrap() {
            assert!(payload.pointer(place).is_some_and(Value::is_null), "{place} has nowhere to go");
            assert!(link.as_str().unwrap().contains("/{organization}/"), "{link}");
        }
        assert_eq!(facts["links"]["/build/url"], "/v2/organizations/{organization}/pipelines/my-pipeline/builds/1");
        assert_eq!((&told[1].1["build"]["state"], &told[1].2["state"]), (&json!("canceled"), &json!("canceled")));
        assert_eq!(told[2].1["build"]["rebuilt_from"], json!({ "id": build["id"] }));
        assert_eq!(told[2].1["sender"], Value::Null, "the organization's own authority is nobody");
    })
    .await;
}
