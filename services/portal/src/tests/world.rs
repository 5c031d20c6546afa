//! A portal service of one test's own, and what is around it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
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
    token::v1::{
        GetAuthenticatedUserRequest, GetAuthenticatedUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse,
        Membership, RevokePortalRequest, RevokePortalResponse, Role, User as WireUser, VerifyApiTokenRequest,
        VerifyApiTokenResponse, VerifyPortalTokenRequest, VerifyPortalTokenResponse,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use kit::{
    ambient::{Ambient, Clock, Entropy, Instant},
    boot::Tasks,
    credential::{Kind, Plain},
    error::{Code, Fault},
    grpc::{Caller, Layered, Peer, Refusal, ServiceKey, to_status, to_timestamp},
    keys::RootKey,
};
use serde_json::{Map, Value};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::{
    Config, Limits, Service, Upstream,
    graphql::{Embedded, Prepared, Viewer},
};

const SDL: &str = "
    type Query { hello(name: String!, times: Int): String }
    type Mutation { shout(text: String!): String }
";

/// A clock that stands still until a test moves it.
#[derive(Default)]
pub(super) struct HeldClock(AtomicI64);

impl HeldClock {
    pub(super) fn advance(&self, by: Duration) {
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

/// What the scripted token service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Works,
    Refuses,
    Hangs,
    Breaks,
}

/// A token service that knows one portal token for each portal that it issued for, and one API access token.
pub(super) struct Tokens {
    pub(super) mood: Mutex<Mood>,
    pub(super) scopes: Mutex<Vec<&'static str>>,
    pub(super) role: Mutex<Option<Role>>,
    pub(super) expires_at: Mutex<Option<Instant>>,
    pub(super) verified: AtomicUsize,
    pub(super) issued: Mutex<Vec<String>>,
    pub(super) revoked: Mutex<Vec<String>>,
    organization: Mutex<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("Authentication required. Please supply a valid portal token")]
struct Refused;

impl Fault for Refused {
    fn class(&self) -> Code {
        Code::Unauthenticated
    }
    fn reason(&self) -> &'static str {
        "authentication_required"
    }
}

impl Tokens {
    async fn behave(&self) -> Result<(), Status> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Works => Ok(()),
            Mood::Refuses => Err(to_status(&Refused)),
            Mood::Hangs => std::future::pending().await,
            Mood::Breaks => Err(Status::unavailable("broken")),
        }
    }
}

#[derive(Clone)]
struct Scripted(Arc<Tokens>);

#[tonic::async_trait]
impl TokenService for Scripted {
    async fn verify_portal_token(
        &self,
        _: Request<VerifyPortalTokenRequest>,
    ) -> Result<Response<VerifyPortalTokenResponse>, Status> {
        self.0.verified.fetch_add(1, Ordering::SeqCst);
        self.0.behave().await?;
        tokio::task::yield_now().await;
        let portal_uuid = self.0.issued.lock().unwrap().last().cloned().unwrap_or_else(|| Uuid::nil().to_string());
        let expires_at = self.0.expires_at.lock().unwrap().map(to_timestamp);
        Ok(Response::new(VerifyPortalTokenResponse {
            token_uuid: Uuid::nil().to_string(),
            portal_uuid,
            kind: 1,
            expires_at,
        }))
    }

    async fn verify_api_token(
        &self,
        _: Request<VerifyApiTokenRequest>,
    ) -> Result<Response<VerifyApiTokenResponse>, Status> {
        self.0.behave().await?;
        let role = *self.0.role.lock().unwrap();
        let organization_uuid = self.0.organization.lock().unwrap().clone();
        Ok(Response::new(VerifyApiTokenResponse {
            token_uuid: Uuid::nil().to_string(),
            user: Some(WireUser {
                uuid: Uuid::from_u128(7).to_string(),
                name: "Ada".into(),
                email: "ada@example.com".into(),
                created_at: Some(to_timestamp(Instant::from_timestamp(0, 0).unwrap())),
            }),
            scopes: self.0.scopes.lock().unwrap().iter().map(ToString::to_string).collect(),
            memberships: role.map(|role| Membership { organization_uuid, role: role.into() }).into_iter().collect(),
        }))
    }

    async fn get_authenticated_user(
        &self,
        _: Request<GetAuthenticatedUserRequest>,
    ) -> Result<Response<GetAuthenticatedUserResponse>, Status> {
        Err(Status::unimplemented("not asked by the portal service"))
    }

    async fn issue_service_token(
        &self,
        request: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        self.0.behave().await?;
        self.0.issued.lock().unwrap().push(request.into_inner().portal_uuid);
        Ok(Response::new(IssueServiceTokenResponse { token_uuid: Uuid::nil().to_string(), token: portal_token() }))
    }

