//! The other end of an RPC.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{body::Body, transport::Endpoint};
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};

/// A service that an RPC can be sent to: a channel to another process, or another part of this one without a socket.
/// Clones are cheap and share the connection.
#[derive(Clone)]
pub struct Peer(BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>);

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

impl Peer {
    /// A part in this process.
    pub fn local<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service.map_err(Into::into)))
    }

    /// A part elsewhere. Connects when first used, and again when the connection breaks.
    #[must_use]
    pub fn remote(endpoint: &Endpoint) -> Self {
        Self(BoxCloneSyncService::new(endpoint.connect_lazy().map_err(Into::into)))
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <BoxCloneSyncService<Request<Body>, Response<Body>, BoxError> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}
