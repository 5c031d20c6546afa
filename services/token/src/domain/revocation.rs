//! What verifiers are told of: the sequence of revocations (spec §7).

use std::time::Duration;

use uuid::Uuid;

use super::token::PortalKind;

/// How long a verifier's kept verdicts count from the moment it asked for the lease.
pub(crate) const LEASE: Duration = Duration::from_secs(4);

/// Something was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revoked {
    /// Its place in the sequence, which has no gaps but those by which verifiers are made to forget everything.
    pub(crate) sequence: u64,
    /// A token, portal, secret or user.
    pub(crate) subject: Uuid,
    /// Only tokens of these kinds; empty: of any.
    pub(crate) kinds: Vec<PortalKind>,
}
