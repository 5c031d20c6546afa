//! Portal secrets as they are stored, and whether one that is presented counts.

use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use kit::{ambient::Instant, credential::Plain, error::Violation, keys::RootKeys};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{expiry, token::Life, user::User};

/// The most secrets of one portal: two, so that rotation needs no outage (spec §4).
pub(crate) const MOST_SECRETS: u32 = 2;
/// The longest description, in characters.
const MOST_DESCRIPTION: usize = 255;
/// What the gate's keys are derived for.
const PURPOSE: &str = "portals/gate/v1";

/// 20 bits of a keyed hash of a secret and its portal, so that a row that somebody gives to another portal opens nothing there: let one of a million wrong secrets through to the slow hash, and tell who reads the
/// database too little to find the secret by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    pub(crate) key_id: String,
    /// 0 to 2²⁰ − 1.
    pub(crate) bits: u32,
}

/// Makes and compares gates under the keys of the key file, as it is at the moment.
pub(crate) struct Gatekeeper(ArcSwap<Live>);

struct Live {
    in_use: Key,
    retiring: Option<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    hmac: Hmac<Sha256>,
}

impl Gatekeeper {
    /// With the keys of a file; `None` if there are no keys.
    pub(crate) fn new(keys: &RootKeys) -> Option<Self> {
        Live::new(keys).map(|live| Self(ArcSwap::from_pointee(live)))
    }

    /// Uses other keys from now on; nothing changes if there are none.
    pub(crate) fn replace(&self, keys: &RootKeys) {
        if let Some(live) = Live::new(keys) {
            self.0.store(live.into());
        }
    }

    /// The gate that a row of this secret of the portal carries from now on.
    pub(crate) fn gate(&self, portal: Uuid, plain: &Plain) -> Gate {
        let live = self.0.load();
        Gate { key_id: live.in_use.id.clone(), bits: live.in_use.bits(portal, plain) }
    }

    /// Whether `gate` may be one of `plain` at the portal, under the key that `gate` was made under. Takes as long for every
    /// secret and portal.
    pub(crate) fn opens(&self, gate: &Gate, portal: Uuid, plain: &Plain) -> bool {
        let live = self.0.load();
        let key = std::iter::once(&live.in_use).chain(&live.retiring).find(|key| key.id == gate.key_id);
        let same = key.unwrap_or(&live.in_use).bits(portal, plain).ct_eq(&gate.bits);
        bool::from(same) & key.is_some()
    }

    /// Whether `gate` was made under the key that new ones are made under.
    pub(crate) fn is_current(&self, gate: &Gate) -> bool {
        gate.key_id == self.0.load().in_use.id
    }
}

impl Live {
    fn new(keys: &RootKeys) -> Option<Self> {
        let mut keys = keys.iter().map(|key| Key::new(key.id(), key.derive(PURPOSE).as_slice()));
        Some(Self { in_use: keys.next()?, retiring: keys.next() })
    }
}

impl Key {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 §2)")]
    fn new(id: &str, bytes: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of every length");
        Self { id: id.to_owned(), hmac }
    }

    fn bits(&self, portal: Uuid, plain: &Plain) -> u32 {
        let output = self.hmac.clone().chain_update(portal).chain_update(plain.expose()).finalize().into_bytes();
        output.iter().take(4).fold(0, |bits, byte| bits << 8 | u32::from(*byte)) >> 12
    }
}

/// A secret as it is stored: what is needed to know it again, not the secret.
#[derive(Clone)]
pub(crate) struct Secret {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) selector: String,
    /// A PHC string, see `domain::password`.
    pub(crate) hash: String,
    pub(crate) gate: Gate,
    pub(crate) last_four: String,
    pub(crate) description: String,
    pub(crate) created_at: Instant,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) last_used_at: Option<Instant>,
    pub(crate) last_used_ip: Option<String>,
    pub(crate) created_by: User,
}

impl Secret {
    /// Whether its time is over.
    pub(crate) fn has_expired(&self, now: Instant) -> bool {
        Life { expires_at: self.expires_at, revoked_at: None }.has_expired(now)
    }
}

/// A secret that was found by its selector, with what is known of its portal.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) secret: Secret,
    /// Whether the portal's credentials were revoked for good.
    pub(crate) portal_revoked: bool,
}

