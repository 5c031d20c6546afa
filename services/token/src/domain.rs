//! What credentials are and what may be done with them. Pure: no database, wire, clock or randomness.

pub(crate) mod password;
pub(crate) mod scope;
pub(crate) mod tag;
pub(crate) mod token;
pub(crate) mod user;
