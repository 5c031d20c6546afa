//! A portal service of one test's own, and what is around it.

mod database;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bed::Bed;
use bytes::Bytes;
use chrono::TimeDelta;
use contracts::{
    execution::v1::{ExecutePortalRequest, ExecutePortalResponse, execution_service_client::ExecutionServiceClient},
    registry::v1::{CreatePortalRequest, CreatePortalResponse, registry_service_client::RegistryServiceClient},
};
use kit::{
    ambient::{Ambient, Clock, Entropy, Instant},
    audit::{Origin, Question, Read, Recorded},
    boot::Tasks,
    credential::{Kind, Plain},
    grpc::{Caller, Layered, Peer, Refusal, ServiceKey},
    keys::RootKey,
};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use super::{tokens::Tokens, trail::TokenTrail};
use crate::{
    Config, Limits, Service, Upstream,
    graphql::{Answer, Embedded, Prepared, Viewer},
};

pub(super) const SDL: &str = "
    type Query { hello(name: String!, times: Int): String }
    type Mutation { shout(text: String!): String }
";

/// A clock that stands still until a test moves it.
#[derive(Default)]
pub(crate) struct HeldClock(AtomicI64);

/// A clock that stands still, and the rest of what a part is given.
pub(crate) fn held() -> (Arc<HeldClock>, Ambient) {
    let clock = Arc::new(HeldClock::default());
    (Arc::clone(&clock), Ambient::new(clock, Arc::new(RealEntropy)))
}

impl HeldClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Instant {
        Instant::from_timestamp(1_767_225_618, 0).unwrap() + TimeDelta::milliseconds(self.0.load(Ordering::SeqCst))
    }
    fn since_boot(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }
}

struct RealEntropy;

impl Entropy for RealEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| Ambient::system().bytes::<1>()[0]);
    }
}

/// A built-in API that answers what it was asked, or nothing at all.
#[derive(Clone, Default)]
pub(super) struct Echo {
    pub(super) silent: Arc<AtomicBool>,
    /// How often it was asked while silent.
    pub(super) unanswered: Arc<AtomicUsize>,
    /// Its audit trail, newest first.
    pub(super) trail: Arc<Mutex<Vec<Recorded>>>,
}

#[derive(Clone)]
struct EchoDocument(Echo, String);

/// A viewer, as answers show it.
fn show(viewer: &Viewer) -> Value {
    let reach: Vec<_> = viewer.organizations.iter().map(|reach| reach.slug.clone()).collect();
    serde_json::json!({ "user": viewer.user.as_ref().map(|user| user.email.clone()), "organizations": reach })
}

impl std::fmt::Debug for EchoDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EchoDocument")
    }
}

#[async_trait::async_trait]
impl Embedded for Echo {
    fn sdl(&self) -> String {
        SDL.to_owned()
    }
    fn prepare(&self, document: &str) -> Result<Arc<dyn Prepared>, String> {
        Ok(Arc::new(EchoDocument(self.clone(), document.to_owned())))
    }
    async fn query(
        &self,
        document: &str,
        _: Option<&str>,
        variables: Map<String, Value>,
        asked: (Viewer, Origin),
    ) -> Answer {
        let json = EchoDocument(self.clone(), document.to_owned()).run(variables, asked).await;
        // A document costs its length.
        let actual_complexity = document.len() as u64;
        Answer { json, executed: true, requested_complexity: 2 * actual_complexity, actual_complexity }
    }
    async fn audit_events(&self, _: &Question) -> Read<(Vec<Recorded>, bool)> {
        Ok((self.trail.lock().unwrap().clone(), false))
    }
    async fn audit_event(&self, _: Uuid, event: Uuid) -> Read<Option<Recorded>> {
        Ok(self.trail.lock().unwrap().iter().find(|recorded| recorded.uuid == event).cloned())
    }
}

#[async_trait::async_trait]
impl Prepared for EchoDocument {
    async fn run(&self, variables: Map<String, Value>, (viewer, _): (Viewer, Origin)) -> Bytes {
        if self.0.silent.load(Ordering::SeqCst) {
            self.0.unanswered.fetch_add(1, Ordering::SeqCst);
            return std::future::pending().await;
        }
        let viewer = show(&viewer);
        serde_json::json!({ "data": { "document": self.1, "variables": variables, "viewer": viewer } })
            .to_string()
            .into()
    }
}

/// Waits until something is so; fails after 10 s.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| panic!("{what} in 10 s"));
}

pub(super) fn portal_token() -> String {
    Plain::token("bk", Kind::Portal, &[7; 32]).expose().to_owned()
}

pub(super) fn service_key() -> ServiceKey {
    "0123456789abcdef0123456789abcdef".parse().unwrap()
}

pub(super) struct World {
    pub(super) service: Service,
    pub(super) clock: Arc<HeldClock>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) trail: Arc<TokenTrail>,
    pub(super) echo: Echo,
    pub(super) caller: Caller,
    bed: Bed,
}

/// Runs `test` in a new world on every engine there is.
pub(super) async fn everywhere(test: impl AsyncFn(World)) {
    everywhere_with(|_| {}, test).await;
}

/// The same with changed settings.
pub(super) async fn everywhere_with(change: impl Fn(&mut Config), test: impl AsyncFn(World)) {
    bed::each_engine(async |bed| test(World::new(bed, &change).await).await).await;
}

