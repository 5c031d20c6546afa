//! The token service: the only part that makes, knows and ends credentials.
//!
//! It owns users, memberships, sessions, API access tokens, portal tokens, secrets and codes, their revocation, and the
//! audit of all these, in a database of its own. It keeps no credential in plain text: what is stored of a token is a keyed
//! tag (`domain::tag`), of a secret or a password a slow hash (`domain::password`).
//!
//! It refuses to own portals and organizations: it knows their UUIDs only, and takes the portal service's word, which the
//! service key proves, for which portal a token is for. It doesn't run or route anything, and speaks no HTTP.
//!
//! To add an RPC: write it in `proto/portals/token/v1/token.proto`; `rpc/<verb_noun>.rs` parses, decides, stores, replies;
//! one line in `rpc.rs`; one file in `tests/` that sees each of its reasons.

mod authenticate;
mod background;
mod codes;
mod config;
mod domain;
mod error;
mod exchange;
mod failures;
mod figures;
mod first_user;
mod inactive_tokens;
pub mod keys;
mod limiter;
mod restored;
mod rpc;
mod session;
mod slow_hash;
mod start;
mod store;
mod sweeps;
#[cfg(test)]
mod tests;
mod uses;
mod watchers;

use std::sync::Arc;

use contracts::{
    audit::v1::audit_service_server::SERVICE_NAME as AUDIT,
    credential::v1::credential_service_server::SERVICE_NAME as CREDENTIAL,
    directory::v1::{
        directory_service_server::SERVICE_NAME as DIRECTORY, operator_service_server::SERVICE_NAME as OPERATOR,
        session_service_server::SERVICE_NAME as SESSION,
    },
    token::v1::token_service_server::SERVICE_NAME as TOKEN,
};
use kit::{
    ambient::Ambient,
    boot::{Readiness, Tasks},
    grpc::ServiceKey,
};

pub use config::{Config, Limits};
pub use error::Error;
pub use first_user::FirstUser;
pub use restored::Ended;
pub use start::StartError;
pub use store::Migrator;

use codes::Polls;
use domain::tag::Tagger;
use exchange::Exchanges;
use failures::{AllFailures, Tally};
use keys::{Keyring, Reader, Rekey};
use limiter::Limiter;
use slow_hash::SlowHash;
use store::Store;
use uses::Uses;
use watchers::Watchers;

/// The names by which gRPC clients and health know this part's services.
pub const NAMES: [&str; 6] = [TOKEN, CREDENTIAL, SESSION, DIRECTORY, OPERATOR, AUDIT];

/// The name of every scope that an API access token can have.
pub fn scopes() -> impl Iterator<Item = &'static str> {
    domain::scope::Scope::all().into_iter().map(domain::scope::Scope::name)
}

/// The token service, opened. Clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

struct Parts {
    store: Store,
    tagger: Tagger,
    keyring: Keyring,
    reader: Reader,
    rekey: Rekey,
    limiter: Limiter,
    slow_hash: SlowHash,
    sign_in_hash: SlowHash,
    failures: AllFailures,
    tally: Tally,
    polls: Polls,
    exchanges: Exchanges,
    service_key: ServiceKey,
    letters: String,
    uses: Uses,
    watchers: Watchers,
    tasks: Tasks,
    ambient: Ambient,
}

#[async_trait::async_trait]
impl Readiness for Service {
    async fn ready(&self) -> Result<(), String> {
        self.0.store.ping().await.map_err(|error| format!("the token service's database doesn't answer: {error}"))
    }
}
