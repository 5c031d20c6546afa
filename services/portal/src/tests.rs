//! The service on a real database, before a scripted token service and a scripted built-in API.

mod addresses;
mod api;
mod assertions;
mod calling;
mod complexity;
mod deadlines;
mod documents;
mod drift;
mod freshness;
mod keeping;
mod keys;
mod receiver;
mod recorder;
mod revocations;
mod sequence;
mod sweeping;
mod tokens;
mod trail;
mod upstream_headers;
mod upstream_removal;
mod upstreams;
mod usage;
mod users;
mod verdicts;
mod webhook_calls;
mod webhook_deliveries;
mod webhook_failures;
mod webhook_refusals;
mod webhook_registry;
mod world;

pub(crate) use world::{HeldClock, held, until};
