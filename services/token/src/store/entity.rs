//! The tables.
#![allow(unreachable_pub, reason = "the entity macros write `pub`")]

pub(super) mod api_settings;
pub(super) mod api_token;
pub(super) mod api_token_organization;
pub(super) mod code;
pub(super) mod key_reader;
pub(super) mod known_portal;
pub(super) mod membership;
pub(super) mod portal_secret;
pub(super) mod portal_token;
pub(super) mod revocation;
pub(super) mod revocation_head;
pub(super) mod session;
pub(super) mod user;
