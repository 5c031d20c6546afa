//! Webhooks, as receivers and administrators see them: events of all owners, verified by the documented receivers.

use std::{net::TcpListener, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Process, clients, unique, wait};

const SERVICES: &str = "/v2/organizations/my-organization/services";
const TOKEN: &str = "a-token-of-the-test-0123456789";

fn house() -> Installation {
    Installation::start_with(&[("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8")])
}

/// A receiver of the documentation, running.
struct Sample {
    process: Process,
    url: String,
    _home: tempfile::TempDir,
}

impl Sample {
    fn start(language: &str, token: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut command = clients::sample("webhooks.md", language, home.path());
        command.env("WEBHOOK_TOKEN", token).env("PORT", free.port().to_string());
        let process = Process::start(&mut command);
        let is_there = || std::net::TcpStream::connect(free).is_ok().then_some(());
        wait::need("the receiver", Duration::from_secs(30), is_there);
        Self { process, url: format!("http://{free}/"), _home: home }
    }

    /// The events that it took, each once.
    fn events(&self) -> Vec<String> {
        let printed = self.process.stdout();
        let mut events: Vec<_> = printed.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
        events.sort();
        events
    }
}

async fn hook(house: &Installation, settings: Value) -> Value {
    let body = json!({"description": "Test", "settings": settings});
    house.rest(Method::POST, SERVICES, Some(body)).await.expect(201)
}

fn path(service: &Value) -> String {
    format!("{SERVICES}/{}", service["id"].as_str().unwrap())
}

/// Waits until the log has that many deliveries in that state.
async fn log(house: &Installation, service: &Value, state: &str, many: usize) -> Vec<Value> {
    let url = format!("{}/deliveries?state={state}&per_page=100", path(service));
    wait::need_async("deliveries", Duration::from_secs(30), async || {
        let items = house.get(&url).await.expect(200)["items"].as_array().unwrap().clone();
        (items.len() >= many).then_some(items)
    })
    .await
}

#[tokio::test]
async fn the_documented_receivers_take_every_event_of_every_owner_and_no_forged_one() {
    let house = house();
    let receivers = ["python", "javascript"].map(|language| Sample::start(language, TOKEN));
    let mut hooks = Vec::new();
    for receiver in &receivers {
        hooks.push(hook(&house, json!({"url": receiver.url, "token": TOKEN, "token_mode": "signature"})).await);
    }
    let query = format!(
        "mutation B {{ buildCreate(input: {{pipelineID: {:?}, commit: \"HEAD\", branch: \"main\"}}) {{ build {{ id }} }} }}",
        house.pipeline_id().await
    );
    let portal = house.portal(json!({"name": unique("told"), "query": query})).await;
    house.call(&portal, json!({})).await.data();
    let secret = house.secret(&portal).await;
    // Of what comes of it nobody is told.
    house.ephemeral(&portal, &secret).await;
    let own = format!("/v2/organizations/my-organization/portals/{}", portal.slug);
    house.rest(Method::PUT, &own, Some(json!({"description": "Told"}))).await.expect(200);
    house.rest(Method::DELETE, &own, None).await.expect(204);
    let expected = [
        "build.scheduled",
        "portal.created",
        "portal.deleted",
        "portal.updated",
        "portal_secret.created",
        "portal_secret.deleted",
        "portal_token.created",
        "portal_token.deleted",
    ];
    for (receiver, hook) in receivers.iter().zip(&hooks) {
        log(&house, hook, "delivered", expected.len()).await;
        assert_eq!(receiver.events(), expected);
    }
    bodies(&house, &hooks[0], &portal.slug, &secret.value).await;
    for receiver in &receivers {
        refuses_forgeries(receiver).await;
    }
}

