//! The gateway itself: its peers, and how an RPC is made.

use std::{future::Future, sync::Arc, time::Duration};

use axum::Router;
use contracts::{
    execution::v1::execution_service_client::ExecutionServiceClient,
    registry::v1::registry_service_client::RegistryServiceClient, token::v1::token_service_client::TokenServiceClient,
};
use http::HeaderMap;
use kit::{
    ambient::Ambient,
    boot::Tasks,
    error::Code,
    grpc::{MOST_PAGE_BYTES, MOST_RESULT_BYTES, Peer, Refusal},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tonic::{Response, Status};

use crate::{
    arrival::Arrival, body::Bounds, config::Config, error::Error, realm::Realm, reply::put_figures, routes, serve,
};

/// A portal call: the service's own limit of 30 s for the upstream, and time for the rest.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(35);
/// Every other RPC.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Public JSON in, gRPC out. Clones share everything.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    config: Config,
    ambient: Ambient,
    tokens: TokenServiceClient<Peer>,
    registry: RegistryServiceClient<Peer>,
    execution: ExecutionServiceClient<Peer>,
    in_flight: Semaphore,
}

impl Gateway {
    /// A gateway before the token service `token` and the portal service `portal`.
    #[must_use]
    pub fn new(config: Config, token: Peer, portal: Peer, ambient: Ambient) -> Self {
        let in_flight = Semaphore::new(config.limits.in_flight.min(Semaphore::MAX_PERMITS));
        Self(Arc::new(Inner {
            ambient,
            tokens: TokenServiceClient::new(token),
            // A page of a hundred portals with large documents is more than tonic's usual 4 MiB.
            registry: RegistryServiceClient::new(portal.clone()).max_decoding_message_size(MOST_PAGE_BYTES),
            execution: ExecutionServiceClient::new(portal).max_decoding_message_size(MOST_RESULT_BYTES),
            in_flight,
            config,
        }))
    }

    /// The whole public API as a service. [`Gateway::serve`] puts it on a listener; tests may call it as it is.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// Serves the public API on `listener` until the stop, and then answers what has begun.
    pub fn serve(&self, tasks: &Tasks, listener: TcpListener) {
        serve::start(self, tasks, listener);
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn ambient(&self) -> &Ambient {
        &self.0.ambient
    }

    pub(crate) fn tokens(&self) -> TokenServiceClient<Peer> {
        self.0.tokens.clone()
    }

    pub(crate) fn registry(&self) -> RegistryServiceClient<Peer> {
        self.0.registry.clone()
    }

    pub(crate) fn execution(&self) -> ExecutionServiceClient<Peer> {
        self.0.execution.clone()
    }

    /// The bounds of a portal call's body.
    pub(crate) fn call_bounds(&self) -> Bounds {
        let limits = &self.config().limits;
        Bounds { bytes: limits.call_body_bytes, patience: limits.body_timeout }
    }

    /// The bounds of any other body.
    pub(crate) fn rest_bounds(&self) -> Bounds {
        let limits = &self.config().limits;
        Bounds { bytes: limits.rest_body_bytes, patience: limits.body_timeout }
    }

    /// A request of an RPC on the client's behalf.
    pub(crate) fn request<T>(&self, arrival: &Arrival, message: T, deadline: Duration) -> tonic::Request<T> {
        arrival.rpc(message, &self.config().service_key, deadline)
    }

    /// Makes an RPC, if there is room for one more. Counted here and not on arrival, so that clients who are slow to send
    /// their bodies take nobody's place.
    pub(crate) async fn call<T>(
        &self,
        realm: Realm,
        arrival: &Arrival,
        rpc: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Error> {
        let _place = self.0.in_flight.try_acquire().map_err(|_full| Error::Overloaded)?;
        rpc.await.map_err(|status| refused(realm, arrival, &status))
    }
}

/// The error of a refused RPC. A 401 is always the same, whatever the service said of it.
fn refused(realm: Realm, arrival: &Arrival, status: &Status) -> Error {
    let refusal = Refusal::of(status);
    if refusal.class == Code::Unauthenticated {
        return arrival.challenge(realm);
    }
    let mut figures = HeaderMap::new();
    put_figures(status.metadata(), &mut figures);
    Error::Refused(Box::new(refusal), figures)
}
