//! The other end of an RPC.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::body::Body;
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};

use super::{
    address::Address,
    budget,
    remote::{Names, Remote},
    spans,
};
use crate::{boot::Tasks, tls::Tls};

/// A service that an RPC can be sent to: another process, any of several, or another part of this one without a socket.
/// Clones are cheap and share connections. What is sent has no later deadline than what is being answered.
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

    /// A part elsewhere: connected when first used, to each of its processes, and again when a connection breaks. An `https`
    /// address needs `tls`.
    #[must_use]
    pub fn remote(address: &Address, tls: Option<&Tls>, tasks: &Tasks) -> Self {
        Self(BoxCloneSyncService::new(Remote::new(address, tls, Arc::new(Names), tasks)))
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <BoxCloneSyncService<Request<Body>, Response<Body>, BoxError> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        budget::shrink(request.headers_mut());
        let span = spans::client(&request);
        if span.is_none() {
            return self.0.call(request);
        }
        span.tell_part(request.headers_mut());
        let path = request.uri().path().to_owned();
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await;
            match &answer {
                Ok(response) => spans::went(&span, &path, response),
                Err(_) => span.fail("unreachable"),
            }
            answer
        })
    }
}