/// What was sent, as the log has it.
async fn bodies(house: &Installation, hook: &Value, slug: &str, secret: &str) {
    for delivery in log(house, hook, "delivered", 8).await {
        let one = format!("{}/deliveries/{}", path(hook), delivery["uuid"].as_str().unwrap());
        let answer = house.get(&one).await;
        assert!(!answer.text.contains(secret) && !answer.text.contains(TOKEN));
        let payload = &answer.expect(200)["payload"];
        let object = |name: &str| &payload[name];
        match payload["event"].as_str().unwrap() {
            "build.scheduled" => {
                let url =
                    format!("{}/v2/organizations/my-organization/pipelines/my-pipeline/builds/1", house.gateway());
                assert_eq!(object("build")["url"], url);
                let page = format!("{}/my-organization/my-pipeline", house.gateway());
                assert_eq!((&object("pipeline")["web_url"], &payload["sender"]), (&json!(page), &Value::Null));
                is_what_rest_shows(house, object("build"), object("pipeline")).await;
            }
            event if event.starts_with("portal.") => {
                assert_eq!(object("portal")["slug"], slug);
                assert!(payload["sender"]["id"].is_string(), "{payload:#}");
            }
            event if event.starts_with("portal_token.") => assert_eq!(object("portal_token")["kind"], "service"),
            _ => assert!(object("portal_secret")["last_four"].is_string(), "{payload:#}"),
        }
    }
}

/// A build that nothing has happened to since, and its pipeline.
async fn is_what_rest_shows(house: &Installation, build: &Value, pipeline: &Value) {
    let mut shown = house.get("/v2/organizations/my-organization/pipelines/my-pipeline/builds/1").await.expect(200);
    let mut of = shown.as_object_mut().unwrap().remove("pipeline").unwrap();
    assert_eq!(build, &shown);
    // Builds aren't counted for it.
    for count in ["scheduled_builds_count", "running_builds_count"] {
        assert!(pipeline.get(count).is_some(), "{pipeline:#}");
        of[count] = Value::Null;
    }
    assert_eq!(pipeline, &of);
}

/// What was told of the portal by that event, and the portal as lists show it now.
async fn told_and_listed(house: &Installation, hook: &Value, event: &str, slug: &str) -> [Value; 2] {
    let told = wait::need_async(event, Duration::from_secs(30), async || {
        let listed = house.get(&format!("{}/deliveries?per_page=100", path(hook))).await.expect(200);
        for delivery in listed["items"].as_array().unwrap().iter().filter(|delivery| delivery["event"] == event) {
            let one = format!("{}/deliveries/{}", path(hook), delivery["uuid"].as_str().unwrap());
            let portal = house.get(&one).await.expect(200)["payload"]["portal"].clone();
            if portal["slug"] == slug {
                return Some(portal);
            }
        }
        None
    })
    .await;
    let listed = house.get(PORTALS).await.expect(200);
    [told, listed.as_array().unwrap().iter().find(|portal| portal["slug"] == slug).unwrap().clone()]
}

#[tokio::test]
async fn what_is_told_of_a_portal_is_what_lists_show() {
    let house = house();
    let hook = hook(&house, json!({"url": "https://hooks.example/"})).await;
    let query = "query Q($first: Int = 7, $unused: [String!] = [\"a\"]) { pipeline(slug: \"x\") { builds(first: $first) { count } } }";
    let body = json!({"name": unique("told"), "description": "Told", "query": query, "strict_variables": true});
    let portal = house.portal(body).await;
    let [told, listed] = told_and_listed(&house, &hook, "portal.created", &portal.slug).await;
    assert_eq!(told, listed);
    assert_eq!(listed["operations"][0]["variables"][0]["default"], 7, "{listed:#}");

    let upstreams = "/v2/organizations/my-organization/upstreams";
    let sdl = |fields: &str| json!({"source": "sdl", "sdl": format!("type Query {{ {fields} }}")});
    let body = json!({"slug": "own", "url": "http://127.0.0.1:9/", "schema": sdl("a: Int b: Int")});
    house.rest(Method::POST, upstreams, Some(body)).await.expect(201);
    let body = json!({"name": unique("breaks"), "query": "query A { a } query B { b }", "upstream": "own"});
    let portal = house.portal(body).await;
    house.rest(Method::PUT, &format!("{upstreams}/own"), Some(json!({"schema": sdl("a: Int")}))).await.expect(200);
    let [told, listed] = told_and_listed(&house, &hook, "portal.broken", &portal.slug).await;
    assert_eq!(told, listed);
    assert!(listed["operations"][1]["errors"][0]["message"].is_string(), "{listed:#}");
}

