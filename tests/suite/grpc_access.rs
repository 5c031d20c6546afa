//! Who may call what over gRPC, and how much at once (S25): every RPC of the contracts × every kind of caller.

use std::time::{Duration, Instant};

use contracts::execution::v1::{ExecutePortalRequest, execution_service_client::ExecutionServiceClient};
use kit::grpc::{MOST_REQUEST_BYTES, Refusal};
use reqwest::Method;
use serde_json::{Value, json};
use suite::{
    Answer, Browser, Installation, Portal, python, raw,
    rpc::{self, Rpc, call, delimited},
    unique, wait,
};
use tonic::{Code, Request, Status, transport::Channel};

/// What an RPC asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// The service key.
    ServiceKey,
    /// An API access token, or a session.
    ApiToken,
    /// A session.
    Session,
    /// A portal token.
    PortalToken,
    /// A credential in the message.
    Message,
}

/// What the RPC takes; `None`: nobody has decided that yet.
fn takes(rpc: &Rpc) -> Option<Takes> {
    let (_, name) = rpc.path.rsplit_once('/').unwrap();
    Some(match (rpc.service.as_str(), name) {
        ("portals.token.v1.TokenService", "GetAuthenticatedUser") => Takes::ApiToken,
        ("portals.token.v1.TokenService", "ExchangeSecret" | "ExchangeCode") => Takes::Message,
        (
            "portals.registry.v1.RegistryService",
            "ResolvePortal" | "DescribePortal" | "CreateOrganization" | "GetAssertionKeys",
        )
        | ("portals.directory.v1.SessionService", "SignIn")
        | ("portals.token.v1.TokenService" | "portals.directory.v1.OperatorService", _) => Takes::ServiceKey,
        ("portals.directory.v1.SessionService", _) => Takes::Session,
        ("portals.execution.v1.ExecutionService", "ExecutePortal") => Takes::PortalToken,
        (
            "portals.audit.v1.AuditService"
            | "portals.credential.v1.CredentialService"
            | "portals.directory.v1.DirectoryService"
            | "portals.pipelines.v1.PipelinesService"
            | "portals.registry.v1.RegistryService"
            | "portals.webhook.v1.WebhookService"
            | "portals.execution.v1.ExecutionService",
            _,
        ) => Takes::ApiToken,
        _ => return None,
    })
}

fn rpcs() -> Vec<(Rpc, Takes)> {
    let rpcs: Vec<_> = rpc::all().into_iter().map(|rpc| (takes(&rpc), rpc)).collect();
    assert!(rpcs.len() > 45, "the contracts weren't read");
    let decided = |(takes, rpc): (Option<Takes>, Rpc)| {
        let takes = takes.unwrap_or_else(|| panic!("{}: say in this file who may call it", rpc.path));
        (rpc, takes)
    };
    rpcs.into_iter().map(decided).collect()
}

async fn channel(house: &Installation, path: &str) -> Channel {
    let packages =
        ["/portals.audit.", "/portals.execution.", "/portals.pipelines.", "/portals.registry.", "/portals.webhook."];
    let portal = packages.iter().any(|package| path.starts_with(package));
    let url = house.bootstrap().text(if portal { "portal_grpc" } else { "token_grpc" }).to_owned();
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

fn service_key(house: &Installation) -> String {
    let running: Value = serde_json::from_slice(&std::fs::read(house.file("running.json")).unwrap()).unwrap();
    running["service_key"].as_str().unwrap().to_owned()
}

/// Callers by what they present.
struct Callers {
    portal: Portal,
    api_token: String,
    /// Which a caller may end.
    spare: String,
    session: String,
    key: String,
}

impl Callers {
    async fn of(house: &Installation) -> Self {
        let portal = house.portal_of("{ viewer { id } }").await;
        let browser = Browser::administrator(house, house.bootstrap()).await;
        let user = house.admin().user_as("member", "spare");
        Self {
            portal,
            api_token: house.api_token().to_owned(),
            spare: house.admin().api_token(&user),
            session: browser.cookies().remove(0).1,
            key: service_key(house),
        }
    }

    fn metadata(&self, rpc: &Rpc) -> [(&'static str, Vec<(&'static str, String)>); 6] {
        let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
        let api_token = if rpc.path.ends_with("/RevokeApiToken") { &self.spare } else { &self.api_token };
        let guessed = "guessed-guessed-guessed-guessed-guessed".to_owned();
        [
            ("nothing", vec![]),
            ("portal token", bearer(&self.portal.token)),
            ("API access token", bearer(api_token)),
            ("session", bearer(&self.session)),
            ("guessed key", [bearer(&self.api_token), vec![("portals-service-key", guessed)]].concat()),
            ("service key", vec![("portals-service-key", self.key.clone())]),
        ]
    }

    fn message(&self, rpc: &Rpc) -> Vec<u8> {
        if !rpc.path.ends_with("/ExecutePortal") {
            return rpc.message.clone();
        }
        [delimited(1, b"my-organization"), delimited(2, self.portal.slug.as_bytes())].concat()
    }
}

