//! People and their places in organizations.

use kit::{ambient::Instant, audit::Actor};
use uuid::Uuid;

/// A person, or a snapshot of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: Instant,
}

impl From<User> for Actor {
    fn from(user: User) -> Self {
        Self { uuid: user.uuid, name: user.name }
    }
}

/// What a user may do in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads.
    Member,
    /// Reads and changes.
    Admin,
}

impl Role {
    /// The word that rows carry.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }

    /// The role of that [`Role::word`].
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Member, Self::Admin].into_iter().find(|role| role.word() == word)
    }
}

/// A user in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: User,
    pub(crate) role: Role,
}

/// A user's place in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) organization: Uuid,
    pub(crate) role: Role,
}

/// Whether an organization with so many other administrators can do without a user of that role.
pub(crate) fn may_lose(role: Role, other_administrators: u64) -> bool {
    role != Role::Admin || other_administrators > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_keeps_one_administrator() {
        assert!(may_lose(Role::Member, 0) && may_lose(Role::Admin, 1));
        assert!(!may_lose(Role::Admin, 0));
    }
}
