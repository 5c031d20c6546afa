//! From a portal's secret to a token (spec §5), cheapest work first: form and checksum → failure bucket → the row of the
//! selector, with its portal → gate → the cache of verified secrets → slow hash → rate → one transaction.
//!
//! From the look-up to the gate every step is always done, and no refusal gets further: garbage never reaches the slow hash,
//! and all refusals look alike and take the same time. Our log tells them apart.

mod verified;
mod writer;

use chrono::{DurationRound, TimeDelta};
use kit::{ambient::Instant, audit, boot::Tasks, credential::Plain, grpc::Caller, window::Counter};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Error, Service,
    authenticate::in_time,
    domain::{
        password,
        secret::{Claim, Gatekeeper, Refused, Secret, admit},
        token::{NewPortalToken, PortalKind},
        token_trail,
    },
    failures::Failure,
    store::{self, Store},
};
use verified::VerifiedSecrets;
use writer::Writer;

/// What the figures of the rate are about.
const SCOPE: &str = "exchanges";

/// What exchanges need and nothing else does.
pub(crate) struct Exchanges {
    gatekeeper: Gatekeeper,
    verified: VerifiedSecrets,
    /// Of one client, that passed the secret check.
    rate: Counter<Uuid>,
    per_minute: u32,
    writer: Writer,
}

/// A secret that is to be exchanged.
pub(crate) struct Request<'a> {
    pub(crate) claim: Claim,
    /// `client_id` as it was sent.
    pub(crate) client: &'a str,
    pub(crate) secret: &'a str,
    /// 1 to 60.
    pub(crate) minutes: u32,
}

/// A new token and when it ends, in whole seconds.
pub(crate) struct Exchanged {
    pub(crate) token: Plain,
    pub(crate) expires_at: Instant,
}

impl Exchanges {
    /// Begins the writer among `tasks`. `per_minute` is the rate of a client; 0: none.
    pub(crate) fn new(
        gatekeeper: Gatekeeper,
        (rate, per_minute): (Counter<Uuid>, u32),
        store: &Store,
        tasks: &Tasks,
        key: [u8; 32],
    ) -> Self {
        Self {
            gatekeeper,
            verified: VerifiedSecrets::new(key),
            rate,
            per_minute,
            writer: Writer::start(store.clone(), tasks),
        }
    }

    /// Makes the gates of new secrets.
    pub(crate) fn gatekeeper(&self) -> &Gatekeeper {
        &self.gatekeeper
    }

    /// Forgets that a secret was verified: it was removed.
    pub(crate) fn forget(&self, secret: Uuid) {
        self.verified.forget(secret);
    }

    /// Writes tokens together, past the queue.
    #[cfg(test)]
    pub(crate) async fn write(&self, exchanges: Vec<store::Exchange>) -> Vec<Result<Result<(), Refused>, Error>> {
        self.writer.write_all(exchanges).await
    }