/// Whether the RPC lets in who presents that.
fn lets_in(rpc: &Rpc, takes: Takes, who: &str) -> bool {
    // These are about the presented token itself.
    let about_token = ["/GetApiToken", "/RevokeApiToken"].iter().any(|end| rpc.path.ends_with(end));
    match takes {
        Takes::ServiceKey => who == "service key",
        Takes::PortalToken => who == "portal token",
        Takes::Session => who == "session",
        Takes::ApiToken => ["API access token", "guessed key"].contains(&who) || who == "session" && !about_token,
        Takes::Message => false,
    }
}

#[tokio::test]
async fn every_rpc_lets_in_whom_it_is_for_and_nobody_else() {
    let house = Installation::start();
    let callers = Callers::of(&house).await;
    for (rpc, takes) in rpcs() {
        let channel = channel(&house, &rpc.path).await;
        for (who, metadata) in callers.metadata(&rpc) {
            // The API access token of this column was ended by the one before.
            if who == "guessed key" && rpc.path.ends_with("/RevokeApiToken") {
                continue;
            }
            let metadata: Vec<_> = metadata.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let outcome = call(&channel, &rpc.path, callers.message(&rpc), &metadata).await;
            check(&rpc, takes, who, &outcome);
        }
    }
    house.call(&callers.portal, json!({})).await.data();
    house.get("/v2/user").await.expect(200);
}

fn check(rpc: &Rpc, takes: Takes, who: &str, outcome: &Result<Vec<u8>, Status>) {
    let seen = outcome.as_ref().err().map(|status| (status.code(), Refusal::of(status).reason));
    let unknown = seen.as_ref().is_some_and(|(code, _)| *code == Code::Unimplemented);
    assert!(!unknown, "{} isn't there", rpc.path);
    let refusal = match takes {
        Takes::ServiceKey => (Code::PermissionDenied, "service_key_required".to_owned()),
        Takes::Message => {
            let (code, _) = seen.as_ref().expect("it made a token of nothing");
            assert!([Code::InvalidArgument, Code::Unauthenticated].contains(code), "{} {who}: {seen:?}", rpc.path);
            return;
        }
        _ => (Code::Unauthenticated, "authentication_required".to_owned()),
    };
    let refused = seen.as_ref() == Some(&refusal);
    // Whoever asks services for a verdict with their key is told of the credential that is missing.
    let let_in = lets_in(rpc, takes, who);
    assert_eq!(refused, !let_in, "{} {who}: {seen:?}", rpc.path);
    let broken = seen.is_some_and(|(_, reason)| ["internal", "service_broken"].contains(&reason.as_str()));
    assert!(!broken, "{} {who}: {outcome:?}", rpc.path);
}

#[tokio::test]
async fn the_contracts_say_of_each_rpc_whether_it_is_for_services_only() {
    for (rpc, takes) in rpcs() {
        let said = rpc.comment.contains("Services only") || rpc.service.ends_with(".OperatorService");
        assert_eq!(said, takes == Takes::ServiceKey, "{}: {}", rpc.path, rpc.comment);
    }
}

/// What the gateway passes on to browsers is the management services' own, and nothing that is for services.
#[tokio::test]
async fn the_gateway_passes_on_what_a_token_administers_and_nothing_else() {
    let house = Installation::shared();
    let (key, mut passed_on) = (service_key(&house), 0);
    for (rpc, takes) in rpcs() {
        let request = house.request(Method::POST, &rpc.path).header("Content-Type", "application/grpc-web+proto");
        let length = u32::try_from(rpc.message.len()).unwrap().to_be_bytes();
        let request = request.header("Portals-Service-Key", &key);
        let answer = Answer::of(request.body([&[0][..], &length, &rpc.message].concat())).await;
        let administers = takes == Takes::ApiToken && !rpc.streams && !rpc.service.ends_with(".ExecutionService");
        if administers || rpc.path.ends_with("/GetSession") {
            assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("16")), "{}: {answer:#?}", rpc.path);
            passed_on += 1;
        } else {
            answer.error_code(404, "not_found");
        }
    }
    assert!(passed_on > 25);
}

#[tokio::test]
async fn a_request_may_have_a_mebibyte() {
    let house = Installation::shared();
    // Schemas of upstreams may be larger.
    let is_bounded =
        |rpc: &Rpc| !rpc.streams && !["/CreateUpstream", "/UpdateUpstream"].iter().any(|end| rpc.path.ends_with(end));
    for (rpc, _) in rpcs().into_iter().filter(|(rpc, _)| is_bounded(rpc)) {
        let channel = channel(&house, &rpc.path).await;
        // A field that no message has, in a message of the largest size.
        let mut largest = delimited(10_000, &vec![0; MOST_REQUEST_BYTES]);
        largest = delimited(10_000, &vec![0; 2 * MOST_REQUEST_BYTES - largest.len()]);
        assert_eq!(largest.len(), MOST_REQUEST_BYTES);
        let outcome = call(&channel, &rpc.path, largest, &[]).await.expect_err("without a credential");
        assert_ne!(outcome.code(), Code::OutOfRange, "{}: {outcome:?}", rpc.path);
        let outcome = call(&channel, &rpc.path, vec![0; MOST_REQUEST_BYTES + 1], &[]).await.expect_err("it was taken");
        assert_eq!(outcome.code(), Code::OutOfRange, "{}: {outcome:?}", rpc.path);
    }
}

