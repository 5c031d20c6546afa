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
    spans::{self, Reached},
};
use crate::{boot::Tasks, tls::Tls};

/// A service that an RPC can be sent to: another process, any of several, or another part of this one without a socket.
/// Clones are cheap and share connections. What is sent has no later deadline than what is being answered.
#[derive(Clone)]
pub struct Peer {
    service: BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>,
    /// `None`: in this process.
    address: Option<Arc<Address>>,
}

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
        Self { service: BoxCloneSyncService::new(service.map_err(Into::into)), address: None }
    }

    /// A part elsewhere: connected when first used, to each of its processes, and again when a connection breaks. An `https`
    /// address needs `tls`.
    #[must_use]
    pub fn remote(address: &Address, tls: Option<&Tls>, tasks: &Tasks) -> Self {
        let remote = Remote::new(address, tls, Arc::new(Names), tasks);
        Self { service: BoxCloneSyncService::new(remote), address: Some(Arc::new(address.clone())) }
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <BoxCloneSyncService<Request<Body>, Response<Body>, BoxError> as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        budget::shrink(request.headers_mut());
        let span = spans::client(&request);
        if span.is_none() {
            return self.service.call(request);
        }
        span.tell_part(request.headers_mut());
        let (path, reached) = (request.uri().path().to_owned(), Reached::default());
        if let Some(address) = self.address.as_deref().filter(|_| span.is_recording()) {
            spans::goes(&span, address);
            request.extensions_mut().insert(reached.clone());
        }
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await;
            spans::went(&span, &path, answer.as_ref().ok(), &reached);
            answer
        })
    }
}
