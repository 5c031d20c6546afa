//! Who asks, and what is within reach.

use uuid::Uuid;

/// An organization as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its id in the service that owns it.
    pub uuid: Uuid,
    /// Its name in paths and URLs.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// A user as the caller may see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their id in the service that owns them.
    pub uuid: Uuid,
    /// Their name for people.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// Who asks: a user, or an organization's authority (`user` is `None`), and the organizations within reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Whom new rows are attributed to.
    pub user: Option<User>,
    /// Everything outside these is invisible.
    pub organizations: Vec<Organization>,
}

impl Viewer {
    /// The organization of that slug, when within reach.
    pub(crate) fn organization_of_slug(&self, slug: &str) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.slug == slug)
    }

    /// The organization of that id, when within reach.
    pub(crate) fn organization(&self, uuid: Uuid) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.uuid == uuid)
    }

    /// The ids within reach: the scope of every statement.
    pub(crate) fn scope(&self) -> Vec<Uuid> {
        self.organizations.iter().map(|organization| organization.uuid).collect()
    }

    /// The user's id when that is their address.
    pub(crate) fn uuid_of(&self, email: &str) -> Option<Uuid> {
        self.user.as_ref().filter(|user| user.email.eq_ignore_ascii_case(email)).map(|user| user.uuid)
    }

    /// Whom a new build is attributed to: the author named, by name and address, or else the user.
    pub(crate) fn author(&self, named: Option<(String, String)>) -> Option<Person> {
        match named {
            Some((name, email)) => Some(Person { uuid: self.uuid_of(&email), name, email }),
            None => self.person(),
        }
    }

    /// What is kept of the user in the rows that they make.
    pub(crate) fn person(&self) -> Option<Person> {
        let user = self.user.as_ref()?;
        Some(Person { uuid: Some(user.uuid), name: user.name.clone(), email: user.email.clone() })
    }
}

/// A snapshot of somebody at the time that they did something; no `uuid` when they aren't a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) uuid: Option<Uuid>,
    pub(crate) name: String,
    pub(crate) email: String,
}
