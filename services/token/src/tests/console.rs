//! Somebody at the console, and somebody who asks them for a code.

use contracts::{
    credential::v1::{PortalReference, credential_service_client::CredentialServiceClient},
    directory::v1::{
        DecideCodeRequest, GetSessionRequest, SignInRequest, SignInResponse,
        session_service_client::SessionServiceClient,
    },
    token::v1::{CreateCodeRequest, CreateCodeResponse, ExchangeCodeRequest, ExchangeCodeResponse},
};
use kit::grpc::{Caller, Layered, Peer};
use tonic::{Request, Status};
use uuid::Uuid;

use super::world::{ORGANIZATION, PORTAL, World, caller, from_service};
use crate::Service;

/// A signed-in user.
pub(super) struct SignedIn {
    pub(super) session: String,
    pub(super) csrf_token: String,
}

pub(super) fn sessions(service: &Service) -> SessionServiceClient<Peer> {
    SessionServiceClient::new(Peer::local(Layered::new(service.routes())))
}

/// A request that the gateway sends for a client at `ip`.
pub(super) fn from_address<T>(world: &World, message: T, ip: &str) -> Request<T> {
    Caller { client_ip: ip.parse().ok(), ..caller(None) }.onward(message, &world.config.service_key)
}

#[expect(clippy::unnecessary_wraps, reason = "as messages have it")]
pub(super) fn reference(portal: Uuid) -> Option<PortalReference> {
    Some(PortalReference { organization_uuid: ORGANIZATION.to_string(), portal_uuid: portal.to_string() })
}

/// What is seen of a refusal from outside.
pub(super) fn seen<T: std::fmt::Debug>(answer: Result<T, Status>) -> (tonic::Code, String, Vec<u8>) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

impl World {
    pub(super) fn sessions(&self) -> SessionServiceClient<Peer> {
        sessions(&self.service)
    }

    pub(super) fn credentials(&self) -> CredentialServiceClient<Peer> {
        CredentialServiceClient::new(Peer::local(Layered::new(self.service.routes())))
    }

    /// Tries to sign in.
    pub(super) async fn sign_in(&self, email: &str, password: &str) -> Result<SignInResponse, Status> {
        let request = SignInRequest { email: email.into(), password: password.into() };
        Ok(self.sessions().sign_in(from_service(request, None)).await?.into_inner())
    }

    /// Signs a user in.
    pub(super) async fn signed_in(&self, email: &str) -> SignedIn {
        let session = self.sign_in(email, "correct horse").await.unwrap().session;
        let request = from_service(GetSessionRequest {}, Some(&session));
        let csrf_token = self.sessions().get_session(request).await.unwrap().into_inner().csrf_token;
        SignedIn { session, csrf_token }
    }

    /// Makes a user with the first one's password.
    pub(super) async fn make_user(&self, uuid: Uuid, email: &str) {
        let copy = "INSERT INTO users SELECT $1, 'Bo', $2, password_hash, created_at FROM users WHERE email = $3";
        self.tamper(copy, vec![uuid.into(), email.into(), "ada@example.com".into()]).await;
    }

    /// Makes a user a member.
    pub(super) async fn join(&self, user: Uuid, organization: Uuid) {
        let sql = "INSERT INTO memberships SELECT $1, $2, 'member', created_at FROM users WHERE uuid = $1";
        self.tamper(sql, vec![user.into(), organization.into()]).await;
    }

    /// Asks for a code of the portal, which this service learns of if it must.
    pub(super) async fn code(&self) -> CreateCodeResponse {
        self.issued(PORTAL).await;
        let request =
            CreateCodeRequest { organization_uuid: ORGANIZATION.to_string(), portal_uuid: PORTAL.to_string() };
        self.client().create_code(from_service(request, None)).await.unwrap().into_inner()
    }

    /// Decides on a code.
    pub(super) async fn decide(&self, who: &SignedIn, code: &str, approve: bool) -> Result<(), Status> {
        let request = DecideCodeRequest { code: code.into(), approve, csrf_token: who.csrf_token.clone() };
        self.sessions().decide_code(from_service(request, Some(&who.session))).await.map(|_done| ())
    }

    /// A code that the first user approved.
    pub(super) async fn approved_code(&self) -> CreateCodeResponse {
        let (code, ada) = (self.code().await, self.signed_in("ada@example.com").await);
        self.decide(&ada, &code.code, true).await.unwrap();
        code
    }

    /// Tries to exchange a code.
    pub(super) async fn exchange(&self, code: &CreateCodeResponse) -> Result<ExchangeCodeResponse, Status> {
        self.attempt(exchange_of(code)).await
    }

    pub(super) async fn attempt(&self, request: ExchangeCodeRequest) -> Result<ExchangeCodeResponse, Status> {
        Ok(self.client().exchange_code(from_service(request, None)).await?.into_inner())
    }
}

pub(super) fn exchange_of(code: &CreateCodeResponse) -> ExchangeCodeRequest {
    ExchangeCodeRequest {
        organization_uuid: ORGANIZATION.to_string(),
        portal_uuid: PORTAL.to_string(),
        code: code.code.clone(),
        secret: code.secret.clone(),
        expires_in_minutes: None,
    }
}