    /// How many transactions made tokens.
    #[cfg(test)]
    pub(crate) fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

impl Service {
    /// Exchanges a secret that `caller` sent.
    pub(crate) async fn exchange(&self, request: &Request<'_>, caller: &Caller) -> Result<Exchanged, Error> {
        match self.try_exchange_secret(request, caller).await {
            Ok(exchanged) => Ok(exchanged),
            Err(Stop::Refused(why)) => Err(self.refuse_exchange(request, caller, why).await),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn try_exchange_secret(&self, request: &Request<'_>, caller: &Caller) -> Result<Exchanged, Stop> {
        let plain = Plain::parse(request.secret).map_err(|why| Stop::Refused(why.into()))?;
        let selector = plain.selector().ok_or(Stop::Refused(Refused::OtherKind))?;
        let (parts, now) = (&self.0, self.0.ambient.now());
        parts.failures.secrets.check(request.client, caller.client_ip, now).await?;
        let found = in_time(parts.store.find_secret(selector)).await?;
        let secret = admit(found, &request.claim, (&parts.exchanges.gatekeeper, &plain), now).map_err(Stop::Refused)?;
        let hash = self.verify_secret(&secret, &plain).await?.ok_or(Stop::Refused(Refused::Wrong))?;
        let figures = parts.exchanges.rate.count(secret.portal, parts.exchanges.per_minute, now).await;
        if let Some(over) = figures.filter(kit::window::Figures::is_over) {
            return Err(Error::TooFast(over, SCOPE).into());
        }
        let (exchanged, exchange) = self.new_exchange(&secret, &plain, request.minutes, caller);
        let exchange = store::Exchange { hash: hash.renewed, ..exchange };
        parts.exchanges.writer.write(exchange).await?.map_err(Stop::Refused)?;
        metrics::counter!("portals_token_exchanges_total").increment(1);
        Ok(exchanged)
    }

    /// The secret that `plain` is, whoever has it, whether or not it still counts. What isn't one is told by the gate, short of
    /// the slow hash.
    pub(crate) async fn known_secret(&self, plain: &Plain) -> Result<Option<Secret>, Error> {
        let Some(selector) = plain.selector() else { return Ok(None) };
        let Some(found) = in_time(self.0.store.find_secret(selector)).await? else { return Ok(None) };
        let secret = found.secret;
        if !self.0.exchanges.gatekeeper.opens(&secret.gate, secret.portal, plain) {
            return Ok(None);
        }
        Ok(self.verify_secret(&secret, plain).await?.map(|_known| secret))
    }

    /// Whether the secret is the one of the row's hash, `None` if not: from the cache or by the slow hash.
    async fn verify_secret(&self, secret: &Secret, plain: &Plain) -> Result<Option<Known>, Error> {
        let (slow_hash, now) = (&self.0.slow_hash, self.0.ambient.now());
        let text = || Zeroizing::new(plain.expose().to_owned());
        let verify = async {
            let verified = slow_hash.verify(text(), secret.hash.clone()).await?;
            if !verified.matches {
                return Ok(None);
            }
            // Raised when there is time for it: else the next use that isn't in the cache raises it.
            let renewed =
                if verified.outdated { slow_hash.hash(text(), self.0.ambient.bytes()).await.ok() } else { None };
            Ok(Some(renewed))
        };
        let known = self.0.exchanges.verified.know(secret.uuid, plain, now, verify).await?;
        Ok(known.map(|renewed| Known { renewed: renewed.filter(|_| password::is_outdated(&secret.hash)) }))
    }

    pub(crate) fn new_exchange(
        &self,
        secret: &Secret,
        plain: &Plain,
        minutes: u32,
        caller: &Caller,
    ) -> (Exchanged, store::Exchange) {
        let (plain_token, imprint) = self.new_portal_token();
        let ends = imprint.created_at + TimeDelta::minutes(minutes.into());
        let expires_at = ends.duration_trunc(TimeDelta::seconds(1)).unwrap_or(ends);
        let token = NewPortalToken {
            imprint: imprint.described(secret.description.clone()),
            organization: secret.organization,
            portal: secret.portal,
            kind: PortalKind::Ephemeral,
            created_by: secret.created_by.clone(),
            expires_at: Some(expires_at),
            secret: Some(secret.uuid),
            user: None,
            allowed_ip_addresses: None,
        };
        let gatekeeper = &self.0.exchanges.gatekeeper;
        let exchange = store::Exchange {
            secret: secret.uuid,
            event: token_trail::token_created(&token, audit::context(caller, Some(secret.uuid))),
            token,
            client_ip: caller.client_ip.map(|ip| ip.to_string()),
            gate: (!gatekeeper.is_current(&secret.gate)).then(|| gatekeeper.gate(secret.portal, plain)),
            hash: None,
        };
        (Exchanged { token: plain_token, expires_at }, exchange)
    }

    /// Counts a failure and answers what outsiders see of it.
    async fn refuse_exchange(&self, request: &Request<'_>, caller: &Caller, why: Refused) -> Error {
        let now = self.0.ambient.now();
        tracing::info!(%why, request_id = caller.request_id(), "exchange refused");
        let (claim, ip) = (&request.claim, caller.client_ip);
        let told = self.0.failures.secrets.count(request.client, ip, now, Error::InvalidClient).await;
        // What is refused for coming too fast isn't even tallied.
        if let (Some(client), Error::InvalidClient) = (claim.client, &told) {
            let vouched = caller.is_service && client == claim.portal && !client.is_nil();
            self.0.tally.note(Failure { client, ip, vouched }, now);
        }
        told
    }
}

/// Why there is no token.
enum Stop {
    /// It is the client's fault, and counts as a failure.
    Refused(Refused),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is known of a secret that was verified.
struct Known {
    /// A hash with the parameters of now, where the row's is weaker.
    renewed: Option<String>,
}
