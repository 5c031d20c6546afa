//! Portals in front of GraphQL servers that nobody here wrote: made by introspection, called, and reported when they change.

use std::{process::Command, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Installation, PORTALS, Portal, Process, clients, wait};

const UPSTREAMS: &str = "/v2/organizations/my-organization/upstreams";
const DOCUMENT: &str = "
    query Books($filter: Filter, $unused: Int) { books(filter: $filter) { ...Named price } }
    query Who { whoami }
    mutation Add($input: NewBook!) { addBook(input: $input) { ...Named } }
    query Fails { fails }
    fragment Named on Book { id title tags }
";

/// A server in another language, and where it is.
struct Api {
    _process: Process,
    url: String,
}

impl Api {
    fn start(mut command: Command) -> Self {
        let process = Process::start(&mut command);
        let port = wait::need("its port", Duration::from_secs(30), || process.stdout().trim().parse::<u16>().ok());
        Self { _process: process, url: format!("http://127.0.0.1:{port}") }
    }

    fn yoga() -> Self {
        let mut command = Command::new("node");
        command.arg(clients::file("yoga_api.mjs")).arg(clients::packages());
        Self::start(command)
    }

    fn strawberry() -> Self {
        let mut command = Command::new(clients::interpreter());
        command.arg(clients::file("strawberry_api.py"));
        Self::start(command)
    }

    /// Takes `whoami` out of its schema.
    async fn evolve(&self) {
        let evolved = reqwest::Client::new().post(format!("{}/evolve", self.url)).send().await.unwrap();
        assert!(evolved.status().is_success());
    }
}

async fn call(house: &Installation, portal: &Portal, operation: &str, variables: Value) -> (u16, Value) {
    let answer = house.calling_named(portal, operation).json(&variables).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Everything that a portal in front of another API is for.
async fn runs_and_is_reported(api: Api) {
    let house = Installation::start_with(&[("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8")]);
    let body = json!({"slug": "books", "url": format!("{}/graphql", api.url), "headers": {"x-key": "of the portal"}});
    let made = house.rest(Method::POST, UPSTREAMS, Some(body)).await;
    assert_eq!((made.status, &made.json()["schema"]["fault"]), (201, &Value::Null), "{}", made.text);
    let refused = house.create(json!({"name": "Wrong", "query": "{ nope }", "upstream": "books"})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let portal = house.portal(json!({"name": "Books", "query": DOCUMENT, "upstream": "books"})).await;
    let operations: Vec<_> = portal.body["operations"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(operations, ["Books", "Who", "Add", "Fails"]);

    let (status, books) = call(&house, &portal, "Books", json!({"filter": {"titles": ["A"]}})).await;
    assert_eq!((status, &books["data"]["books"][0]["tags"]), (200, &json!(["x", "y"])), "{books}");
    assert_eq!(call(&house, &portal, "Who", json!({})).await.1, json!({"data": {"whoami": "of the portal"}}));
    let (status, added) = call(&house, &portal, "Add", json!({"input": {"title": "C"}})).await;
    assert_eq!((status, &added["data"]["addBook"]["title"]), (200, &json!("C")), "{added}");
    let (status, failed) = call(&house, &portal, "Fails", json!({})).await;
    assert_eq!((status, &failed["data"]), (200, &json!({"fails": null})), "{failed}");
    assert!(failed["errors"][0]["message"].as_str().unwrap().contains("no such luck"), "{failed}");
    let (status, wrong) = call(&house, &portal, "Books", json!({"filter": {"titles": [1]}})).await;
    assert_eq!((status, &wrong["errors"][0]["field"]), (422, &json!("filter.titles[0]")), "{wrong}");

    api.evolve().await;
    let refreshed = house.rest(Method::POST, &format!("{UPSTREAMS}/books/refresh"), None).await.json();
    assert_eq!(refreshed["broken_portal_slugs"], json!([portal.slug]), "{refreshed}");
    wait::need_async("the broken operation", Duration::from_secs(2), async || {
        let (status, broken) = call(&house, &portal, "Who", json!({})).await;
        (status == 422 && broken["code"] == "operation_broken").then_some(())
    })
    .await;
    assert_eq!(call(&house, &portal, "Books", json!({})).await.0, 200, "the others go on");
    let shown = house.get(&format!("{PORTALS}/{}", portal.slug)).await.json();
    assert!(shown["broken_since"].is_string(), "{shown:#}");
    assert!(shown["operations"][1]["errors"][0]["message"].as_str().unwrap().contains("whoami"), "{shown:#}");
    assert!(shown["operations"][0].get("errors").is_none(), "{shown:#}");
}

#[tokio::test]
async fn graphql_yoga_is_run_and_its_change_reported() {
    runs_and_is_reported(Api::yoga()).await;
}

#[tokio::test]
async fn strawberry_is_run_and_its_change_reported() {
    runs_and_is_reported(Api::strawberry()).await;
}
