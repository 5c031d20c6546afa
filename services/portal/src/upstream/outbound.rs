//! Dials upstreams.
//!
//! `policy` says who may be called; `resolver` and `connector` dial nobody else; `client` asks, and `reply` reads what comes
//! back; `breaker` leaves alone who fails; `introspection` asks for a schema.
//!
//! A call that is dropped ends at once, a mutation's too: its connection (its stream, with HTTP/2) is closed, and whether it
//! runs to its end is for the upstream to say. ADR 19.

mod breaker;
mod client;
mod connector;
mod delivery;
pub(crate) mod envelope;
mod introspection;
mod labels;
mod policy;
mod reply;
mod resolver;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use kit::{ambient::Ambient, trace::Span};
use metrics::SharedString;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

pub(crate) use self::delivery::{Letter, Receipt};
use self::{
    breaker::Breakers,
    client::Client,
    labels::Labels,
    policy::Policy,
    resolver::{Names, SystemNames},
};
use crate::{config, domain::id::UpstreamId, graphql::Kind};

/// Whom to dial, and with what. Its `Debug` shows no header.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) id: UpstreamId,
    pub(crate) url: Url,
    /// Sensitive values.
    pub(crate) headers: HeaderMap,
    /// How long an operation may take; `None`: as long as the installation allows.
    pub(crate) timeout: Option<Duration>,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.url.origin().ascii_serialization())
    }
}

/// An operation to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The operation and its fragments.
    pub(crate) document: &'a str,
    pub(crate) operation_name: Option<&'a str>,
    /// An object.
    pub(crate) variables: &'a RawValue,
    /// Only queries are ever sent twice.
    pub(crate) kind: Kind,
    /// The user on whose behalf it runs: the value of `Portal-User-Assertion`.
    pub(crate) assertion: Option<&'a HeaderValue>,
}

/// Why there is no answer. The sentences are for callers: they name no address, header or text of the upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// It couldn't be reached, or broke off, or failed (`upstream_unavailable`).
    #[error("{0}")]
    Unavailable(String),
    /// It refused our credential: 401 or 403 (`upstream_auth_failed`).
    #[error("The GraphQL API refused the credential that it is called with")]
    AuthFailed,
    /// What it answered is no GraphQL response (`upstream_invalid_response`).
    #[error("{0}")]
    InvalidResponse(String),
    /// It took too long (`upstream_timeout`).
    #[error("The GraphQL API gave no answer in time. The operation may have run")]
    Timeout,
}

impl Failure {
    /// The label of metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::AuthFailed => "auth_failed",
            Self::InvalidResponse(_) => "invalid_response",
            Self::Timeout => "timeout",
        }
    }

    /// Whether the upstream is down by it. One that answers, whatever it answers, isn't.
    fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout)
    }
}

/// Measures a call, one that is dropped, too.
struct Timing {
    upstream: SharedString,
    begun: Instant,
    outcome: &'static str,
}

impl Timing {
    fn begin(upstream: SharedString) -> Self {
        in_flight().increment(1.0);
        Self { upstream, begun: Instant::now(), outcome: "canceled" }
    }
}

impl Drop for Timing {
    fn drop(&mut self) {
        in_flight().decrement(1.0);
        let took = self.begun.elapsed();
        let (upstream, outcome) = (self.upstream.clone(), self.outcome);
        metrics::histogram!("portals_upstream_duration_seconds", "upstream" => upstream, "outcome" => outcome)
            .record(took);
    }
}

fn in_flight() -> metrics::Gauge {
    metrics::gauge!("portals_upstream_calls_in_flight")
}

/// The one way out.
#[derive(Debug)]
pub(crate) struct Outbound {
    client: Client,
    policy: Policy,
    breakers: Breakers,
    labels: Labels,
    /// How long an operation may take.
    patience: Duration,
    /// The longest reply.
    reply_bytes: u64,
}

impl Outbound {
    /// With the installation's settings.
    pub(crate) fn new(config: &config::Upstream, ambient: Ambient) -> Result<Self, rustls::Error> {
        Self::with_names(config, ambient, Arc::new(SystemNames::default()))
    }

