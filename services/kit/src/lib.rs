//! What every part needs and none of them owns: time and randomness, the credential format, errors, databases, gRPC
//! plumbing, configuration, telemetry, start and stop.
//!
//! The kit knows no word of the domain: no portal, organization or user. A thing belongs here when two parts need it and
//! neither could explain why it was theirs.
//!
//! To add a setting, see [`config`]; an error, see [`error`]; an RPC's plumbing, see [`grpc`].

pub mod address;
pub mod ambient;
pub mod audit;
pub mod boot;
pub mod canary;
pub mod config;
pub mod credential;
pub mod db;
pub mod error;
pub mod grpc;
pub mod json;
pub mod keys;
pub mod outbox;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod window;
