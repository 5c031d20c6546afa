//! The examples of the public documentation, as they stand there (ids and slugs apart), called by hand with curl.

use std::process::Command;

use serde_json::{Value, json};
use suite::{Installation, Portal};

const TRIGGER: &str = r#"mutation triggerBuild {
  buildCreate(input:{
    branch: "main",
    commit:"HEAD,"
    pipelineID:"PIPELINE-ID",
  }) { build { url } }
}
"#;

const RUN_TIME: &str = r#"query GetTotalBuildRunTime($build_slug: ID) {
  build(slug: "my-organization/my-pipeline/1") { pipeline { name } url startedAt finishedAt }
}
"#;

const SEVERAL: &str = r#"query GetBuilds($pipelineSlug: ID!) { pipeline(slug: $pipelineSlug) { builds(last: 10, branch: "main") { edges { node { url } } } } }
mutation triggerBuild($pipelineID: ID!) { buildCreate(input:{ branch: "main", commit: "HEAD", pipelineID: $pipelineID }) { build { url } } }
"#;

/// Runs a documented command line, with `$URL` and `$TOKEN` set as the documentation tells the reader to.
fn typed(house: &Installation, portal: &Portal, command: &str) -> Value {
    let output = Command::new("sh")
        .args(["-c", command])
        .env("URL", house.gateway())
        .env("TOKEN", &portal.token)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn curl(url_end: &str, body: &str) -> String {
    format!(
        "curl -sS -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" -d '{body}' -X POST \
         \"$URL/organizations/my-organization/portals/{url_end}\""
    )
}

#[tokio::test]
async fn the_first_example_makes_a_build_that_is_still_there_after_a_restart() {
    let mut house = Installation::start();
    let query = TRIGGER.replace("PIPELINE-ID", &house.pipeline_id().await);
    let portal = house.portal(json!({"name": "Trigger main build", "query": query})).await;
    assert_eq!((portal.slug.as_str(), &portal.body["query"]), ("trigger-main-build", &json!(query)));
    let command = "curl -sS -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" -d \"{}\" -X POST \
                   \"$URL/organizations/my-organization/portals/trigger-main-build\"";
    let made = typed(&house, &portal, command);
    let url = made["data"]["buildCreate"]["build"]["url"].as_str().unwrap_or_else(|| panic!("{made:#}")).to_owned();
    assert!(url.ends_with("/my-organization/my-pipeline/builds/1"), "{url}");
    let read =
        house.portal_of("{ build(slug: \"my-organization/my-pipeline/1\") { number url commit branch state } }").await;
    let build = house.call(&read, json!({})).await.data()["build"].clone();
    assert_eq!(build["url"], url);
    assert_eq!((&build["commit"], &build["branch"]), (&json!("HEAD,"), &json!("main")));
    house.restart();
    let again = house.call(&read, json!({})).await.data()["build"].clone();
    assert_eq!((&again["number"], &again["state"]), (&json!(1), &build["state"]));
    let next = typed(&house, &portal, command);
    let next = next["data"]["buildCreate"]["build"]["url"].as_str().unwrap().to_owned();
    assert!(next.ends_with("/my-organization/my-pipeline/builds/2"), "{next}");
}

#[tokio::test]
async fn the_second_example_saves_with_a_warning_about_its_unused_variable_and_runs() {
    let house = Installation::start();
    let id = house.pipeline_id().await;
    let trigger = house.portal_of(&TRIGGER.replace("PIPELINE-ID", &id)).await;
    house.call(&trigger, json!({})).await.data();
    let portal = house.portal(json!({"name": "Get total build run time", "query": RUN_TIME})).await;
    assert_eq!(portal.body["query"], RUN_TIME);
    let warnings = portal.body["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0]["message"].as_str().unwrap().contains("build_slug"), "{warnings:#?}");
    assert_eq!((&warnings[0]["line"], &warnings[0]["column"]), (&json!(1), &json!(28)));
    let body = "{ \"build_slug\": \"my-organization/my-pipeline/1\" }";
    let answer = typed(&house, &portal, &curl("get-total-build-run-time", body));
    let build = &answer["data"]["build"];
    assert!(build["pipeline"]["name"].is_string(), "{answer:#}");
    assert!(build["url"].as_str().unwrap().ends_with("/builds/1"), "{answer:#}");
    assert_eq!(build.as_object().unwrap().keys().collect::<Vec<_>>(), ["finishedAt", "pipeline", "startedAt", "url"]);
}

#[tokio::test]
async fn the_third_example_runs_the_operation_that_the_url_names() {
    let house = Installation::start();
    let portal = house.portal(json!({"name": "Builds", "query": SEVERAL})).await;
    let list = || {
        let body = "{ \"pipelineSlug\": \"my-organization/my-pipeline\" }";
        let answer = typed(&house, &portal, &curl("builds?operation_name=GetBuilds", body));
        answer["data"]["pipeline"]["builds"]["edges"].as_array().unwrap_or_else(|| panic!("{answer:#}")).clone()
    };
    assert_eq!(list(), Vec::<Value>::new());
    let id = house.pipeline_id().await;
    let made =
        typed(&house, &portal, &curl("builds?operation_name=triggerBuild", &json!({"pipelineID": id}).to_string()));
    assert_eq!(list(), [json!({"node": made["data"]["buildCreate"]["build"]})]);
}
