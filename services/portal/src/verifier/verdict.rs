//! What a portal token is good for.

use std::{fmt, sync::atomic::AtomicU64, time::Duration};

use contracts::token::v1::{PortalTokenKind, User as WireUser, VerifyPortalTokenResponse};
use kit::{address::Networks, ambient::Instant, grpc::to_instant};
use uuid::Uuid;

use crate::domain::{
    id::{OrganizationId, PortalId},
    portal::Author,
};

/// A portal token is good for one portal.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) token: Uuid,
    pub(crate) portal: PortalId,
    /// Whom it acts as; `None`: with the organization's authority.
    pub(crate) acts_as: Option<Acting>,
    /// Where calls with it may come from; `None`: anywhere.
    pub(crate) networks: Option<Networks>,
    pub(super) kind: PortalTokenKind,
    pub(super) expires_at: Option<Instant>,
    /// When it was asked for, since boot.
    pub(super) asked: Duration,
    /// All revocations up to here were taken into account.
    pub(super) sequence: u64,
    depends_on: Vec<Uuid>,
    /// When its use was last noted: seconds since boot and one, 0 for never.
    pub(super) noted: AtomicU64,
}

/// The user of a user token.
pub(crate) struct Acting {
    pub(crate) user: Author,
    pub(crate) memberships: Vec<OrganizationId>,
}

impl fmt::Debug for Acting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acting")
    }
}

impl Verdict {
    /// The ids whose revocation ends it.
    pub(super) fn ids(&self) -> impl Iterator<Item = Uuid> {
        [self.token, self.portal.0].into_iter().chain(self.depends_on.iter().copied())
    }

    /// How much memory it takes, in verdicts of the least kind (about 1 KiB with its place in the index): an organization in
    /// reach takes an eighth of that.
    pub(super) fn weight(&self) -> u32 {
        let reach = self.acts_as.as_ref().map_or(0, |acting| acting.memberships.len());
        u32::try_from(1 + (reach + self.depends_on.len()) / 8).unwrap_or(u32::MAX)
    }
}

/// Why an answer is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unverified {
    /// The token doesn't count.
    Refused,
    /// It can't be known.
    Unavailable,
}

/// Reads an answer to a question that was asked at `asked`.
pub(super) fn read(reply: VerifyPortalTokenResponse, asked: Duration) -> Result<Verdict, Unverified> {
    // A kind that this version doesn't know has powers that it doesn't know.
    let kind = PortalTokenKind::try_from(reply.kind).unwrap_or_default();
    if kind == PortalTokenKind::Unspecified {
        return Err(Unverified::Refused);
    }
    parse(reply, kind, asked).ok_or(Unverified::Unavailable)
}

fn parse(reply: VerifyPortalTokenResponse, kind: PortalTokenKind, asked: Duration) -> Option<Verdict> {
    let VerifyPortalTokenResponse {
        token_uuid,
        portal_uuid,
        kind: _,
        expires_at,
        depends_on,
        user,
        memberships,
        allowed_ip_addresses,
        sequence,
    } = reply;
    let acts_as = if kind == PortalTokenKind::User {
        let organization = |uuid: String| uuid.parse().map(OrganizationId).ok();
        let memberships = memberships.into_iter().map(|membership| organization(membership.organization_uuid));
        Some(Acting { user: author(user?)?, memberships: memberships.collect::<Option<_>>()? })
    } else {
        None
    };
    // The list was valid when it was saved; one that can't be read any more admits nobody.
    let list = allowed_ip_addresses.filter(|list| !list.trim().is_empty());
    Some(Verdict {
        token: token_uuid.parse().ok()?,
        portal: PortalId(portal_uuid.parse().ok()?),
        acts_as,
        networks: list.map(|list| Networks::parse(&list).unwrap_or_default()),
        kind,
        expires_at: expires_at.map(|at| to_instant(&at).ok_or(())).transpose().ok()?,
        asked,
        sequence,
        depends_on: depends_on.iter().map(|id| id.parse().ok()).collect::<Option<_>>()?,
        noted: AtomicU64::new(0),
    })
}

/// A user, as the wire has them.
pub(super) fn author(user: WireUser) -> Option<Author> {
    let WireUser { uuid, name, email, created_at } = user;
    Some(Author { uuid: uuid.parse().ok()?, name, email, created_at: to_instant(&created_at?)? })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn reply(token: Uuid, sequence: u64) -> VerifyPortalTokenResponse {
        VerifyPortalTokenResponse {
            token_uuid: token.to_string(),
            portal_uuid: Uuid::from_u128(0xa00).to_string(),
            kind: PortalTokenKind::Ephemeral.into(),
            depends_on: vec![Uuid::from_u128(0xb00).to_string()],
            sequence,
            ..VerifyPortalTokenResponse::default()
        }
    }

    /// An ephemeral token's, of portal 0xa00 and secret 0xb00.
    pub(in crate::verifier) fn verdict(token: Uuid, sequence: u64) -> Verdict {
        read(reply(token, sequence), Duration::ZERO).unwrap()
    }

    fn refused(change: impl FnOnce(&mut VerifyPortalTokenResponse)) -> Unverified {
        let mut reply = reply(Uuid::nil(), 0);
        change(&mut reply);
        read(reply, Duration::ZERO).unwrap_err()
    }

    #[test]
    fn what_can_not_be_understood_is_no_verdict() {
        assert_eq!(refused(|reply| reply.kind = 0), Unverified::Refused);
        assert_eq!(refused(|reply| reply.kind = 99), Unverified::Refused);
        assert_eq!(refused(|reply| reply.depends_on.push("x".into())), Unverified::Unavailable);
        assert_eq!(refused(|reply| reply.portal_uuid.clear()), Unverified::Unavailable);
        assert_eq!(refused(|reply| reply.kind = PortalTokenKind::User.into()), Unverified::Unavailable, "no user");
    }

    #[test]
    fn a_list_that_can_not_be_read_admits_nobody() {
        let list = |list: &str| {
            let reply =
                VerifyPortalTokenResponse { allowed_ip_addresses: Some(list.to_owned()), ..reply(Uuid::nil(), 0) };
            read(reply, Duration::ZERO).unwrap().networks
        };
        assert_eq!(list(" "), None);
        assert_eq!(list("nonsense"), Some(Networks::default()));
        assert!(list("192.0.2.0/24").unwrap().contains("192.0.2.7".parse().unwrap()));
    }
}