/// Writes a key file.
pub(super) fn write_keys(file: &Path, keys: &[&RootKey]) {
    let lines: String = keys.iter().map(|key| key.to_line().to_string()).collect();
    fs::write(file, lines).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn config(bed: &Bed) -> Config {
    let keys_file = bed.directory().join("portal.key");
    write_keys(&keys_file, &[&RootKey::new("k1".into(), [1; 32])]);
    Config {
        database_url: bed.url.clone(),
        pipelines_database_url: bed.url.clone(),
        database_connections: kit::db::CONNECTIONS,
        keys_file,
        service_key: service_key(),
        grpc_listen: String::new(),
        admin_listen: None,
        token_url: None,
        tls: None,
        stop_grace: Duration::ZERO,
        public_url: "https://portals.test".into(),
        limits: Limits {
            requests_per_minute: 0,
            most_requests_per_minute: 0,
            portals: 10,
            upstreams: 3,
            in_flight_per_portal: 64,
            graphql_complexity: 20,
            graphql_user_complexity: 10,
        },
        upstream: Upstream {
            allowed_networks: kit::address::Networks::default(),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            reply_bytes: 1 << 20,
            refresh: None,
            ca_certificates: crate::CaCertificates::default(),
        },
        webhooks: crate::Webhooks {
            services: 3,
            timeout: Duration::from_secs(10),
            in_flight: 32,
            keep: TimeDelta::days(30),
        },
    }
}

impl World {
    async fn new(bed: Bed, change: &impl Fn(&mut Config)) -> Self {
        let mut config = config(&bed);
        change(&mut config);
        Service::migrate(&config).await.unwrap();
        let clock = Arc::new(HeldClock::default());
        let tokens = Arc::new(Tokens::new(Arc::clone(&clock)));
        let echo = Echo::default();
        let trail = Arc::new(TokenTrail::default());
        let routes = Routes::new(tokens.server()).add_service(trail.server());
        let peer = Peer::local(Layered::new(routes.prepare()));
        let ambient = Ambient::new(Arc::<HeldClock>::clone(&clock), Arc::new(RealEntropy));
        let service = Service::open(config, ambient, peer, Arc::new(echo.clone()), &Tasks::default()).await.unwrap();
        let organization = service.ensure_organization("acme", "Acme").await.unwrap();
        *tokens.organization.lock().unwrap() = organization.to_string();
        let authorization = format!("Bearer {}", portal_token()).parse().ok();
        let caller = Caller { authorization, client_ip: "192.0.2.1".parse().ok(), ..Caller::default() };
        Self { service, clock, tokens, trail, echo, caller, bed }
    }

    /// The service, opened once more without any background task.
    pub(super) async fn quiet(&self) -> Service {
        let stopped = Tasks::default();
        stopped.stop(Duration::ZERO).await;
        let ambient = Ambient::new(Arc::<HeldClock>::clone(&self.clock), Arc::new(RealEntropy));
        let peer = Peer::local(Layered::new(Routes::new(self.tokens.server()).prepare()));
        let config = self.service.0.config.clone();
        Service::open(config, ambient, peer, Arc::new(self.echo.clone()), &stopped).await.unwrap()
    }

    pub(super) fn peer(&self) -> Peer {
        Peer::local(Layered::new(self.service.routes().prepare()))
    }

    pub(super) fn registry(&self) -> RegistryServiceClient<Peer> {
        RegistryServiceClient::new(self.peer())
    }

    /// A request of the caller, as the gateway would send it.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        self.caller.onward(message, &service_key())
    }

    pub(super) async fn create(
        &self,
        change: impl FnOnce(&mut CreatePortalRequest),
    ) -> Result<CreatePortalResponse, Refusal> {
        let mut message = CreatePortalRequest {
            organization: "acme".into(),
            name: "Hello".into(),
            query: "query ($name: String!, $times: Int) { hello(name: $name, times: $times) }".into(),
            allowed_ip_addresses: Some("192.0.2.0/24".into()),
            ..CreatePortalRequest::default()
        };
        change(&mut message);
        self.registry()
            .create_portal(self.request(message))
            .await
            .map(Response::into_inner)
            .map_err(|status| Refusal::of(&status))
    }

    pub(super) async fn call(&self, variables: &str) -> Result<Response<ExecutePortalResponse>, Status> {
        self.call_at("acme", "hello", variables).await
    }

    /// Calls the portal of those slugs.
    pub(super) async fn call_at(
        &self,
        organization: &str,
        portal: &str,
        variables: &str,
    ) -> Result<Response<ExecutePortalResponse>, Status> {
        let message = ExecutePortalRequest {
            organization: organization.into(),
            portal: portal.into(),
            operation_name: None,
            variables_json: variables.to_owned().into(),
        };
        ExecutionServiceClient::new(self.peer()).execute_portal(self.request(message)).await
    }

    /// Waits until kept verdicts count.
    pub(super) async fn leased(&self) {
        until("a lease", || self.service.0.verifier.is_leased()).await;
    }

    /// How often the token service was asked about the portal token so far.
    pub(super) fn asked(&self) -> usize {
        self.tokens.verified.load(Ordering::SeqCst)
    }

    /// The viewer of a call.
    pub(super) async fn viewer(&self) -> Value {
        let reply = self.call(r#"{"name":"x"}"#).await.unwrap().into_inner();
        let mut result: Value = serde_json::from_slice(&reply.result_json).unwrap();
        result["data"]["viewer"].take()
    }

    /// The reason of a call's refusal.
    pub(super) async fn refused(&self, variables: &str) -> String {
        Refusal::of(&self.call(variables).await.unwrap_err()).reason
    }

    /// The organization's UUID.
    pub(super) fn organization(&self) -> Uuid {
        self.tokens.organization.lock().unwrap().parse().unwrap()
    }
}
