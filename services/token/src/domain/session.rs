//! Sessions of the console.

use chrono::TimeDelta;
use kit::{ambient::Instant, credential::Plain};
use uuid::Uuid;

use super::{
    scope::Scope,
    tag::Tag,
    token::{ApiToken, Life, Refused, judge},
    user::{Membership, User},
};

/// How long a session lives without being used.
pub(crate) const IDLE: TimeDelta = TimeDelta::hours(12);
/// That a session is used is written no more often than this.
pub(crate) const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A session that was found, with its user.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) uuid: Uuid,
    pub(crate) tag: Tag,
    pub(crate) user: User,
    pub(crate) last_seen_at: Instant,
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) uuid: Uuid,
    pub(crate) tag: Tag,
    pub(crate) user: Uuid,
    pub(crate) created_at: Instant,
    pub(crate) client_ip: Option<String>,
    pub(crate) client_agent: Option<String>,
}

/// A session that counts.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) uuid: Uuid,
    pub(crate) plain: Plain,
    pub(crate) tag: Tag,
    pub(crate) user: User,
    /// Sorted by organization.
    pub(crate) memberships: Vec<Membership>,
}

impl StoredSession {
    /// Decides on a row that was found for one of `candidates`.
    pub(crate) fn judge(&self, candidates: &[Tag], now: Instant) -> Result<(), Refused> {
        judge(&self.tag, Life { expires_at: Some(self.last_seen_at + IDLE), revoked_at: None }, candidates, now)
    }

    /// Whether it is time to write that the session was used.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.last_seen_at + SEEN_EVERY <= now
    }
}

impl Session {
    /// What it is worth where an API access token is asked for: every scope, and the roles of its user.
    pub(crate) fn into_token(self) -> ApiToken {
        let Self { uuid, plain: _, tag, user, memberships } = self;
        let mut scopes = Scope::all();
        scopes.sort_unstable_by_key(|scope| scope.name());
        // It was judged when it was found, and is looked up again each time.
        let life = Life { expires_at: None, revoked_at: None };
        ApiToken { uuid, user, scopes, memberships, closed: Vec::new(), allowed_ip_addresses: None, tag, life }
    }

    /// Whether the user belongs to `organization`.
    pub(crate) fn belongs_to(&self, organization: Uuid) -> bool {
        self.memberships.iter().any(|membership| membership.organization == organization)
    }
}