/// More than gRPC libraries take unless they are told to, and as much as an upstream may answer.
#[tokio::test]
async fn a_reply_may_have_eight_mebibytes() {
    let house = Installation::start();
    let query = format!(
        "mutation M($text: String!) {{ buildCreate(input: {{pipelineID: {:?}, commit: \"HEAD\", branch: \"main\", \
         message: $text}}) {{ build {{ number }} }} }}",
        house.pipeline_id().await
    );
    let make = house.portal(json!({"name": unique("large"), "query": query})).await;
    for _ in 0..11 {
        house.call(&make, json!({"text": "x".repeat(60_000)})).await.data();
    }
    let list =
        "pipeline(slug: \"my-organization/my-pipeline\") { builds(first: $count) { edges { node { message } } } }";
    let lists: String = (0..13).map(|number| format!("list{number}: {list} ")).collect();
    let portal = house.portal_of(&format!("query Q($count: Int!) {{ {lists} }}")).await;
    let path = "/portals.execution.v1.ExecutionService/ExecutePortal";
    let (channel, bearer) = (channel(&house, path).await, format!("Bearer {}", portal.token));
    let reply = async |count: u32| {
        let variables = json!({"count": count}).to_string();
        let slugs = [delimited(1, b"my-organization"), delimited(2, portal.slug.as_bytes())].concat();
        let message = [slugs, delimited(4, variables.as_bytes())].concat();
        let by_http = house.call(&portal, json!({"count": count})).await;
        (call(&channel, path, message, &[("authorization", &bearer)]).await, by_http)
    };
    let (by_grpc, by_http) = reply(10).await;
    assert!(by_grpc.unwrap().len() > 7_800_000);
    by_http.data();
    let (by_grpc, by_http) = reply(11).await;
    assert_eq!(by_grpc.unwrap_err().code(), Code::OutOfRange);
    by_http.error_code(502, "message_too_large");
}

#[tokio::test]
async fn each_service_serves_health_and_reflection() {
    let house = Installation::shared();
    for (rpc, _) in rpcs() {
        let channel = channel(&house, &rpc.path).await;
        let health = call(&channel, "/grpc.health.v1.Health/Check", delimited(1, rpc.service.as_bytes()), &[]).await;
        assert_eq!(health.unwrap(), [8, 1], "{} isn't serving", rpc.service);
        for reflection in ["v1", "v1alpha"] {
            let path = format!("/grpc.reflection.{reflection}.ServerReflection/ServerReflectionInfo");
            let services = call(&channel, &path, delimited(7, b""), &[]).await.unwrap();
            let listed = services.windows(rpc.service.len()).any(|name| name == rpc.service.as_bytes());
            assert!(listed, "{} isn't shown by {reflection}", rpc.service);
        }
    }
}

/// The built-in API's database is locked, so that its mutation hangs.
#[tokio::test]
async fn a_deadline_ends_the_call_and_its_work() {
    let house = Installation::start();
    let query = format!(
        "mutation M {{ buildCreate(input: {{pipelineID: {:?}, commit: \"HEAD\", branch: \"main\"}}) {{ build {{ number }} }} }}",
        house.pipeline_id().await
    );
    let portal = house.portal(json!({"name": unique("hangs"), "query": query})).await;
    let lock = python::lock(&house.file("pipelines.db"));
    let channel = channel(&house, "/portals.execution.v1").await;
    let mut request = Request::new(ExecutePortalRequest {
        organization: "my-organization".to_owned(),
        portal: portal.slug.clone(),
        ..ExecutePortalRequest::default()
    });
    request.metadata_mut().insert("authorization", format!("Bearer {}", portal.token).parse().unwrap());
    request.set_timeout(Duration::from_millis(200));
    let begun = Instant::now();
    let late = ExecutionServiceClient::new(channel).execute_portal(request).await.expect_err("it ran");
    assert!([Code::DeadlineExceeded, Code::Cancelled].contains(&late.code()), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited for the lock: {:?}", begun.elapsed());
    // The client has its own clock: it may give up before the service does.
    let admin = house.bootstrap().address("admin");
    wait::need("the end of the call", Duration::from_secs(10), || {
        let metrics = raw::exchange(admin, &raw::request("GET /metrics", &[], "")).unwrap();
        metrics.contains("ExecutePortal\"").then_some(())
    });
    drop(lock);
    for number in 1..=2 {
        let made = house.call(&portal, json!({})).await.data();
        assert_eq!(made["buildCreate"]["build"]["number"], number, "what was given up ran after all");
    }
}