    async fn revoke_portal(
        &self,
        request: Request<RevokePortalRequest>,
    ) -> Result<Response<RevokePortalResponse>, Status> {
        self.0.behave().await?;
        self.0.revoked.lock().unwrap().push(request.into_inner().portal_uuid);
        Ok(Response::new(RevokePortalResponse { revoked_tokens: 1 }))
    }
}

/// A built-in API that answers what it was asked, or nothing at all.
#[derive(Clone, Default)]
pub(super) struct Echo {
    pub(super) silent: Arc<AtomicBool>,
    /// How often it was asked while silent.
    pub(super) unanswered: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct EchoDocument(Echo, String);

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
    async fn query(&self, document: &str, _: Option<&str>, variables: Map<String, Value>, viewer: Viewer) -> Bytes {
        EchoDocument(self.clone(), document.to_owned()).run(variables, viewer).await
    }
}

#[async_trait::async_trait]
impl Prepared for EchoDocument {
    async fn run(&self, variables: Map<String, Value>, _: Viewer) -> Bytes {
        if self.0.silent.load(Ordering::SeqCst) {
            self.0.unanswered.fetch_add(1, Ordering::SeqCst);
            return std::future::pending().await;
        }
        serde_json::json!({ "data": { "document": self.1, "variables": variables } }).to_string().into()
    }
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

fn config(bed: &Bed) -> Config {
    let keys_file = bed.directory().join("portal.key");
    fs::write(&keys_file, RootKey::new("k1".into(), [1; 32]).to_line().as_str()).unwrap();
    fs::set_permissions(&keys_file, fs::Permissions::from_mode(0o600)).unwrap();
    Config {
        database_url: bed.url.clone(),
        pipelines_database_url: bed.url.clone(),
        keys_file,
        service_key: service_key(),
        grpc_listen: String::new(),
        admin_listen: None,
        token_url: None,
        public_url: "https://portals.test".into(),
        limits: Limits { requests_per_minute: 0, portals: 10, in_flight_per_portal: 64 },
        upstream: Upstream {
            allowed_networks: kit::address::Networks::default(),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            reply_bytes: 1 << 20,
        },
    }
}

impl World {
    async fn new(bed: Bed, change: &impl Fn(&mut Config)) -> Self {
        let mut config = config(&bed);
        change(&mut config);
        Service::migrate(&config).await.unwrap();
        let clock = Arc::new(HeldClock::default());
        let tokens = Arc::new(Tokens {
            mood: Mutex::new(Mood::Works),
            scopes: Mutex::new(vec!["read_organizations", "read_portals", "write_portals", "graphql"]),
            role: Mutex::new(Some(Role::Admin)),
            expires_at: Mutex::default(),
            verified: AtomicUsize::new(0),
            issued: Mutex::default(),
            revoked: Mutex::default(),
            organization: Mutex::default(),
        });
        let echo = Echo::default();
        let routes = Routes::new(TokenServiceServer::new(Scripted(Arc::clone(&tokens))));
        let peer = Peer::local(Layered::new(routes.prepare()));
        let ambient = Ambient::new(Arc::<HeldClock>::clone(&clock), Arc::new(RealEntropy));
        let service = Service::open(config, ambient, peer, Arc::new(echo.clone()), &Tasks::default()).await.unwrap();
        let organization = service.ensure_organization("acme", "Acme").await.unwrap();
        *tokens.organization.lock().unwrap() = organization.to_string();
        let authorization = format!("Bearer {}", portal_token()).parse().ok();
        let caller = Caller { authorization, client_ip: "192.0.2.1".parse().ok(), ..Caller::default() };
        Self { service, clock, tokens, echo, caller, bed }
    }

    fn peer(&self) -> Peer {
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
        let message = ExecutePortalRequest {
            organization: "acme".into(),
            portal: "hello".into(),
            operation_name: None,
            variables_json: variables.to_owned().into(),
        };
        ExecutionServiceClient::new(self.peer()).execute_portal(self.request(message)).await
    }

    /// The reason of a call's refusal.
    pub(super) async fn refused(&self, variables: &str) -> String {
        Refusal::of(&self.call(variables).await.unwrap_err()).reason
    }

    /// How many rows of the audit trail are of that type.
    pub(super) async fn audited(&self, kind: &str) -> i64 {
        use sea_orm::{ConnectionTrait, Statement};
        let database = kit::db::Database::open(&self.bed.url).await.unwrap();
        let sql = format!("SELECT COUNT(*) FROM audit_events WHERE type = '{kind}'");
        let count = Statement::from_string(database.read().get_database_backend(), sql);
        database.read().query_one_raw(count).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Makes the audit trail unwritable.
    pub(super) async fn lose_audit_trail(&self) {
        use sea_orm::ConnectionTrait;
        let database = kit::db::Database::open(&self.bed.url).await.unwrap();
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared("ALTER TABLE audit_events RENAME TO elsewhere").await.unwrap();
        transaction.commit().await.unwrap();
    }
}
