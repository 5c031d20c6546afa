//! Upstreams outside this process: who may be dialed, with which headers, and what comes of it (spec §10).
//!
//! `seal` keeps headers secret at rest; `target` is where a portal runs, with its schema; `outbound` dials; `assertion` says on
//! whose behalf.

pub(crate) mod assertion;
pub(crate) mod outbound;
pub(crate) mod seal;
pub(crate) mod target;
