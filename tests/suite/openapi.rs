//! The description of the API against the API: schemathesis, and the list of error codes.

use std::{fs, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Caller, Installation, clients, described::routes, full, rules::tree};

/// What would end the test's own credentials: asked with a token of another organization only.
const ENDING: [&str; 4] = ["revoke_access_token", "remove_api_access_token", "update_member", "delete_member"];
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
                      response_headers_conformance,unsupported_method";

/// Lets schemathesis ask as `caller` for what is in the first organization. `own`: the caller is an administrator of it.
fn tried(caller: &Caller, names: &Value, own: bool) {
    let home = tempfile::tempdir().unwrap();
    let text = |name: &str| names[name].as_str().unwrap();
    let on = |name: &str, path: &str, slug: &str| {
        format!("[[operations]]\ninclude-path-regex = {path:?}\nparameters = {{ {name} = {slug:?} }}\n")
    };
    let token = format!("Bearer {}", text("portal_token"));
    let call =
        format!("[[operations]]\ninclude-operation-id = \"call_portal\"\nheaders = {{ Authorization = {token:?} }}\n");
    let (service, delivery) = (text("service"), text("delivery"));
    let delivery = format!(
        "[[operations]]\ninclude-path-regex = \"/deliveries/\"\nparameters = {{ \"path.uuid\" = {service:?}, \
         \"path.delivery\" = {delivery:?} }}\n"
    );
    let config = [
        format!("headers = {{ Authorization = \"Bearer {}\" }}\n", caller.api_token()),
        "[parameters]\n\"path.org\" = \"my-organization\"\n\"path.number\" = \"1\"\n".to_owned(),
        format!("\"path.portal\" = {:?}\n", text("portal")),
        on("\"path.slug\"", "/portals/", text("portal")),
        on("\"path.slug\"", "/upstreams/", text("upstream")),
        on("\"path.slug\"", "/pipelines/", "my-pipeline"),
        on("\"path.uuid\"", "/services/[^/]+(/[a-z]+)?$", service),
        delivery,
        on("\"path.uuid\"", "/audit_events/", text("event")),
        call,
    ];
    let file = home.path().join("schemathesis.toml");
    fs::write(&file, config.concat()).unwrap();
    let excluded: Vec<_> = ENDING.iter().filter(|_| own).flat_map(|id| ["--exclude-operation-id", id]).collect();
    let url = format!("{}/v2/openapi.json", caller.gateway());
    // What is removed is removed last.
    for methods in [["--exclude-method", "DELETE"], ["--include-method", "DELETE"]] {
        let mut command = Command::new(clients::interpreter());
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(&file).args([
            "run",
            &url,
            "--url",
            caller.gateway(),
        ]);
        // Who sees nothing has fewer ways to be answered.
        let phases = if own || full() { "examples,coverage,fuzzing" } else { "examples,fuzzing" };
        command.args(["--phases", phases, "--checks", CHECKS]).args(methods);
        command.args(["--max-examples", if full() { "100" } else { "4" }, "--seed", "1", "--no-color"]);
        command.args(["--generation-database", "none"]).args(&excluded);
        let output = command.current_dir(home.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{wrong}");
        assert!(said.contains("No issues found") || said.contains("passed"), "{said}");
    }
}

#[tokio::test]
async fn what_is_described_is_what_is_answered() {
    let house = Installation::start();
    let body =
        json!({"name": "tried", "query": "query A($n: Int) { viewer { user { name } } }", "user_invokable": true});
    let portal = house.portal(body).await;
    let sdl = json!({"source": "sdl", "sdl": "type Query { a: Int }"});
    let upstream = json!({"slug": "tried", "url": "https://shop.example/graphql", "schema": sdl});
    house.rest(Method::POST, "/v2/organizations/my-organization/upstreams", Some(upstream)).await.expect(201);
    let root = "/v2/organizations/my-organization";
    let service = json!({"settings": {"url": "https://hooks.example.com/"}});
    let service = house.rest(Method::POST, &format!("{root}/services"), Some(service)).await.expect(201);
    let service = service["id"].as_str().unwrap();
    let ping = house.rest(Method::POST, &format!("{root}/services/{service}/test"), None).await.expect(202);
    let build = json!({"commit": "HEAD", "branch": "main"});
    let builds = format!("{root}/pipelines/my-pipeline/builds");
    house.rest(Method::POST, &builds, Some(build)).await.expect(201);
    let events = house.get(&format!("{root}/audit_events")).await.expect(200);
    let names = json!({"portal": portal.slug, "portal_token": portal.token, "upstream": "tried", "service": service,
        "delivery": ping["uuid"], "event": events["items"][0]["uuid"]});
    let admin = house.admin();
    let stranger = admin.user("stranger");
    admin.organization("elsewhere");
    admin.member(&stranger, "elsewhere", "admin");
    tried(&house.with(&admin.api_token(&stranger)), &names, false);
    tried(house.caller(), &names, true);
}

#[tokio::test]
async fn every_code_that_is_described_is_in_the_list_of_errors_with_its_status() {
    let house = Installation::shared();
    let listed = fs::read_to_string(tree::root().join("docs/errors.md")).unwrap();
    let mut seen = 0;
    for route in routes(&house).await {
        for (status, answer) in route.said["responses"].as_object().unwrap() {
            let schema = &answer["content"]["application/json"]["schema"]["allOf"][1];
            for code in schema["properties"]["code"]["enum"].as_array().into_iter().flatten() {
                let code = code.as_str().unwrap();
                assert!(listed.contains(&format!("| `{code}` | {status} |")), "{code} with {status} at {}", route.path);
                seen += 1;
            }
        }
    }
    assert!(seen > 300, "{seen}");
}

#[tokio::test]
async fn the_description_needs_no_credential_and_names_the_public_address() {
    let house = Installation::shared();
    let answer = suite::Answer::of(house.request(Method::GET, "/v2/openapi.json")).await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let document = answer.expect(200);
    assert_eq!((&document["openapi"], &document["servers"][0]["url"]), (&json!("3.1.0"), &json!(house.gateway())));
}
