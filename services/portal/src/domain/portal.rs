//! A stored document with a URL.

use chrono::TimeDelta;
use kit::ambient::Instant;
use uuid::Uuid;

use super::{
    content::Content,
    id::{OrganizationId, PortalId, UpstreamId},
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
    /// Where it runs; `None`: the built-in API.
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) content: Content,
    pub(crate) version: u32,
    pub(crate) check: Check,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    pub(crate) created_by: Author,
}

/// When a portal's document was last held against its upstream's schema, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Check {
    /// The digest of the schema; `None`: no schema was known.
    pub(crate) schema: Option<String>,
    /// Since when an operation can't run; `None`: all can.
    pub(crate) broken_since: Option<Instant>,
}

/// What a portal shall be.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) slug: Slug,
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) content: Content,
    /// What came of holding the document against its schema anew; `None`: that wasn't done.
    pub(crate) checked: Option<Check>,
}

impl Portal {
    /// The portal as it is after a change at `now`. A changed document is a new version.
    pub(crate) fn changed(self, change: Change, now: Instant) -> Self {
        let Change { slug, upstream, content, checked } = change;
        let version = if content.query == self.content.query { self.version } else { self.version + 1 };
        Self {
            slug,
            upstream,
            content,
            version,
            check: checked.unwrap_or(self.check),
            // Each change has its own time, by which one that is outdated is known.
            updated_at: now.max(self.updated_at + TimeDelta::microseconds(1)),
            ..self
        }
    }

    /// The names of what differs from `before`, as bodies name them. The audit trail keeps them.
    pub(crate) fn changed_fields(&self, before: &Self) -> Vec<&'static str> {
        let own = [("slug", self.slug != before.slug), ("upstream", self.upstream != before.upstream)];
        let own = own.into_iter().filter_map(|(field, differs)| differs.then_some(field));
        own.chain(self.content.changed_fields(&before.content)).collect()
    }
}
