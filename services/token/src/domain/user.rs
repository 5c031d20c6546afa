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

/// A user's place in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) organization: Uuid,
    pub(crate) role: Role,
}
