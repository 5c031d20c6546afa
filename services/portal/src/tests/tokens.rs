//! A scripted token service.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::token::v1::{
    CreateCodeRequest, CreateCodeResponse, ExchangeCodeRequest, ExchangeCodeResponse, ExchangeSecretRequest,
    ExchangeSecretResponse, GetAuthenticatedUserRequest, GetAuthenticatedUserResponse, IssueServiceTokenRequest,
    IssueServiceTokenResponse, ListOutboxEventsRequest, ListOutboxEventsResponse, Membership, OutboxEvent,
    PortalTokenKind, RemoveOutboxEventsRequest, RemoveOutboxEventsResponse, ReportLeakRequest, ReportLeakResponse,
    ReportUsesRequest, ReportUsesResponse, RevokePortalRequest, RevokePortalResponse, Role, TokenUse, User as WireUser,
    VerifyApiTokenRequest, VerifyApiTokenResponse, VerifyPortalTokenRequest, VerifyPortalTokenResponse,
    WatchRevocationsRequest, WatchRevocationsResponse,
    token_service_server::{TokenService, TokenServiceServer},
};
use kit::{
    ambient::Instant,
    boot::Tasks,
    error::{Code, Fault},
    grpc::{to_status, to_timestamp},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{
    sequence::Sequence,
    world::{HeldClock, portal_token},
};

pub(super) use super::sequence::revocation;

/// The portal token's own id.
pub(super) const TOKEN: Uuid = Uuid::from_u128(0x70);
/// What the portal token depends on.
pub(super) const SECRET: Uuid = Uuid::from_u128(0x5e);

/// What the scripted token service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Works,
    Refuses,
    Hangs,
    Breaks,
    /// It takes the asker for none of its services.
    WrongKey,
}

/// What happens between the reading of a verdict and its arrival.
#[derive(Clone, Debug)]
pub(super) enum Meanwhile {
    Paused(Duration),
    /// That id is revoked, and the verifier applies it.
    Revoked(Uuid),
    /// The answer waits for a permit.
    Held(Arc<Semaphore>),
}

/// A token service that knows one portal token for each portal that it issued for, and one API access token.
pub(super) struct Tokens {
    pub(super) mood: Mutex<Mood>,
    pub(super) scopes: Mutex<Vec<&'static str>>,
    pub(super) role: Mutex<Option<Role>>,
    pub(super) expires_at: Mutex<Option<Instant>>,
    /// The portal token's kind, as the wire has it.
    pub(super) kind: Mutex<i32>,
    /// Where the portal token's user belongs.
    pub(super) memberships: Mutex<Vec<Uuid>>,
    pub(super) allowed: Mutex<Option<String>>,
    pub(super) meanwhile: Mutex<Option<Meanwhile>>,
    pub(super) verified: AtomicUsize,
    pub(super) issued: Mutex<Vec<String>>,
    /// What it does when it has issued.
    pub(super) issuing: Mutex<Mood>,
    /// Portals that were revoked for good.
    pub(super) revoked: Mutex<Vec<String>>,
    /// Portals whose user tokens were revoked.
    pub(super) users_revoked: Mutex<Vec<String>>,
    /// Whether the last revocation was to be waited for.
    pub(super) waited: AtomicBool,
    /// A portal whose credentials it never revokes.
    pub(super) unrevocable: Mutex<Option<String>>,
    /// What it does when it shall revoke.
    pub(super) revoking: Mutex<Mood>,
    pub(super) uses: Mutex<Vec<TokenUse>>,
    /// Events that nobody has carried on.
    pub(super) outbox: Mutex<Vec<OutboxEvent>>,
    pub(super) organization: Mutex<String>,
    pub(super) sequence: Sequence,
    clock: Arc<HeldClock>,
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

#[derive(Debug, thiserror::Error)]
#[error("Only services may call this")]
struct WrongKey;

impl Fault for WrongKey {
    fn class(&self) -> Code {
        Code::Forbidden
    }
    fn reason(&self) -> &'static str {
        "service_key_required"
    }
}

