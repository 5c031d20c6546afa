//! A stored document with a URL.

use chrono::TimeDelta;
use kit::ambient::Instant;
use uuid::Uuid;

use super::{
    details::Details,
    id::{OrganizationId, PortalId},
    slug::Slug,
};

/// A user as they were when they did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) created_at: Instant,
}

/// A portal. Its document is the current version's.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    pub(crate) id: PortalId,
    pub(crate) organization: OrganizationId,
    pub(crate) slug: Slug,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) query: String,
    pub(crate) allowed_ip_addresses: Option<String>,
    pub(crate) user_invokable: bool,
    pub(crate) strict_variables: bool,
    pub(crate) version: u32,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    pub(crate) created_by: Author,
}

impl Portal {
    /// The portal as it is after `details` at `now`. A changed document is a new version.
    pub(crate) fn changed(self, details: Details, slug: Slug, now: Instant) -> Self {
        let version = if details.query == self.query { self.version } else { self.version + 1 };
        let Details {
            name,
            slug: _,
            description,
            query,
            allowed_ip_addresses,
            user_invokable,
            upstream: _,
            strict_variables,
        } = details;
        let Self { id, organization, created_at, updated_at, created_by, .. } = self;
        Self {
            id,
            organization,
            slug,
            name,
            description,
            query,
            allowed_ip_addresses,
            user_invokable,
            strict_variables,
            version,
            created_at,
            // Each change has its own time, by which one that is outdated is known.
            updated_at: now.max(updated_at + TimeDelta::microseconds(1)),
            created_by,
        }
    }

    /// What an administrator can change about it, as it is.
    pub(crate) fn details(&self) -> Details {
        Details {
            name: self.name.clone(),
            slug: Some(self.slug.to_string()),
            description: self.description.clone(),
            query: self.query.clone(),
            allowed_ip_addresses: self.allowed_ip_addresses.clone(),
            user_invokable: self.user_invokable,
            upstream: None,
            strict_variables: self.strict_variables,
        }
    }

    /// The names of what differs from `before`, as bodies name them. The audit trail keeps them.
    pub(crate) fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        [
            ("slug", self.slug != before.slug),
            ("name", self.name != before.name),
            ("description", self.description != before.description),
            ("query", self.query != before.query),
            ("allowed_ip_addresses", self.allowed_ip_addresses != before.allowed_ip_addresses),
            ("user_invokable", self.user_invokable != before.user_invokable),
            ("strict_variables", self.strict_variables != before.strict_variables),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}
