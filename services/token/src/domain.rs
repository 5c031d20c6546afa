//! What credentials are and what may be done with them. Pure: no database, wire, clock or randomness.

pub(crate) mod api_settings;
pub(crate) mod api_token;
pub(crate) mod code;
pub(crate) mod csrf;
pub(crate) mod email;
pub(crate) mod expiry;
pub(crate) mod key_reader;
pub(crate) mod leak;
pub(crate) mod notices;
pub(crate) mod page;
pub(crate) mod password;
pub(crate) mod person;
pub(crate) mod revocation;
pub(crate) mod roster;
pub(crate) mod scope;
pub(crate) mod secret;
pub(crate) mod service_token;
pub(crate) mod session;
pub(crate) mod tag;
pub(crate) mod token;
pub(crate) mod token_trail;
pub(crate) mod trail;
pub(crate) mod user;
pub(crate) mod uses;
