//! The portal service: the registry of organizations and portals, and the execution of what is stored.
//!
//! It owns organizations, portals and their versions, notification services and what is delivered to them, and the audit
//! trail of these. It owns no credential and no user: who calls
//! and what they may do is the token service's answer ([`verifier`](self) is the only way there). It doesn't know the
//! built-in API either: it runs any [`graphql::Embedded`].
//!
//! To add an RPC: write it in `proto/`, give it a file `rpc/<verb_noun>.rs` and a line in `rpc.rs`.

mod catalog;
mod compiler;
mod config;
mod domain;
mod drift;
mod error;
mod figures;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod graphql;
mod keys;
mod rpc;
mod service;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod upstream;
mod usage;
mod verifier;
mod webhooks;

pub use config::{CaCertificates, Config, Limits, Upstream, Webhooks};
pub use service::{Service, StartError};
pub use store::{Migrator, count_rows_under};
