//! The service on a real database, before a scripted token service and a scripted built-in API.

mod addresses;
mod calling;
mod freshness;
mod keeping;
mod revocations;
mod sweeping;
mod tokens;
mod users;
mod verdicts;
mod world;
