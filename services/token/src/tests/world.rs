//! A token service of one test's own, and what is around it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bed::{Bed, Template};
use chrono::DateTime;
use contracts::token::v1::{self as wire, token_service_client::TokenServiceClient};
use kit::{
    ambient::{Ambient, Clock, Entropy, Instant},
    boot::Tasks,
    credential::{Kind, Plain},
    db::Database,
    grpc::{Caller, Layered, Peer, Refusal, ServiceKey},
    keys::RootKey,
};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use tonic::{Request, Status};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Config, FirstUser, Limits, Service, domain::password};

/// 18 seconds into a minute, so that 42 are left.
const BEGINNING: i64 = 1_767_225_618;

/// Of the first user's password. Made once: a world of its own for each test needs no slow hash of its own.
static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD, [7; 16]));
const PASSWORD: &str = "correct horse";

pub(super) const ORGANIZATION: Uuid = Uuid::from_u128(0x0a);
pub(super) const PORTAL: Uuid = Uuid::from_u128(0x0b);

pub(super) struct World {
    pub(super) service: Service,
    pub(super) clock: Arc<HeldClock>,
    pub(super) config: Config,
    pub(super) api_token: Plain,
    pub(super) directory: PathBuf,
    database: Database,
}

/// Runs `body` in a new world on each engine.
pub(super) async fn everywhere(body: impl AsyncFn(&World)) {
    everywhere_with(Limits::default(), body).await;
}

/// The same with other limits.
pub(super) async fn everywhere_with(limits: Limits, body: impl AsyncFn(&World)) {
    static MIGRATED: Template = Template::new();
    let migrate = async |url: &str| Service::migrate(&config(url.to_owned(), PathBuf::new(), limits)).await.unwrap();
    MIGRATED.each_engine(migrate, async |bed| body(&World::new(&bed, limits).await).await).await;
}

fn config(database_url: String, keys_file: PathBuf, limits: Limits) -> Config {
    Config {
        database_url,
        database_connections: kit::db::CONNECTIONS,
        keys_file,
        service_key: service_key(),
        grpc_listen: String::new(),
        admin_listen: None,
        tls: None,
        stop_grace: std::time::Duration::ZERO,
        letters: "bk".into(),
        limits,
    }
}

pub(super) fn write_keys(path: &Path, keys: &[RootKey]) {
    let text: String = keys.iter().map(|key| key.to_line().to_string()).collect();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(super) fn root_key(id: &str, byte: u8) -> RootKey {
    RootKey::new(id.to_owned(), [byte; 32])
}

pub(super) fn random_token(kind: Kind) -> Plain {
    Plain::token("bk", kind, &Ambient::system().bytes())
}

pub(super) fn person() -> wire::User {
    wire::User {
        uuid: Uuid::from_u128(7).to_string(),
        name: "Keiko".into(),
        email: "keiko@example.com".into(),
        created_at: Some(kit::grpc::to_timestamp(at(0))),
    }
}

pub(super) fn at(seconds: i64) -> Instant {
    DateTime::from_timestamp(BEGINNING + seconds, 0).unwrap()
}

/// What a refused RPC says.
pub(super) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> Refusal {
    Refusal::of(&answer.unwrap_err())
}

impl World {
    async fn new(bed: &Bed, limits: Limits) -> Self {
        let directory = bed.directory().to_owned();
        let keys_file = directory.join("token.key");
        write_keys(&keys_file, &[root_key("k1", 1)]);
        let config = config(bed.url.clone(), keys_file, limits);
        let clock = Arc::new(HeldClock::default());
        let service = Service::open(config.clone(), ambient(&clock), &Tasks::default()).await.unwrap();
        let (api_token, database) = (random_token(Kind::Api), Database::open(&bed.url).await.unwrap());
        service.store_first_user(first_user(&api_token), PASSWORD_HASH.clone()).await.unwrap();
        Self { service, clock, config, api_token, directory, database }
    }

    /// The service, opened again as `config` says.
    pub(super) async fn reopened(&self, config: Config) -> Result<Service, crate::StartError> {
        self.reopened_in(config, &Tasks::default()).await
    }

    /// The same with its background tasks among `tasks`.
    pub(super) async fn reopened_in(&self, config: Config, tasks: &Tasks) -> Result<Service, crate::StartError> {
        Service::open(config, ambient(&self.clock), tasks).await
    }

    /// The same without any background task.
    pub(super) async fn quiet(&self) -> Service {
        let stopped = Tasks::default();
        stopped.stop(Duration::ZERO).await;
        let service = self.reopened_in(self.config.clone(), &stopped).await.unwrap();
        // What is done once more at the stop is done, and takes nothing away from a test.
        assert!(stopped.stop(Duration::from_secs(20)).await);
        service
    }

    /// The same that goes on serving, and does nothing by itself.
    pub(super) async fn passive(&self) -> Service {
        Service::prepare(self.config.clone(), ambient(&self.clock), &Tasks::default()).await.unwrap()
    }

    /// The service, opened once more; its tasks run among `tasks`.
    pub(super) async fn opened_among(&self, tasks: &Tasks) -> Service {
        Service::open(self.config.clone(), ambient(&self.clock), tasks).await.unwrap()
    }

    pub(super) fn client(&self) -> TokenServiceClient<Peer> {
        client(&self.service)
    }

    /// Makes a service token of a portal.
    pub(super) async fn issued(&self, portal: Uuid) -> wire::IssueServiceTokenResponse {
        self.client().issue_service_token(from_service(issue(portal), None)).await.unwrap().into_inner()
    }

    /// Verifies a portal token.
    pub(super) async fn verify(&self, token: &str) -> Result<wire::VerifyPortalTokenResponse, Status> {
        let request = from_service(wire::VerifyPortalTokenRequest {}, Some(token));
        Ok(self.client().verify_portal_token(request).await?.into_inner())
    }

    /// Changes rows behind the service's back.
    pub(super) async fn tamper(&self, sql: &str, values: Vec<Value>) {
        let transaction = self.database.begin().await.unwrap();
        let backend = transaction.get_database_backend();
        transaction.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        transaction.commit().await.unwrap();
    }

    pub(super) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let reader = self.database.read();
        reader.query_all_raw(Statement::from_string(reader.get_database_backend(), sql)).await.unwrap()
    }

    pub(super) async fn audit(&self) -> Vec<Audited> {
        let columns = "type, organization_uuid, actor_name, subject_uuid, context, data";
        let rows = self.rows(&format!("SELECT {columns} FROM audit_events ORDER BY occurred_at, uuid")).await;
        let read = |row: QueryResult| Audited {
            kind: row.try_get("", "type").unwrap(),
            organization: row.try_get("", "organization_uuid").unwrap(),
            actor: row.try_get("", "actor_name").unwrap(),
            subject: row.try_get("", "subject_uuid").unwrap(),
            context: row.try_get("", "context").unwrap(),
            data: row.try_get("", "data").unwrap(),
        };
        rows.into_iter().map(read).collect()
    }
}

