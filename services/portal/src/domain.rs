//! What portals are, without databases, wires, clocks or randomness.

pub(crate) mod branches;
pub(crate) mod content;
pub(crate) mod delivery;
pub(crate) mod details;
pub(crate) mod diff;
pub(crate) mod id;
pub(crate) mod notification_service;
pub(crate) mod organization;
pub(crate) mod page;
pub(crate) mod portal;
pub(crate) mod slug;
pub(crate) mod upstream;
pub(crate) mod usage;
pub(crate) mod version;
