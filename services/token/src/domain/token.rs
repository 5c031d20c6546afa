//! Tokens as they are stored, and whether one that was found counts.

use std::net::IpAddr;

use kit::{ambient::Instant, credential::Plain};
use uuid::Uuid;

use super::{
    api_token::admits,
    scope::Scope,
    tag::Tag,
    user::{Membership, Role, User},
};

/// The most service tokens of one portal that live at once.
pub(crate) const MOST_SERVICE_TOKENS: u64 = 10;

/// What a portal token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortalKind {
    /// Stays until removed; the organization's authority.
    Service,
    /// Made of a secret; the organization's authority.
    Ephemeral,
    /// Made of a code; acts as a user.
    User,
}

impl PortalKind {
    /// The word that rows carry.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Ephemeral => "ephemeral",
            Self::User => "user",
        }
    }

    /// The kind of that [`PortalKind::word`].
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Service, Self::Ephemeral, Self::User].into_iter().find(|kind| kind.word() == word)
    }
}

/// When a token stops counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) expires_at: Option<Instant>,
    pub(crate) revoked_at: Option<Instant>,
}

/// A portal token that was found.
#[derive(Clone, Debug)]
pub(crate) struct PortalToken {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) kind: PortalKind,
    pub(crate) description: String,
    pub(crate) tag: Tag,
    pub(crate) life: Life,
    /// What an ephemeral token was made of.
    pub(crate) secret: Option<Uuid>,
    /// Whom a user token acts as.
    pub(crate) user: Option<Uuid>,
    /// Space-separated CIDRs; `None`: anywhere.
    pub(crate) allowed_ip_addresses: Option<String>,
    /// The head of the sequence of revocations when it was read, in the same statement; 0 where it wasn't asked for.
    pub(crate) sequence: u64,
}

/// An API access token that was found, with its user.
#[derive(Clone, Debug)]
pub(crate) struct ApiToken {
    pub(crate) uuid: Uuid,
    pub(crate) user: User,
    /// Sorted by name.
    pub(crate) scopes: Vec<Scope>,
    /// Those that both user and token reach, from where the caller is.
    pub(crate) memberships: Vec<Membership>,
    /// Organizations that they don't reach for where the caller is alone.
    pub(crate) closed: Vec<Uuid>,
    /// Space-separated CIDRs; `None`: anywhere.
    pub(crate) allowed_ip_addresses: Option<String>,
    pub(crate) tag: Tag,
    pub(crate) life: Life,
}

impl ApiToken {
    /// What the user is in `organization`; `None` if token or user don't reach it.
    pub(crate) fn role_in(&self, organization: Uuid) -> Option<Role> {
        self.memberships.iter().find(|own| own.organization == organization).map(|own| own.role)
    }

    /// The same from `address`: organizations whose list of addresses doesn't admit it are out of reach.
    pub(crate) fn seen_from(mut self, lists: &[(Uuid, String)], address: Option<IpAddr>) -> Self {
        let shut = lists.iter().filter(|(_, list)| !admits(Some(list), address)).map(|(organization, _)| *organization);
        self.closed = shut.collect();
        self.memberships.retain(|own| !self.closed.contains(&own.organization));
        self
    }
}

/// What every new token has: its row's id, and what of the plain text is kept.
#[derive(Clone, Debug)]
pub(crate) struct Imprint {
    pub(crate) uuid: Uuid,
    pub(crate) tag: Tag,
    pub(crate) last_four: String,
    pub(crate) description: String,
    pub(crate) created_at: Instant,
}

impl Imprint {
    /// The imprint of `plain`, without its description.
    pub(crate) fn new(uuid: Uuid, plain: &Plain, tag: Tag, created_at: Instant) -> Self {
        Self { uuid, tag, last_four: plain.last_four().to_owned(), description: String::new(), created_at }
    }

    /// The same with a description.
    pub(crate) fn described(self, description: String) -> Self {
        Self { description, ..self }
    }
}