async fn refuses_forgeries(receiver: &Sample) {
    let old = "1767225600";
    let known = receiver.events();
    let forged = [
        String::new(),
        format!("timestamp={old},signature={}", "0".repeat(64)),
        format!("timestamp={old}"),
        "signature=,timestamp=".to_owned(),
    ];
    for signature in forged {
        let request = reqwest::Client::new().post(&receiver.url).header("X-Buildkite-Signature", &signature);
        let request = request.header("X-Buildkite-Request", "forged").body(r#"{"event":"ping"}"#);
        assert_eq!(Answer::of(request).await.status, 401, "{signature}");
    }
    assert_eq!(receiver.events(), known);
}

#[tokio::test]
async fn a_delivery_is_tested_seen_in_the_log_and_made_again() {
    let house = house();
    let receiver = Sample::start("python", TOKEN);
    // The receiver knows another token, and says 401.
    let wrong = hook(&house, json!({"url": receiver.url, "token_mode": "signature"})).await;
    let sent = house.rest(Method::POST, &format!("{}/test", path(&wrong)), None).await.expect(202);
    assert_eq!((&sent["event"], &sent["state"]), (&json!("ping"), &json!("pending")));
    let one = format!("{}/deliveries/{}", path(&wrong), sent["uuid"].as_str().unwrap());
    let failed = wait::need_async("a try", Duration::from_secs(30), async || {
        let delivery = house.get(&one).await.expect(200);
        delivery["last_attempt_at"].is_string().then_some(delivery)
    })
    .await;
    assert_eq!((&failed["response_status"], &failed["state"]), (&json!(401), &json!("pending")));
    assert_eq!(failed["fault"], "The receiver answered 401 Unauthorized");
    house.rest(Method::PATCH, &path(&wrong), Some(json!({"settings": {"token": TOKEN}}))).await.expect(200);
    house.rest(Method::POST, &format!("{one}/redeliver"), None).await.expect(202);
    let done = log(&house, &wrong, "delivered", 1).await.remove(0);
    assert_eq!((&done["uuid"], &done["response_status"]), (&sent["uuid"], &json!(204)));
    assert_eq!(receiver.events(), ["ping"]);
}

#[tokio::test]
async fn addresses_inside_are_refused_when_saved_and_when_called() {
    let house = Installation::start();
    for url in ["http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://10.1.2.3/"] {
        let body = json!({"settings": {"url": url}});
        let refused = house.rest(Method::POST, SERVICES, Some(body)).await;
        assert_eq!(refused.error_code(422, "validation_failed")["errors"][0]["field"], "settings.url", "{url}");
    }
    let named = hook(&house, json!({"url": "http://localhost:1/"})).await;
    house.rest(Method::POST, &format!("{}/test", path(&named)), None).await.expect(202);
    let fault = wait::need_async("a try", Duration::from_secs(30), async || {
        let listed = house.get(&format!("{}/deliveries", path(&named))).await.expect(200);
        listed["items"][0]["fault"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(fault, "The receiver has no address that may be called from here");
}

#[tokio::test]
async fn services_are_administered_by_those_with_the_scopes() {
    let house = house();
    let made = hook(&house, json!({"url": "https://hooks.example/", "token": TOKEN})).await;
    assert_eq!(made["settings"]["token"], TOKEN);
    let off = house.rest(Method::PUT, &format!("{}/disable", path(&made)), None).await.expect(200);
    assert_eq!(off["enabled"], false);
    let user = house.admin().user_as("admin", "reader");
    let reader = house.with(&house.admin().api_token_with(&user, &["read_notification_services"], &[]));
    assert_eq!(reader.get(&path(&made)).await.expect(200)["settings"]["token"], Value::Null);
    reader.rest(Method::DELETE, &path(&made), None).await.error_code(403, "missing_scope");
    house.rest(Method::DELETE, &path(&made), None).await.expect(204);
    house.get(&path(&made)).await.error_code(404, "not_found");
    let listed = house.get(SERVICES).await.expect(200);
    assert_eq!(listed["items"], json!([]));
}
