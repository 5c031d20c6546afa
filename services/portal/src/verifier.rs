//! The one way from here to the token service: who calls, and may they.
//!
//! Verdicts about portal tokens are kept, and count while a lease is live, all revocations up to the lease's head are
//! applied, and the token hasn't expired (spec §7, ADR 0011). Otherwise the token service is asked again. Verdicts about API
//! access tokens aren't kept: the token service counts requests as it verifies.

mod figures;
mod flights;
mod identity;
mod lease;
mod outbox;
mod recent;
mod trail;
mod uses;
mod verdict;
mod verdicts;
mod watch;

use std::{sync::Arc, time::Duration};

use contracts::{
    audit::v1::audit_service_client::AuditServiceClient,
    token::v1::{
        IssueServiceTokenRequest, PortalTokenKind, RevokePortalRequest, User as WireUser, VerifyApiTokenRequest,
        VerifyPortalTokenRequest, token_service_client::TokenServiceClient,
    },
};
use hmac::{Hmac, KeyInit, Mac};
use kit::{
    ambient::Ambient,
    credential::{self, Plain},
    error::Code,
    grpc::{Caller, MOST_PAGE_BYTES, Peer, Refusal, ServiceKey, for_all},
};
use sha2::Sha256;
use tonic::{Request, Response, Status, metadata::MetadataMap};

use self::{
    figures::Lookups,
    flights::Flights,
    lease::Lease,
    uses::Uses,
    verdict::Unverified,
    verdicts::{Slot, Verdicts},
};
use crate::{
    domain::{
        id::{OrganizationId, PortalId},
        portal::{Author, Portal},
    },
    error::Error,
};

pub(crate) use identity::Identity;
pub(crate) use verdict::Verdict;

/// How long a verdict counts under a lease. A token that is used all the time must come by the token service now and then:
/// that is where rows are re-keyed.
const LONGEST: Duration = Duration::from_mins(10);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long issuing and revoking may take: they write.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// How long revoking may take that waits for every watcher, or for a lease to run out.
const WAIT_PATIENCE: Duration = Duration::from_secs(8);
const MOST_VERDICTS: u64 = 100_000;

type Answer = Result<Arc<Verdict>, Unverified>;

/// Asks the token service, and remembers. Clones share what is remembered.
#[derive(Clone)]
pub(crate) struct Verifier {
    client: TokenServiceClient<Peer>,
    trail: AuditServiceClient<Peer>,
    key: ServiceKey,
    ambient: Ambient,
    lease: Arc<Lease>,
    verdicts: Arc<Verdicts>,
    flights: Arc<Flights<Answer>>,
    uses: Arc<Uses>,
    hash: Hmac<Sha256>,
    lookups: Lookups,
}

impl Verifier {
    pub(crate) fn new(token: Peer, key: ServiceKey, ambient: Ambient) -> Result<Self, Error> {
        let hash = Hmac::new_from_slice(&ambient.bytes::<32>())
            .map_err(|_length: hmac::digest::InvalidLength| Error::Garbled("a hash key"))?;
        Ok(Self {
            trail: AuditServiceClient::new(token.clone()).max_decoding_message_size(MOST_PAGE_BYTES),
            client: TokenServiceClient::new(token),
            key,
            ambient,
            lease: Arc::default(),
            verdicts: Arc::new(Verdicts::new(MOST_VERDICTS)),
            flights: Arc::default(),
            uses: Arc::default(),
            hash,
            lookups: Lookups::default(),
        })
    }

    /// What the presented portal token is good for. One question at a time for each token, however many ask.
    pub(crate) async fn verify_portal_token(&self, caller: &Caller) -> Result<Arc<Verdict>, Error> {
        let token = caller.bearer().and_then(|text| Plain::parse(text).ok());
        let token = token.filter(|token| token.kind() == credential::Kind::Portal).ok_or(Error::PortalTokenRequired)?;
        let slot: Slot = self.hash.clone().chain_update(token.expose()).finalize().into_bytes().into();
        if self.is_leased()
            && let Some(verdict) = self.verdicts.get(&slot)
            && self.age(&verdict) < LONGEST
        {
            self.lookups.hits.increment(1);
            return self.unexpired(verdict);
        }
        self.lookups.misses.increment(1);
        let verdict = match self.fresh(caller, slot).await {
            Ok(verdict) => verdict,
            Err(Unverified::Refused) => return Err(Error::PortalTokenRequired),
            Err(Unverified::Unavailable) => return Err(Error::VerificationUnavailable),
        };
        // The process may have been suspended since it asked.
        if self.age(&verdict) < lease::LIFE { self.unexpired(verdict) } else { Err(Error::VerificationUnavailable) }
    }

