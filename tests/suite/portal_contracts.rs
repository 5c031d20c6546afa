//! Every portal describes its URL: clients that public generators make of it call the portal and read typed data.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::{Value, json};
use suite::{Installation, PORTALS, Portal, clients};

const QUERY: &str = "query GetBuilds($slug: ID!, $first: Int = 5, $states: [BuildStates!]) { \
    pipeline(slug: $slug) { name builds(first: $first, state: $states) { edges { node { number state } } } } }\n\
    mutation Trigger($input: BuildCreateInput!) { buildCreate(input: $input) { build { number state } } }";

async fn portal(house: &Installation) -> Portal {
    house.portal(json!({"name": "typed", "query": QUERY, "strict_variables": true})).await
}

async fn contract(house: &Installation, operation: &str) -> Value {
    house.get(&format!("{PORTALS}/typed/openapi.json?operation_name={operation}")).await.expect(200)
}

/// Runs a program that must end well. Gives what it printed.
fn run(command: &mut Command) -> String {
    let program = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{program}:\n{}\n{}", said[0], said[1]);
    said[0].clone()
}

fn script(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)).unwrap()
}

#[tokio::test]
async fn a_client_generated_for_typescript_calls_the_portal_and_its_types_hold() {
    let house = Installation::start();
    let portal = portal(&house).await;
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    symlink(clients::packages().join("node_modules"), file("node_modules")).unwrap();
    fs::write(file("portal.json"), contract(&house, "GetBuilds").await.to_string()).unwrap();
    fs::write(file("package.json"), json!({"type": "module"}).to_string()).unwrap();
    let options = json!({"strict": true, "module": "nodenext", "target": "es2022", "skipLibCheck": true, "types": []});
    let project = json!({"compilerOptions": options, "files": ["portal_contract.ts"]});
    fs::write(file("tsconfig.json"), project.to_string()).unwrap();
    fs::write(file("portal_contract.ts"), script("portal_contract.ts")).unwrap();
    let generate = ["portal.json", "-o", "portal.d.ts", "--default-non-nullable=false"];
    let bin = clients::packages().join("node_modules/.bin");
    run(Command::new(bin.join("openapi-typescript")).args(generate).current_dir(home.path()));
    run(Command::new(bin.join("tsc")).current_dir(home.path()));
    let trigger = json!({"input": {"pipelineID": house.pipeline_id().await, "branch": "main", "commit": "HEAD"}});
    suite::Answer::of(house.calling_named(&portal, "Trigger").json(&trigger)).await.data();
    let arguments = ["portal_contract.js", house.gateway(), &portal.token];
    let printed = run(Command::new("node").args(arguments).current_dir(home.path()));
    let said: Value = serde_json::from_str(&printed).unwrap();
    assert!(said["name"].is_string(), "{said}");
    assert_eq!(said["numbers"], json!([1]));
    assert_eq!((&said["code"], &said["fields"]), (&json!("validation_failed"), &json!(["slug"])));
}

#[tokio::test]
async fn a_client_generated_for_python_calls_the_portal_and_reads_typed_data() {
    let house = Installation::start();
    let portal = portal(&house).await;
    let home = tempfile::tempdir().unwrap();
    let description = home.path().join("portal.json");
    fs::write(&description, contract(&house, "Trigger").await.to_string()).unwrap();
    let python = clients::interpreter();
    let package = home.path().join("portal_client");
    // It formats what it makes with a tool that stands beside it.
    let mut generator = Command::new(python.with_file_name("openapi-python-client"));
    generator.args(["generate", "--fail-on-warning", "--meta", "none", "--path"]).arg(&description);
    generator.arg("--output-path").arg(&package);
    let own = python.parent().map(Path::to_owned).into_iter();
    let path = std::env::join_paths(own.chain(std::env::split_paths(&std::env::var_os("PATH").unwrap()))).unwrap();
    run(generator.env("PATH", path));
    fs::write(home.path().join("portal_contract.py"), script("portal_contract.py")).unwrap();
    let arguments = [house.gateway().to_owned(), house.pipeline_id().await];
    let said = clients::python_at(&home.path().join("portal_contract.py"), &arguments, &portal.token);
    assert_eq!(said, json!({"number": 1, "state": "SCHEDULED", "refused": 422, "fields": ["input.pipelineID"]}));
}

#[tokio::test]
async fn an_organization_has_one_contract_for_all_its_portals_and_generators_read_it() {
    let house = Installation::start();
    portal(&house).await;
    house.portal(json!({"name": "Who", "query": "{ viewer { user { name } } }"})).await;
    let document = house.get("/v2/organizations/my-organization/openapi.json").await.expect(200);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    let root = "/organizations/my-organization/portals";
    assert_eq!(paths, [&format!("{root}/typed"), &format!("{root}/who")]);
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("all.json"), document.to_string()).unwrap();
    let generator = clients::packages().join("node_modules/.bin/openapi-typescript");
    run(Command::new(generator).args(["all.json", "-o", "all.d.ts"]).current_dir(home.path()));
    let types = fs::read_to_string(home.path().join("all.d.ts")).unwrap();
    for name in ["typed.GetBuildsVariables", "typed.TriggerData", "typed.BuildCreateInput", "who.Data"] {
        assert!(types.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[tokio::test]
async fn the_contract_follows_the_document_and_is_for_those_who_see_the_portal() {
    let house = Installation::start();
    let portal = portal(&house).await;
    let path = format!("{PORTALS}/typed/openapi.json");
    let of = async || house.get(&path).await.expect(200);
    let before = of().await;
    assert_eq!(before["info"], json!({"title": "typed", "version": "1"}));
    let change = json!({"query": "query GetBuilds($n: Int) { viewer { user { name } } }"});
    house.rest(reqwest::Method::PUT, &format!("{PORTALS}/typed"), Some(change)).await.expect(200);
    let after = of().await;
    assert_eq!(after["info"]["version"], "2");
    let names: Vec<_> = after["components"]["schemas"]["Variables"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["n"]);
    let request = house.request(reqwest::Method::GET, &path).bearer_auth(&portal.token);
    suite::Answer::of(request).await.error_code(401, "authentication_required");
    house.get(&format!("{PORTALS}/nobody/openapi.json")).await.error_code(404, "not_found");
}
