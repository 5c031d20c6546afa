//! Rows as sea-orm reads them.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the columns are described in the migration; derives make public items"
)]

pub(super) mod change;
pub(super) mod delivery;
pub(super) mod intended_portal;
pub(super) mod notification_service;
pub(super) mod organization;
pub(super) mod portal;
pub(super) mod portal_version;
pub(super) mod upstream;
pub(super) mod upstream_schema;
pub(super) mod usage;
