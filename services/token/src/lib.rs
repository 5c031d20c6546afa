//! The token service: the only part that makes, knows and ends credentials.
//!
//! It owns users, memberships, API access tokens, portal tokens, their revocation, and the audit of all these, in a
//! database of its own. It keeps no credential in plain text: what is stored of a token is a keyed tag (`domain::tag`).
//!
//! It refuses to own portals and organizations: it knows their UUIDs only, and takes the portal service's word, which the
//! service key proves, for which portal a token is for. It doesn't run or route anything, and speaks no HTTP.
//!
//! To add an RPC: write it in `proto/portals/token/v1/token.proto`; `rpc/<verb_noun>.rs` parses, decides, stores, replies;
//! one line in `rpc.rs`; one file in `tests/` that sees each of its reasons.

mod authenticate;
mod config;
mod domain;
mod error;
mod first_user;
mod limiter;
mod rpc;
mod start;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contracts::token::v1::token_service_server::{SERVICE_NAME, TokenServiceServer};
use kit::{
    ambient::Ambient,
    boot::Readiness,
    grpc::{MOST_REQUEST_BYTES, ServiceKey},
};
use tonic::service::Routes;

pub use config::{Config, Limits};
pub use error::Error;
pub use first_user::FirstUser;
pub use start::StartError;
pub use store::Migrator;

use domain::tag::Tagger;
use limiter::Limiter;
use store::Store;

/// The name by which gRPC clients and health know this service.
pub const NAME: &str = SERVICE_NAME;

/// The token service, opened. Clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Parts>);

struct Parts {
    store: Store,
    tagger: Tagger,
    limiter: Limiter,
    service_key: ServiceKey,
    letters: String,
    ambient: Ambient,
}

impl Service {
    /// The RPCs, for a listener or for a peer in the same process.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes::new(TokenServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
    }
}

#[async_trait::async_trait]
impl Readiness for Service {
    async fn ready(&self) -> Result<(), String> {
        self.0.store.ping().await.map_err(|error| format!("the token service's database doesn't answer: {error}"))
    }
}