/// A portal token to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewPortalToken {
    pub(crate) imprint: Imprint,
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) kind: PortalKind,
    pub(crate) created_by: User,
    /// `None`: when removed.
    pub(crate) expires_at: Option<Instant>,
    /// What an ephemeral token is made of.
    pub(crate) secret: Option<Uuid>,
    /// Whom a user token acts as.
    pub(crate) user: Option<Uuid>,
    /// Space-separated CIDRs; `None`: anywhere.
    pub(crate) allowed_ip_addresses: Option<String>,
}

/// A portal token as lists show it.
#[derive(Clone, Debug)]
pub(crate) struct TokenEntry {
    pub(crate) token: PortalToken,
    pub(crate) last_four: String,
    pub(crate) created_at: Instant,
    pub(crate) created_by: User,
    pub(crate) last_used_at: Option<Instant>,
    pub(crate) last_used_ip: Option<String>,
}

/// One of the two lists of a portal's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenList {
    /// Service tokens, oldest first. One that expired stays until it is removed.
    Service,
    /// Ephemeral and user tokens that haven't expired, newest first.
    Live,
}

impl TokenList {
    /// What stands in it.
    pub(crate) fn kinds(self) -> &'static [PortalKind] {
        match self {
            Self::Service => &[PortalKind::Service],
            Self::Live => &[PortalKind::Ephemeral, PortalKind::User],
        }
    }
}

/// Why a presented token doesn't count. For our logs only: outside they all look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("no bearer token")]
    Missing,
    #[error(transparent)]
    Malformed(#[from] kit::credential::Malformed),
    #[error("another kind of credential")]
    OtherKind,
    #[error("no such token")]
    Unknown,
    #[error("revoked")]
    Revoked,
    #[error("expired")]
    Expired,
    #[error("whom it acts as is no member of the organization")]
    NoMember,
}

/// Decides on a row that was found for one of `candidates`: constant-time comparison first, then its state.
pub(crate) fn judge(stored: &Tag, life: Life, candidates: &[Tag], now: Instant) -> Result<(), Refused> {
    if !candidates.iter().any(|candidate| candidate.is(stored)) {
        return Err(Refused::Unknown);
    }
    if life.revoked_at.is_some() {
        return Err(Refused::Revoked);
    }
    if life.has_expired(now) { Err(Refused::Expired) } else { Ok(()) }
}

impl Life {
    /// Whether its time is over; the instant of expiry itself is past it.
    pub(crate) fn has_expired(self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// Why a portal gets no further token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// Its credentials were revoked for good.
    PortalRevoked,
    /// It has as many as it may have.
    TooMany,
}

/// Decides whether a portal that is or isn't revoked and has `live` service tokens gets one more.
pub(crate) fn may_issue(revoked: bool, live: u64) -> Result<(), NoToken> {
    if revoked {
        return Err(NoToken::PortalRevoked);
    }
    if live >= MOST_SERVICE_TOKENS { Err(NoToken::TooMany) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn tag(bytes: u8) -> Tag {
        Tag { key_id: "k1".into(), bytes: vec![bytes; 32] }
    }

    #[test]
    fn only_a_matching_tag_in_a_good_state_counts() {
        let judged = |bytes, expires_at, revoked_at| {
            judge(&tag(bytes), Life { expires_at, revoked_at }, &[tag(1), tag(2)], at(10))
        };
        assert_eq!(judged(1, None, None), Ok(()));
        assert_eq!(judged(2, Some(at(11)), None), Ok(()));
        assert_eq!(judged(3, None, None), Err(Refused::Unknown));
        assert_eq!(judged(1, Some(at(10)), None), Err(Refused::Expired));
        assert_eq!(judged(1, None, Some(at(99))), Err(Refused::Revoked));
    }

    #[test]
    fn a_portal_has_at_most_ten_tokens_and_none_once_revoked() {
        assert_eq!(may_issue(false, 9), Ok(()));
        assert_eq!(may_issue(false, 10), Err(NoToken::TooMany));
        assert_eq!(may_issue(true, 0), Err(NoToken::PortalRevoked));
    }
}