/// A row of the audit.
#[derive(Debug)]
pub(super) struct Audited {
    pub(super) kind: String,
    pub(super) organization: Uuid,
    pub(super) actor: Option<String>,
    pub(super) subject: Uuid,
    pub(super) context: serde_json::Value,
    pub(super) data: serde_json::Value,
}

pub(super) fn client(service: &Service) -> TokenServiceClient<Peer> {
    TokenServiceClient::new(Peer::local(Layered::new(service.routes())))
}

pub(super) fn issue(portal: Uuid) -> wire::IssueServiceTokenRequest {
    wire::IssueServiceTokenRequest {
        organization_uuid: ORGANIZATION.to_string(),
        portal_uuid: portal.to_string(),
        description: "CI".into(),
        created_by: Some(person()),
    }
}

pub(super) fn first_user(api_token: &Plain) -> FirstUser {
    FirstUser {
        organization_uuid: ORGANIZATION,
        name: "Ada".into(),
        email: "ada@example.com".into(),
        password: Zeroizing::new(PASSWORD.into()),
        api_token: api_token.clone(),
    }
}

/// A request that another part sends on behalf of who presented `token`.
pub(super) fn from_service<T>(message: T, token: Option<&str>) -> Request<T> {
    caller(token).onward(message, &service_key())
}

/// A request without the service key.
pub(super) fn from_outside<T>(message: T, token: Option<&str>) -> Request<T> {
    caller(token).onward(message, &"x".repeat(32).parse().unwrap())
}

pub(super) fn caller(token: Option<&str>) -> Caller {
    Caller {
        authorization: token.map(|token| format!("Bearer {token}").parse().unwrap()),
        request_id: "r-1".parse().ok(),
        client_ip: "192.0.2.1".parse().ok(),
        client_agent: "curl".parse().ok(),
        is_service: false,
        is_counted: false,
    }
}

fn service_key() -> ServiceKey {
    "s".repeat(32).parse().unwrap()
}

fn ambient(clock: &Arc<HeldClock>) -> Ambient {
    Ambient::new(Arc::<HeldClock>::clone(clock), Arc::new(SystemEntropy))
}

/// A clock that stands until it is moved. The time since boot goes on by itself too, so that what waits for a lease to run
/// out comes to an end.
pub(super) struct HeldClock(AtomicI64, std::time::Instant);

impl Default for HeldClock {
    fn default() -> Self {
        Self(AtomicI64::default(), std::time::Instant::now())
    }
}

impl HeldClock {
    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Instant {
        at(self.0.load(Ordering::SeqCst))
    }

    fn since_boot(&self) -> Duration {
        self.1.elapsed() + Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| u8::from_be_bytes(Ambient::system().bytes()));
    }
}
