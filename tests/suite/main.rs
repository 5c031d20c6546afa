//! The black-box tests and the house rules: one binary, one file per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what isn't as expected must stop the test, and say where"
)]
#![allow(clippy::format_collect, reason = "text for a test needn't be made fast")]

mod addresses;
mod calling;
mod credentials;
mod documented_examples;
mod documents;
mod env_examples;
mod errors;
mod first_start;
mod graphql_api;
mod grpc;
mod house_rules;
mod interrupted_start;
mod limits;
mod order_of_checks;
mod permissions;
mod portal_changes;
mod portals_rest;
mod readme;
mod refused_starts;
mod secrecy;
mod separate_processes;
mod standalone_settings;
mod variables;
