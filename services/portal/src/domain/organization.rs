//! Organizations.

use kit::ambient::Instant;

use super::id::OrganizationId;

/// An organization.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) slug: String,
    pub(crate) name: String,
    /// Portal calls a minute; `None`: the installation's default; 0: no limit.
    pub(crate) portal_requests_per_minute: Option<u32>,
    pub(crate) created_at: Instant,
}
