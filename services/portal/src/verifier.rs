//! The one way from here to the token service: who calls, and may they.
//!
//! Verdicts about portal tokens are kept for less than the 5 s in which a revocation must reach everyone (spec §7), counted
//! from the moment of asking on a clock that suspends with nothing and never steps. Verdicts about API access tokens aren't
//! kept: the token service counts requests as it verifies.

use std::time::Duration;

use contracts::token::v1::{
    IssueServiceTokenRequest, PortalTokenKind, RevokePortalRequest, Role, User as WireUser, VerifyApiTokenRequest,
    VerifyPortalTokenRequest, VerifyPortalTokenResponse, token_service_client::TokenServiceClient,
};
use hmac::{Hmac, KeyInit, Mac};
use kit::{
    ambient::{Ambient, Instant},
    credential::{self, Plain},
    grpc::{Caller, Peer, Refusal, ServiceKey, to_instant},
};
use moka::future::Cache;
use sha2::Sha256;
use tonic::{Request, Response, Status, metadata::MetadataMap};
use uuid::Uuid;

use crate::{
    domain::{
        id::{OrganizationId, PortalId},
        portal::{Author, Portal},
    },
    error::Error,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long issuing and revoking may take: they write.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a verdict counts, from the moment of asking.
const VERDICT_LIFE: Duration = Duration::from_secs(4);
const MOST_VERDICTS: u64 = 100_000;

/// A portal token is good for one portal.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) token: Uuid,
    pub(crate) portal: PortalId,
    expires_at: Option<Instant>,
    asked: Duration,
}

/// Who presents an API access token.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) token: Uuid,
    pub(crate) user: Author,
    scopes: Vec<String>,
    memberships: Vec<(OrganizationId, Role)>,
}

impl Identity {
    /// Refuses a token without `scope`.
    pub(crate) fn require_scope(&self, scope: &'static str) -> Result<(), Error> {
        if self.scopes.iter().any(|own| own == scope) { Ok(()) } else { Err(Error::MissingScope(scope)) }
    }

    /// The organizations within reach.
    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        self.memberships.iter().map(|(organization, _)| *organization).collect()
    }

    /// The user's place in `organization`; `None` if it is out of reach.
    pub(crate) fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        self.memberships.iter().find(|(own, _)| *own == organization).map(|(_, role)| *role)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unverified {
    Refused,
    Unavailable,
}

/// Asks the token service, and remembers.
#[derive(Clone)]
pub(crate) struct Verifier {
    client: TokenServiceClient<Peer>,
    key: ServiceKey,
    ambient: Ambient,
    verdicts: Cache<[u8; 32], Verdict>,
    /// Keys of the cache are hashes under a key of this process, so that memory holds no token and nobody can aim at a slot.
    hash: Hmac<Sha256>,
}

impl Verifier {
    pub(crate) fn new(token: Peer, key: ServiceKey, ambient: Ambient) -> Result<Self, Error> {
        let hash = Hmac::new_from_slice(&ambient.bytes::<32>())
            .map_err(|_length: hmac::digest::InvalidLength| Error::Garbled("a hash key"))?;
        let verdicts = Cache::builder().max_capacity(MOST_VERDICTS).time_to_live(VERDICT_LIFE).build();
        Ok(Self { client: TokenServiceClient::new(token), key, ambient, verdicts, hash })
    }

    /// What the presented portal token is good for. One question at a time for each token, however many ask.
    pub(crate) async fn verify_portal_token(&self, caller: &Caller) -> Result<Verdict, Error> {
        let token = caller.bearer().and_then(|text| Plain::parse(text).ok());
        let token = token.filter(|token| token.kind() == credential::Kind::Portal).ok_or(Error::PortalTokenRequired)?;
        let slot: [u8; 32] = self.hash.clone().chain_update(token.expose()).finalize().into_bytes().into();
        if let Some(verdict) = self.verdicts.get(&slot).await {
            if self.is_fresh(&verdict) {
                return self.unexpired(verdict);
            }
            self.verdicts.invalidate(&slot).await;
        }
        let verdict =
            self.verdicts.try_get_with(slot, self.ask(caller)).await.map_err(|unverified| match *unverified {
                Unverified::Refused => Error::PortalTokenRequired,
                Unverified::Unavailable => Error::VerificationUnavailable,
            })?;
        // The process may have been suspended since it asked.
        if self.is_fresh(&verdict) { self.unexpired(verdict) } else { Err(Error::VerificationUnavailable) }
    }

    fn is_fresh(&self, verdict: &Verdict) -> bool {
        self.ambient.since_boot().saturating_sub(verdict.asked) < VERDICT_LIFE
    }

    fn unexpired(&self, verdict: Verdict) -> Result<Verdict, Error> {
        let expired = verdict.expires_at.is_some_and(|end| self.ambient.now() >= end);
        if expired { Err(Error::PortalTokenRequired) } else { Ok(verdict) }
    }