fn ada() -> WireUser {
    WireUser {
        uuid: Uuid::from_u128(7).to_string(),
        name: "Ada".into(),
        email: "ada@example.com".into(),
        created_at: Some(to_timestamp(Instant::from_timestamp(0, 0).unwrap())),
    }
}

impl Tokens {
    pub(super) fn new(clock: Arc<HeldClock>) -> Self {
        let sequence = Sequence::new();
        Self {
            mood: Mutex::new(Mood::Works),
            scopes: Mutex::new(vec!["read_organizations", "read_portals", "write_portals", "graphql"]),
            role: Mutex::new(Some(Role::Admin)),
            expires_at: Mutex::default(),
            kind: Mutex::new(PortalTokenKind::Service.into()),
            memberships: Mutex::default(),
            allowed: Mutex::default(),
            meanwhile: Mutex::default(),
            verified: AtomicUsize::new(0),
            issued: Mutex::default(),
            issuing: Mutex::new(Mood::Works),
            revoked: Mutex::default(),
            users_revoked: Mutex::default(),
            waited: AtomicBool::new(false),
            unrevocable: Mutex::default(),
            revoking: Mutex::new(Mood::Works),
            uses: Mutex::default(),
            outbox: Mutex::default(),
            organization: Mutex::default(),
            sequence,
            clock,
        }
    }

    pub(super) fn server(self: &Arc<Self>) -> TokenServiceServer<impl TokenService> {
        TokenServiceServer::new(Scripted(Arc::clone(self)))
    }

    pub(super) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    async fn behave(&self) -> Result<(), Status> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Works => Ok(()),
            Mood::Refuses => Err(to_status(&Refused)),
            Mood::Hangs => std::future::pending().await,
            Mood::Breaks => Err(Status::unavailable("broken")),
            Mood::WrongKey => Err(to_status(&WrongKey)),
        }
    }

    fn verdict(&self) -> VerifyPortalTokenResponse {
        let portal_uuid = self.issued.lock().unwrap().last().cloned().unwrap_or_else(|| Uuid::nil().to_string());
        let kind = *self.kind.lock().unwrap();
        let membership = |uuid: &Uuid| Membership { organization_uuid: uuid.to_string(), role: Role::Member.into() };
        VerifyPortalTokenResponse {
            token_uuid: TOKEN.to_string(),
            portal_uuid,
            kind,
            expires_at: self.expires_at.lock().unwrap().map(to_timestamp),
            depends_on: vec![SECRET.to_string()],
            user: (kind == i32::from(PortalTokenKind::User)).then(ada),
            memberships: self.memberships.lock().unwrap().iter().map(membership).collect(),
            allowed_ip_addresses: self.allowed.lock().unwrap().clone(),
            sequence: self.sequence.head(),
        }
    }
}