/// What stands in for a row that isn't there, so that everything is done with it that is done with one. Its texts are as long
/// as others'.
pub(crate) fn stand_in() -> Secret {
    let nobody =
        User { uuid: Uuid::nil(), name: "x".repeat(16), email: "x".repeat(24), created_at: Instant::UNIX_EPOCH };
    Secret {
        uuid: Uuid::nil(),
        organization: Uuid::nil(),
        portal: Uuid::nil(),
        selector: "x".repeat(9),
        hash: "x".repeat(100),
        gate: Gate { key_id: String::new(), bits: 0 },
        last_four: "xxxx".to_owned(),
        description: "x".repeat(16),
        created_at: Instant::UNIX_EPOCH,
        expires_at: None,
        last_used_at: Some(Instant::UNIX_EPOCH),
        last_used_ip: Some("192.0.2.1".to_owned()),
        created_by: nobody,
    }
}

/// Which portal's client a caller says it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// The path's organization; nil for an unknown one.
    pub(crate) organization: Uuid,
    /// The path's portal; nil for an unknown one.
    pub(crate) portal: Uuid,
    /// `client_id`; `None` if it isn't a UUID.
    pub(crate) client: Option<Uuid>,
}

/// Why a secret doesn't count. For our logs only: outside all look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Malformed(#[from] kit::credential::Malformed),
    #[error("another kind of credential")]
    OtherKind,
    #[error("the client isn't the path's portal, or that is unknown")]
    UnknownClient,
    #[error("no such selector")]
    UnknownSelector,
    #[error("a secret of another portal")]
    OtherPortal,
    #[error("the gate is closed to it")]
    Gate,
    #[error("the portal's credentials were revoked")]
    PortalRevoked,
    #[error("expired")]
    Expired,
    #[error("not the secret of that hash")]
    Wrong,
    #[error("removed meanwhile")]
    Removed,
}

/// Decides on a secret, presented by who claims to be `claim`, and on what was found by its selector. Every step is done in
/// every case, with a stand-in where there was nothing, so that all refusals take the same time. The slow hash comes after it.
pub(crate) fn admit(
    found: Option<Found>,
    claim: &Claim,
    (gatekeeper, plain): (&Gatekeeper, &Plain),
    now: Instant,
) -> Result<Secret, Refused> {
    let is_known = found.is_some();
    let Found { secret, portal_revoked } = found.unwrap_or_else(|| Found { secret: stand_in(), portal_revoked: false });
    let is_client = claim.client == Some(claim.portal) && !claim.portal.is_nil();
    let is_own = (secret.organization, secret.portal) == (claim.organization, claim.portal);
    let is_open = gatekeeper.opens(&secret.gate, claim.portal, plain);
    let has_expired = secret.has_expired(now);
    let steps = [
        (is_client, Refused::UnknownClient),
        (is_known, Refused::UnknownSelector),
        (is_own, Refused::OtherPortal),
        (is_open, Refused::Gate),
        (!portal_revoked, Refused::PortalRevoked),
        (!has_expired, Refused::Expired),
    ];
    match steps.into_iter().find(|(passed, _)| !passed) {
        Some((_, refused)) => Err(refused),
        None => Ok(secret),
    }
}

/// What an administrator asks a new secret to be.
#[derive(Clone, Debug)]
pub(crate) struct Details {
    pub(crate) description: String,
    pub(crate) expires_at: Option<Instant>,
}

impl Details {
    /// The same with the expiry as it is kept; or everything that is wrong.
    pub(crate) fn check(self, now: Instant) -> Result<Self, Vec<Violation>> {
        let mut faults = Vec::new();
        if self.description.chars().count() > MOST_DESCRIPTION {
            faults
                .push(Violation::new("description", format!("must not be longer than {MOST_DESCRIPTION} characters")));
        }
        if self.description.contains('\0') {
            faults.push(Violation::new("description", "must not contain NUL characters"));
        }
        let expires_at = expiry::check(self.expires_at, now).map_err(|fault| faults.push(fault)).unwrap_or_default();
        if faults.is_empty() { Ok(Self { expires_at, ..self }) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests;