    /// The answer of a question that was asked after this was called, or of an older one that nothing has ended: one that
    /// was under way may have been answered before a revocation that the caller knows to be acknowledged.
    async fn fresh(&self, caller: &Caller, slot: Slot) -> Answer {
        // The answer is for whoever waits for it, whenever who asked first has to be done.
        let ask = || for_all(self.ask(caller, slot));
        match self.flights.join(slot, ask).await {
            // Under a lease whatever was acknowledged before is applied here, and told by the recent events.
            (Ok(verdict), false) if !(self.is_leased() && self.verdicts.vouch(&verdict)) => {
                self.flights.join(slot, ask).await.0
            }
            (answer, _) => answer,
        }
    }

    fn age(&self, verdict: &Verdict) -> Duration {
        self.ambient.since_boot().saturating_sub(verdict.asked)
    }

    /// How many wait for answers.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.flights.waiting()
    }

    /// Whether what is kept counts now.
    pub(crate) fn is_leased(&self) -> bool {
        self.lease.is_live(self.ambient.since_boot())
    }

    fn unexpired(&self, verdict: Arc<Verdict>) -> Result<Arc<Verdict>, Error> {
        let expired = verdict.expires_at.is_some_and(|end| self.ambient.now() >= end);
        if expired { Err(Error::PortalTokenRequired) } else { Ok(verdict) }
    }

    async fn ask(&self, caller: &Caller, slot: Slot) -> Answer {
        let (asked, generation) = (self.ambient.since_boot(), self.verdicts.generation());
        let mut request = caller.onward(VerifyPortalTokenRequest {}, &self.key);
        request.set_timeout(PATIENCE);
        let answer = tokio::time::timeout(PATIENCE, self.client.clone().verify_portal_token(request)).await;
        let reply = match answer {
            Ok(Ok(reply)) => reply.into_inner(),
            Ok(Err(status)) if is_refusal(&status) && Refusal::of(&status).class == Code::Unauthenticated => {
                self.verdicts.forget(&slot);
                return Err(Unverified::Refused);
            }
            Ok(Err(status)) => {
                tracing::warn!(code = ?status.code(), detail = status.message(), "a portal token can't be verified");
                return Err(Unverified::Unavailable);
            }
            Err(_elapsed) => return Err(Unverified::Unavailable),
        };
        let verdict = Arc::new(verdict::read(reply, asked)?);
        self.verdicts.keep(slot, Arc::clone(&verdict), generation);
        Ok(verdict)
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
        Identity::read(reply.into_inner())
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

    /// Revokes everything that calls a portal, for good. `by`: who asked, `None` for the system.
    pub(crate) async fn revoke_portal(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        portal: PortalId,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        self.revoke(caller, revocation(organization, portal, by)).await
    }

    /// The same, and waits until nobody accepts it any more.
    pub(crate) async fn revoke_portal_everywhere(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        portal: PortalId,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        self.revoke(caller, RevokePortalRequest { wait: true, ..revocation(organization, portal, by) }).await
    }

    /// Revokes the user tokens of a portal that there are now, and the codes for them.
    pub(crate) async fn revoke_user_tokens(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        portal: PortalId,
        by: Option<&Author>,
    ) -> Result<(), Error> {
        let kinds = vec![PortalTokenKind::User.into()];
        self.revoke(caller, RevokePortalRequest { kinds, ..revocation(organization, portal, by) }).await
    }

    async fn revoke(&self, caller: &Caller, message: RevokePortalRequest) -> Result<(), Error> {
        let mut client = self.client.clone();
        let patience = if message.wait { WAIT_PATIENCE } else { WRITE_PATIENCE };
        let request = caller.onward(message, &self.key);
        send(patience, request, |request| async move { client.revoke_portal(request).await }).await?;
        Ok(())
    }
}

fn revocation(organization: OrganizationId, portal: PortalId, by: Option<&Author>) -> RevokePortalRequest {
    RevokePortalRequest {
        organization_uuid: organization.0.to_string(),
        portal_uuid: portal.0.to_string(),
        revoked_by: by.map(wire_user),
        kinds: Vec::new(),
        wait: false,
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

/// Whether the token service decided about the caller, rather than failed. A service key that it refuses is our fault.
fn is_refusal(status: &Status) -> bool {
    let refusal = Refusal::of(status);
    let failed =
        matches!(refusal.class, Code::Internal | Code::Unavailable) || refusal.reason == "service_key_required";
    Refusal::is_ours(status) && !failed
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
