//! Documents over REST: checked without saving, kept as versions, restored; and copies of portals.

use std::{fs, os::unix::fs::symlink, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, rules::tree, unique};

const FIRST: &str = "{\r\n  viewer { id }\r\n}\r\n";
const SECOND: &str = "{\r\n  viewer { id user { name } }\r\n}\r\n";

async fn post(house: &Installation, path: &str, body: Option<Value>) -> Answer {
    house.rest(Method::POST, &format!("{PORTALS}/{path}"), body).await
}

async fn edit(house: &Installation, portal: &Portal, query: &str) {
    let body = Some(json!({"query": query}));
    house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), body).await.expect(200);
}

#[tokio::test]
async fn a_document_is_validated_as_saving_would_and_nothing_is_saved() {
    let house = Installation::shared();
    let bad = "query A {\n  nonsense\n  viewer\n}";
    let saved = house.create(json!({"name": unique("bad"), "query": bad})).await.error_code(422, "validation_failed");
    let said = post(&house, "validate", Some(json!({"query": bad}))).await.expect(200);
    let found = |body: &Value| -> Vec<Value> {
        let place = |error: &Value| json!([error["message"], error["line"], error["column"]]);
        body["errors"].as_array().unwrap().iter().map(place).collect()
    };
    assert_eq!((found(&said), said["valid"].as_bool(), found(&said).len()), (found(&saved), Some(false), 2));
    let good = "query A($n: Int) { viewer { id } }";
    let said = post(&house, "validate", Some(json!({"query": good}))).await.expect(200);
    let portal = house.portal_of(good).await.body;
    assert_eq!(
        (&said["valid"], &said["errors"], &said["warnings"], &said["operations"]),
        (&json!(true), &json!([]), &portal["warnings"], &portal["operations"])
    );
    assert_eq!(portal["operations"][0]["result"]["properties"]["viewer"]["required"], json!(["id"]));
    assert!(house.get(&format!("{PORTALS}/validate")).await.error(404)["message"] == "No portal found");
    post(&house, "validate", Some(json!({"query": good, "upstream": "nowhere"})))
        .await
        .error_code(422, "validation_failed");
    post(&house, "validate", Some(json!({}))).await.error_code(422, "validation_failed");
}

#[tokio::test]
async fn a_portal_may_be_called_validate() {
    let house = Installation::start();
    let portal = house.portal(json!({"name": "Validate", "query": FIRST})).await;
    let path = format!("{PORTALS}/validate");
    assert_eq!(house.get(&path).await.expect(200)["uuid"], portal.uuid());
    edit(&house, &portal, SECOND).await;
    assert_eq!(house.get(&format!("{path}/versions")).await.expect(200).as_array().map(Vec::len), Some(2));
    house.call(&portal, json!({})).await.data();
    house.rest(Method::DELETE, &path, None).await.expect(204);
    house.get(&path).await.error(404);
}

#[tokio::test]
async fn versions_are_listed_compared_and_restored() {
    let house = Installation::shared();
    let portal = house.portal_of(FIRST).await;
    edit(&house, &portal, SECOND).await;
    let versions = format!("{PORTALS}/{}/versions", portal.slug);
    let list = house.get(&versions).await.expect(200);
    let seen = |list: &Value| -> Vec<Value> {
        let row = |version: &Value| json!([version["number"], version["query"], version["current"]]);
        list.as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(seen(&list), [json!([2, SECOND, true]), json!([1, FIRST, false])]);
    assert_eq!(list[0]["created_by"], portal.body["created_by"]);
    assert_eq!(house.get(&format!("{versions}/1")).await.expect(200), list[1]);
    let compared = house.get(&format!("{versions}/2?diff=1")).await.expect(200);
    assert_eq!(
        compared["diff"],
        "--- version 1\n+++ version 2\n@@ -1,3 +1,3 @@\n {\r\n-  viewer { id }\r\n+  viewer { id user { name } }\r\n }\r\n"
    );
    for missing in ["3", "0", "x"] {
        let answer = house.get(&format!("{versions}/{missing}")).await;
        assert_eq!(answer.error_code(404, "not_found")["message"], "No version found");
    }
    house.get(&format!("{versions}/1?diff=x")).await.error_code(400, "invalid_parameter");
    let restored = post(&house, &format!("{}/versions/1/restore", portal.slug), None).await.expect(200);
    assert_eq!((&restored["version"], &restored["query"]), (&json!(3), &json!(FIRST)));
    assert!(house.call(&portal, json!({})).await.data()["viewer"].get("user").is_none());
    post(&house, &format!("{}/versions/3/restore", portal.slug), None).await.expect(200);
    let after = house.get(&versions).await.expect(200);
    assert_eq!(seen(&after), [json!([3, FIRST, true]), json!([2, SECOND, false]), json!([1, FIRST, false])]);
    assert_eq!(after[2], list[1]);
}

#[tokio::test]
async fn a_copy_has_its_own_url_and_token() {
    let house = Installation::shared();
    let name = unique("Original");
    let portal = house.portal(json!({"name": name, "query": FIRST, "description": "kept"})).await;
    let answer = post(&house, &format!("{}/duplicate", portal.slug), None).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let copy = Portal::of(answer.expect(201));
    assert_eq!((&copy.body["name"], &copy.body["description"]), (&json!(format!("Copy of {name}")), &json!("kept")));
    house.call(&copy, json!({})).await.data();
    house.call(&portal, json!({})).await.data();
    house.call_with(&copy, &portal.token).await.error(401);
    let again = Portal::of(post(&house, &format!("{}/duplicate", portal.slug), Some(json!({}))).await.expect(201));
    assert_eq!(again.slug, format!("{}-2", copy.slug));
    let taken = post(&house, &format!("{}/duplicate", portal.slug), Some(json!({"slug": portal.slug}))).await;
    taken.error_code(422, "validation_failed");
    post(&house, "no-such-portal/duplicate", None).await.error_code(404, "not_found");
}

#[tokio::test]
async fn the_examples_of_the_management_api_work_as_they_stand() {
    let house = Installation::start();
    house.portal(json!({"name": "Main builds", "query": "{ viewer { id } }"})).await;
    let text = fs::read_to_string(tree::root().join("docs/api.md")).unwrap();
    let parts = text.split("\n```sh\n").skip(1).map(|part| part.split("\n```").next().unwrap());
    let script = format!("set -e\n{}\n", parts.collect::<Vec<_>>().join("\necho\n"));
    let directory = tempfile::tempdir().unwrap();
    symlink(house.file(""), directory.path().join("portals-data")).unwrap();
    let script = script.replace("http://127.0.0.1:8080", house.gateway());
    let output = Command::new("bash").args(["-c", &script]).current_dir(directory.path()).output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{said}\n{wrong}", output.status);
    assert!(!said.contains("\"code\":") && !wrong.contains("curl: ("), "{said}\n{wrong}");
    for part in [
        "\"valid\":true",
        "+++ version 2",
        "\"version\":3",
        "\"slug\":\"copy-of-main-builds\"",
        "\"secret\":",
        "\"state\":\"passed\"",
        "\"rebuilt_from\":{",
    ] {
        assert!(said.contains(part), "nothing of {part}: {said}");
    }
}