    /// With somebody else who knows the addresses of names.
    fn with_names(config: &config::Upstream, ambient: Ambient, names: Arc<dyn Names>) -> Result<Self, rustls::Error> {
        let policy = Policy::new(config.allowed_networks.clone());
        Ok(Self {
            client: Client::new(config, policy.clone(), names)?,
            policy,
            breakers: Breakers::new(ambient),
            labels: Labels::default(),
            patience: config.timeout,
            reply_bytes: config.reply_bytes,
        })
    }

    /// Whether `url` may be an upstream's, before anything is dialed: its form, and addresses that are written out. The error
    /// is a sentence without its subject.
    pub(crate) fn check(&self, url: &str) -> Result<Url, String> {
        self.policy.check(url)
    }

    /// Runs an operation. The answer is a GraphQL envelope, byte for byte as the upstream wrote it.
    pub(crate) async fn run(&self, to: &Destination, call: Call<'_>) -> Result<Bytes, Failure> {
        let Some(permit) = self.breakers.enter(to.id) else {
            metrics::counter!("portals_upstream_calls_refused_total").increment(1);
            let why =
                "The GraphQL API failed too often in a row and is left alone for some seconds. Nothing was sent to it";
            return Err(Failure::Unavailable(why.to_owned()));
        };
        let outcome = self.exchange(to, call).await;
        if let Some(turn) = permit.done(!outcome.as_ref().is_err_and(Failure::is_outage)) {
            tracing::warn!(upstream = %to.id.0, breaker = ?turn, "an upstream's breaker turned");
            turn.count();
        }
        outcome
    }

    /// The upstream's schema in the schema definition language, by introspection. Breakers don't count: somebody wants to know.
    pub(crate) async fn introspect(&self, to: &Destination) -> Result<String, Failure> {
        let none = RawValue::from_string("{}".to_owned()).unwrap_or_default();
        let (operation_name, variables, kind, assertion) = (None, &*none, Kind::Query, None);
        let probe = Call { document: introspection::PROBE, operation_name, variables, kind, assertion };
        let query = introspection::query_of(&self.exchange(to, probe).await?)?;
        introspection::read(&self.exchange(to, Call { document: &query, ..probe }).await?)
    }

    /// Asks and reads the answer in the time that there is.
    async fn exchange(&self, to: &Destination, call: Call<'_>) -> Result<Bytes, Failure> {
        let mut timing = Timing::begin(self.labels.of(&to.url));
        let patience = to.timeout.unwrap_or(self.patience).min(self.patience);
        let (traced, logged) = (span(to, call.kind), tracing::info_span!("upstream", upstream = %to.id.0));
        let asking = traced.within(self.ask(to, call, &traced));
        let outcome = tokio::time::timeout(patience, asking).instrument(logged).await;
        let outcome = outcome.unwrap_or_else(|_elapsed: tokio::time::error::Elapsed| Err(Failure::Timeout));
        timing.outcome = outcome.as_ref().err().map_or("ok", Failure::label);
        if let Err(failure) = &outcome {
            traced.fail(timing.outcome);
            tracing::info!(upstream = %to.id.0, outcome = timing.outcome, %failure, "an upstream's call failed");
        }
        outcome
    }

    async fn ask(&self, to: &Destination, call: Call<'_>, span: &Span) -> Result<Bytes, Failure> {
        let mut request = client::request(to, &call)?;
        span.tell_stranger(request.headers_mut());
        let sent = match (call.kind, self.client.send(request.clone()).await) {
            (Kind::Query, Err(broken)) if broken.is_passing => self.client.send(request).await,
            (_, sent) => sent,
        };
        let reply = sent.map_err(|broken| broken.failure)?;
        span.set("http.response.status_code", i64::from(reply.status().as_u16()));
        reply::read(reply, self.reply_bytes).await
    }
}

/// What a trace shows of a call: whom it goes to, and nothing of what is sent.
fn span(to: &Destination, kind: Kind) -> Span {
    let span = Span::client(|| "POST".into());
    if span.is_recording() {
        show_host(&span, &to.url);
        span.set("portals.upstream.uuid", to.id.0.to_string());
        span.set("graphql.operation.type", kind.word());
    }
    span
}

/// Of a URL only the host, because keys are in paths and queries.
fn show_host(span: &Span, url: &Url) {
    span.set("http.request.method", "POST");
    span.set("url.scheme", url.scheme().to_owned());
    span.set("server.address", url.host_str().unwrap_or_default().to_owned());
    span.set("server.port", i64::from(url.port_or_known_default().unwrap_or_default()));
}
