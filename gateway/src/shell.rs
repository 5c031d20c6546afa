//! What happens around every handler, in one layer: a request id, the client's address, errors written out, a panic
//! turned into a 500, one log line and one measurement.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, header};
use tower::Service;

use crate::{
    arrival::Arrived,
    client,
    connection::Connection,
    error::{Dialect, Error},
    gateway::Gateway,
    host,
    line::{Line, Route},
};

const REQUEST_ID: HeaderName = HeaderName::from_static(kit::grpc::REQUEST_ID);

/// A route with everything around it.
#[derive(Clone)]
pub(crate) struct Shell<S> {
    gateway: Gateway,
    route: Arc<Route>,
    inner: S,
}

impl<S> Shell<S> {
    /// Puts the shell around the handlers of `route`.
    pub(crate) fn new(gateway: Gateway, route: Arc<Route>, inner: S) -> Self {
        Self { gateway, route, inner }
    }

    fn client(&self, peer: Option<IpAddr>, request: &Request) -> Option<IpAddr> {
        client::address(peer?, request.headers(), &self.gateway.config().trusted_proxies)
    }
}

impl<S> Service<Request> for Shell<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let connection = request.extensions_mut().remove::<Connection>();
        let client_ip = self.client(connection.as_ref().map(Connection::peer), &request);
        let id = self.gateway.ambient().uuid().to_string();
        let line = Line::begin(Arc::clone(&self.route), &request, client_ip, id);
        let request_id = line.header();
        let dialect = Dialect::of(self.route.name(), request.uri().path());
        request.extensions_mut().insert(Arrived { request_id: request_id.clone(), client_ip });
        line.span().set("url.scheme", self.gateway.scheme());
        // What comes without a connection comes out of this process.
        let is_plain = connection.is_none() || host::is_named_once(&request);
        let answer = is_plain.then(|| line.span().within(self.inner.call(request)));
        Box::pin(async move {
            let mut response = match answer {
                Some(answer) => unless_it_panics(answer).await,
                None => Error::AmbiguousHost.into_response(),
            };
            if let Some(error) = response.extensions_mut().remove::<Arc<Error>>() {
                error.render(dialect, line.request_id(), &mut response);
            }
            let headers = response.headers_mut();
            headers.insert(REQUEST_ID, request_id);
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            dialect.dress(headers);
            line.end(response.status());
            if let Some(connection) = connection {
                connection.judge(response.status());
            }
            Ok(response)
        })
    }
}

async fn unless_it_panics(answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    let mut answer = pin!(answer);
    // A panicked future isn't polled again, so that nothing sees what the panic left half done.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
        Ok(Poll::Ready(Err(never))) => match never {},
        Err(_payload) => {
            tracing::error!("a handler panicked");
            Poll::Ready(Error::Internal.into_response())
        }
    })
    .await
}