#[derive(Clone)]
struct Scripted(Arc<Tokens>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TokenService for Scripted {
    type WatchRevocationsStream = ReceiverStream<Result<WatchRevocationsResponse, Status>>;

    async fn verify_portal_token(&self, _: Request<VerifyPortalTokenRequest>) -> Answer<VerifyPortalTokenResponse> {
        self.0.verified.fetch_add(1, Ordering::SeqCst);
        self.0.behave().await?;
        tokio::task::yield_now().await;
        let verdict = self.0.verdict();
        let meanwhile = self.0.meanwhile.lock().unwrap().take();
        match meanwhile {
            None => {}
            Some(Meanwhile::Paused(time)) => self.0.clock.advance(time),
            Some(Meanwhile::Revoked(id)) => self.0.sequence.revoke(id).await,
            Some(Meanwhile::Held(gate)) => gate.acquire().await.unwrap().forget(),
        }
        Ok(Response::new(verdict))
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
            user: Some(ada()),
            scopes: self.0.scopes.lock().unwrap().iter().map(ToString::to_string).collect(),
            memberships: role.map(|role| Membership { organization_uuid, role: role.into() }).into_iter().collect(),
            organization_rate: None,
        }))
    }

    async fn report_leak(&self, _: Request<ReportLeakRequest>) -> Result<Response<ReportLeakResponse>, Status> {
        Err(unasked())
    }

    async fn get_authenticated_user(
        &self,
        _: Request<GetAuthenticatedUserRequest>,
    ) -> Result<Response<GetAuthenticatedUserResponse>, Status> {
        Err(unasked())
    }

    async fn issue_service_token(
        &self,
        request: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        self.0.behave().await?;
        self.0.issued.lock().unwrap().push(request.into_inner().portal_uuid);
        if *self.0.issuing.lock().unwrap() == Mood::Hangs {
            return std::future::pending().await;
        }
        Ok(Response::new(IssueServiceTokenResponse { token_uuid: TOKEN.to_string(), token: portal_token() }))
    }

    async fn revoke_portal(
        &self,
        request: Request<RevokePortalRequest>,
    ) -> Result<Response<RevokePortalResponse>, Status> {
        self.0.behave().await?;
        let mood = *self.0.revoking.lock().unwrap();
        let RevokePortalRequest { portal_uuid, kinds, wait, .. } = request.into_inner();
        match mood {
            Mood::Works if self.0.unrevocable.lock().unwrap().as_ref() != Some(&portal_uuid) => {}
            Mood::Hangs => return std::future::pending().await,
            _ => return Err(Status::unavailable("broken")),
        }
        self.0.waited.store(wait, Ordering::SeqCst);
        let list = match kinds.as_slice() {
            [] => &self.0.revoked,
            [kind] if *kind == i32::from(PortalTokenKind::User) => &self.0.users_revoked,
            other => return Err(Status::invalid_argument(format!("{other:?}"))),
        };
        list.lock().unwrap().push(portal_uuid);
        Ok(Response::new(RevokePortalResponse { revoked_tokens: 1 }))
    }

    async fn exchange_secret(&self, _: Request<ExchangeSecretRequest>) -> Answer<ExchangeSecretResponse> {
        Err(unasked())
    }

    async fn create_code(&self, _: Request<CreateCodeRequest>) -> Result<Response<CreateCodeResponse>, Status> {
        Err(unasked())
    }

    async fn exchange_code(&self, _: Request<ExchangeCodeRequest>) -> Result<Response<ExchangeCodeResponse>, Status> {
        Err(unasked())
    }

    async fn watch_revocations(
        &self,
        request: Request<Streaming<WatchRevocationsRequest>>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        let (stream, messages) = mpsc::channel(64);
        self.0.sequence.watch(stream);
        Tasks::default().spawn(self.0.sequence.clone().hear(request.into_inner()));
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    async fn report_uses(&self, request: Request<ReportUsesRequest>) -> Result<Response<ReportUsesResponse>, Status> {
        self.0.behave().await?;
        self.0.uses.lock().unwrap().extend(request.into_inner().uses);
        Ok(Response::new(ReportUsesResponse {}))
    }

    async fn list_outbox_events(
        &self,
        _: Request<ListOutboxEventsRequest>,
    ) -> Result<Response<ListOutboxEventsResponse>, Status> {
        self.0.behave().await?;
        Ok(Response::new(ListOutboxEventsResponse { events: self.0.outbox.lock().unwrap().clone() }))
    }

    async fn remove_outbox_events(
        &self,
        request: Request<RemoveOutboxEventsRequest>,
    ) -> Result<Response<RemoveOutboxEventsResponse>, Status> {
        self.0.behave().await?;
        let uuids = request.into_inner().uuids;
        self.0.outbox.lock().unwrap().retain(|event| !uuids.contains(&event.uuid));
        Ok(Response::new(RemoveOutboxEventsResponse {}))
    }
}

fn unasked() -> Status {
    Status::unimplemented("not asked by the portal service")
}
