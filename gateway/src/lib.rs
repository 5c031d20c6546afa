//! The only public listener: public JSON in, gRPC out.
//!
//! It owns the public API's shape (routes, bodies, statuses, headers), what a request may cost before anyone knows who
//! sends it (sizes, times, numbers), and where a client is. It refuses to own state: no database, no cache, no session.
//! It believes no credential and counts no rate; the services do, and it repeats what they say.
//!
//! One request: `serve` (connection) → `shell` (request id, client, log) → `routes` → `routes/<endpoint>` (request → RPC →
//! response) → `gateway` (the RPC) and back; errors are written in `error`, once: as JSON, as OAuth has them, or as a page.
//!
//! To add an endpoint: a line in `routes.rs` with whom it lets in, and an `about_…` function that describes it; in `routes/<endpoint>.rs` a handler that takes an `Arrival`
//! (which refuses credentials in URLs), reads its body with `body::read`, calls with `Gateway::call` and answers
//! with `reply`; the JSON types stay in that file. An error of the gateway's own is a variant of `error::Error`, and a
//! line in `docs/errors.md`. A page of the console is `routes/console/<page>.rs` and made of `maud` templates, which escape; its
//! forms are read with `Fields::of`, which refuses those of other sites. The session is `site`'s and nobody else's.

mod arrival;
mod body;
mod client;
mod config;
mod connection;
mod console;
mod cors;
mod csv;
mod cursor;
mod description;
mod error;
mod forward;
mod gateway;
mod host;
mod line;
mod members;
mod page;
mod query;
mod realm;
mod reply;
mod routes;
mod scanner;
mod serve;
mod shell;
mod site;
#[cfg(test)]
mod tests;
mod turns;

pub use config::{Config, Limits};
pub use cors::{NoOrigin, Origins};
pub use gateway::Gateway;
pub use scanner::Source;
