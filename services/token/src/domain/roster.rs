//! What is asked about an organization's members, by those who show them in parts.

use kit::ambient::Instant;
use uuid::Uuid;

use super::user::{Member, Role};

/// The most members of one answer, and the most users that a question names.
pub(crate) const MOST: usize = 1_000;

/// How members are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those who came last first.
    RecentlyJoined,
    /// By name, whatever its case.
    Name,
}

/// A place in a list of members.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) user: Uuid,
    pub(crate) name: String,
    pub(crate) joined_at: Instant,
}

/// A question about an organization's members.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) organization: Uuid,
    /// Only these.
    pub(crate) users: Option<Vec<Uuid>>,
    pub(crate) except: Vec<Uuid>,
    /// Only those who are one of these; empty: whatever they are.
    pub(crate) roles: Vec<Role>,
    /// Only those whose name contains this.
    pub(crate) search: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) order: Order,
    pub(crate) after: Option<Place>,
    pub(crate) before: Option<Place>,
    /// Whether to begin at the end.
    pub(crate) backwards: bool,
    /// The most members to answer; 0: none are read.
    pub(crate) limit: u64,
    /// Whether to count all, whatever the places.
    pub(crate) count: bool,
}

/// A member, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) member: Member,
    pub(crate) joined_at: Instant,
}
