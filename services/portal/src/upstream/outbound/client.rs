//! Requests to upstreams, and the pooled connections that they go over.
//!
//! No redirect is followed, no proxy asked, no cookie kept: there is nothing here that could. Bodies aren't compressed, so
//! that the bound on a reply bounds what it costs.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT},
    uri::InvalidUri,
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client as Pool},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Call, Destination, Failure,
    connector::Connector,
    policy::Policy,
    resolver::{Forbidden, Names},
};
use crate::{config, domain::upstream::is_own_header};

/// A connection without a call is closed after that: before the servers that are quickest at it do (Node.js: 5 s), since a
/// mutation that meets a closing connection isn't sent again.
const IDLE: Duration = Duration::from_secs(4);
const MOST_IDLE_PER_HOST: usize = 32;
/// A reply's headers, in bytes.
const MOST_HEADERS: usize = 64 << 10;
/// What an HTTP/2 upstream may send before it is read: of one reply, and of all on a connection.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// An HTTP/2 connection with calls under way is asked whether it is there, and given up without an answer.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_PATIENCE: Duration = Duration::from_secs(5);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const ANSWERS: HeaderValue = HeaderValue::from_static("application/graphql-response+json, application/json;q=0.9");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
pub(super) const AGENT: HeaderValue = HeaderValue::from_static(concat!("portals/", env!("CARGO_PKG_VERSION")));
/// Carries the user on whose behalf an operation runs.
const ASSERTION: HeaderName = HeaderName::from_static("portal-user-assertion");

/// A request that got no answer, or none that can be read.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Whether the same may go better on another connection.
    pub(super) is_passing: bool,
}

/// Sends requests.
pub(super) struct Client(Pool<Connector, Full<Bytes>>);

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    pub(super) fn new(config: &config::Upstream, policy: Policy, names: Arc<dyn Names>) -> Result<Self, rustls::Error> {
        let connector = Connector::new(names, policy, &config.ca_certificates.0, config.connect_timeout)?;
        let pool = Pool::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE_PER_HOST)
            .http1_max_buf_size(MOST_HEADERS)
            .http2_max_header_list_size(u32::try_from(MOST_HEADERS).unwrap_or(u32::MAX))
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_PATIENCE)
            // Only what provably never left is sent again by the pool itself, when a connection closes under it.
            .retry_canceled_requests(true)
            .build(connector);
        Ok(Self(pool))
    }

    /// Sends a request. The answer's head is there; its body is not.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Broken> {
        self.ask(request).await.map_err(|error| broken(&error))
    }

    /// The same, and what the pool says of a failure.
    pub(super) async fn ask(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, legacy::Error> {
        self.0.request(request).await
    }
}

fn broken(error: &legacy::Error) -> Broken {
    let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    let http = || causes().find_map(|cause| cause.downcast_ref::<hyper::Error>());
    tracing::info!(error = %describe(error), "an upstream wasn't reached");
    let unavailable = |why: &str, is_passing| Broken { failure: Failure::Unavailable(why.to_owned()), is_passing };
    if causes().any(<dyn Error>::is::<Forbidden>) {
        unavailable("The GraphQL API has no address that may be called from here. Nothing was sent to it", false)
    } else if error.is_connect() {
        unavailable("The GraphQL API can't be reached. Nothing was sent to it", true)
    } else if http().is_some_and(|error| error.is_parse() || error.is_parse_too_large()) {
        let why = "The GraphQL API answered something that is no HTTP".to_owned();
        Broken { failure: Failure::InvalidResponse(why), is_passing: false }
    } else {
        unavailable("The GraphQL API broke the connection off. The operation may have run", true)
    }
}

/// An error with its causes. Errors of transport name neither headers nor bodies.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What is sent, member by member in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    query: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_name: Option<&'a str>,
    variables: &'a RawValue,
}

/// The request of a call.
pub(super) fn request(to: &Destination, call: &Call<'_>) -> Result<Request<Full<Bytes>>, Failure> {
    let Call { document, operation_name, variables, kind: _, assertion } = *call;
    let unfit = || Failure::Unavailable("The GraphQL API's address can't be used. Nothing was sent to it".to_owned());
    let uri = uri(to).map_err(|_never: InvalidUri| unfit())?;
    let body = serde_json::to_vec(&Body { query: document, operation_name, variables });
    let body = body.map_err(|_never: serde_json::Error| unfit())?;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(to, assertion);
    Ok(request)
}

/// The URL without its fragment, which is never sent.
fn uri(to: &Destination) -> Result<Uri, InvalidUri> {
    let text = to.url.as_str();
    text.split_once('#').map_or(text, |(uri, _fragment)| uri).parse()
}

fn headers(to: &Destination, assertion: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, AGENT);
    for name in to.headers.keys().filter(|name| !is_own_header(name)) {
        headers.remove(name);
        for value in to.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, ANSWERS);
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    if let Some(assertion) = assertion {
        let mut assertion = assertion.clone();
        assertion.set_sensitive(true);
        headers.insert(ASSERTION, assertion);
    }
    headers
}