    async fn ask(&self, caller: &Caller) -> Result<Verdict, Unverified> {
        let asked = self.ambient.since_boot();
        let mut request = caller.onward(VerifyPortalTokenRequest {}, &self.key);
        request.set_timeout(PATIENCE);
        let answer = tokio::time::timeout(PATIENCE, self.client.clone().verify_portal_token(request)).await;
        let reply = match answer {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) if is_refusal(&status) => return Err(Unverified::Refused),
            Ok(Err(_)) | Err(_) => return Err(Unverified::Unavailable),
        };
        verdict(reply, asked).ok_or(Unverified::Unavailable)
    }

    /// Who presents the API access token. The token service counts the request, for `organization` too if the user belongs
    /// to it; its rate figures are put into `notes`.
    pub(crate) async fn verify_api_token(
        &self,
        caller: &Caller,
        organization: Option<OrganizationId>,
        notes: &mut MetadataMap,
    ) -> Result<Identity, Error> {
        let message = VerifyApiTokenRequest { organization_uuid: organization.map(|id| id.0.to_string()) };
        let mut client = self.client.clone();
        let reply = send(PATIENCE, caller.onward(message, &self.key), |request| async move {
            client.verify_api_token(request).await
        })
        .await;
        if let Err(Error::Relayed(status)) = &reply {
            copy_figures(status.metadata(), notes);
        }
        let reply = reply?;
        copy_figures(reply.metadata(), notes);
        let reply = reply.into_inner();
        let memberships = reply.memberships.into_iter().filter_map(|membership| {
            let organization = membership.organization_uuid.parse().ok()?;
            Some((OrganizationId(organization), Role::try_from(membership.role).ok()?))
        });
        Ok(Identity {
            token: reply.token_uuid.parse().map_err(|_bad: uuid::Error| Error::Garbled("a token's uuid"))?,
            user: reply.user.and_then(author).ok_or(Error::Garbled("a user"))?,
            scopes: reply.scopes,
            memberships: memberships.collect(),
        })
    }

    /// Makes a service token for a portal that is about to be written.
    pub(crate) async fn issue_service_token(
        &self,
        caller: &Caller,
        portal: &Portal,
        description: &str,
    ) -> Result<String, Error> {
        let message = IssueServiceTokenRequest {
            organization_uuid: portal.organization.0.to_string(),
            portal_uuid: portal.id.0.to_string(),
            description: description.to_owned(),
            created_by: Some(wire_user(&portal.created_by)),
        };
        let mut client = self.client.clone();
        let request = caller.onward(message, &self.key);
        let reply =
            send(WRITE_PATIENCE, request, |request| async move { client.issue_service_token(request).await }).await?;
        Ok(reply.into_inner().token)
    }

    /// Revokes everything that calls a portal. `by`: who asked, `None` for the system.
    pub(crate) async fn revoke_portal(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        portal: PortalId,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        let message = RevokePortalRequest {
            organization_uuid: organization.0.to_string(),
            portal_uuid: portal.0.to_string(),
            revoked_by: by.map(wire_user),
        };
        let mut client = self.client.clone();
        let request = caller.onward(message, &self.key);
        send(WRITE_PATIENCE, request, |request| async move { client.revoke_portal(request).await }).await?;
        Ok(())
    }
}

/// Sends a request. The token service's own refusals are passed on; anything else that fails means that it can't be asked.
async fn send<Q, R, F>(
    patience: Duration,
    mut request: Request<Q>,
    rpc: impl FnOnce(Request<Q>) -> F,
) -> Result<Response<R>, Error>
where
    F: Future<Output = Result<Response<R>, Status>>,
{
    request.set_timeout(patience);
    match tokio::time::timeout(patience, rpc(request)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(status)) if is_refusal(&status) => Err(Error::Relayed(Box::new(status))),
        Ok(Err(status)) => {
            tracing::warn!(code = ?status.code(), detail = status.message(), "the token service can't be asked");
            Err(Error::VerificationUnavailable)
        }
        Err(_elapsed) => Err(Error::VerificationUnavailable),
    }
}

/// Whether the token service decided, rather than failed.
fn is_refusal(status: &Status) -> bool {
    use kit::error::Code::{Internal, Unavailable};
    Refusal::is_ours(status) && !matches!(Refusal::of(status).class, Internal | Unavailable)
}

fn verdict(reply: VerifyPortalTokenResponse, asked: Duration) -> Option<Verdict> {
    let VerifyPortalTokenResponse { token_uuid, portal_uuid, kind, expires_at } = reply;
    // A kind that this version doesn't know has powers that it doesn't know.
    (PortalTokenKind::try_from(kind) == Ok(PortalTokenKind::Service)).then_some(())?;
    Some(Verdict {
        token: token_uuid.parse().ok()?,
        portal: PortalId(portal_uuid.parse().ok()?),
        expires_at: expires_at.map(|at| to_instant(&at).ok_or(())).transpose().ok()?,
        asked,
    })
}

fn author(user: WireUser) -> Option<Author> {
    let WireUser { uuid, name, email, created_at } = user;
    Some(Author { uuid: uuid.parse().ok()?, name, email, created_at: to_instant(&created_at?)? })
}

/// A user on the wire.
pub(crate) fn wire_user(author: &Author) -> WireUser {
    let Author { uuid, name, email, created_at } = author.clone();
    WireUser { uuid: uuid.to_string(), name, email, created_at: Some(kit::grpc::to_timestamp(created_at)) }
}

fn copy_figures(from: &MetadataMap, to: &mut MetadataMap) {
    for entry in from.iter() {
        if let tonic::metadata::KeyAndValueRef::Ascii(name, value) = entry
            && name.as_str().starts_with("ratelimit-")
        {
            to.insert(name, value.clone());
        }
    }
}
