//! The gateway itself: its peers, and how an RPC is made.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::Router;
use contracts::{
    audit::v1::audit_service_client::AuditServiceClient,
    credential::v1::credential_service_client::CredentialServiceClient,
    directory::v1::{
        GetApiTokenRequest, directory_service_client::DirectoryServiceClient,
        session_service_client::SessionServiceClient,
    },
    execution::v1::execution_service_client::ExecutionServiceClient,
    pipelines::v1::pipelines_service_client::PipelinesServiceClient,
    registry::v1::registry_service_client::RegistryServiceClient,
    token::v1::token_service_client::TokenServiceClient,
    webhook::v1::webhook_service_client::WebhookServiceClient,
};
use http::{HeaderMap, header};
use kit::{
    ambient::Ambient,
    boot::Tasks,
    error::Code,
    grpc::{MOST_PAGE_BYTES, MOST_RESULT_BYTES, Peer, Refusal},
    telemetry::watch,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, SemaphorePermit},
};
use tonic::{Response, Status};

use crate::{
    arrival::Arrival, body::Bounds, config::Config, description::Description, error::Error, members::Members,
    realm::Realm, reply::put_figures, routes, scanner::Scanner, serve, site::Site,
};

/// A portal call: the service's own limit of 30 s for the upstream, and time for the rest.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(35);
/// Every other RPC.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What a service says to those who aren't one: nothing that a client of ours could do anything about.
const SERVICE_KEY_REQUIRED: &str = "service_key_required";

/// Public JSON in, gRPC out. Clones share everything.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    config: Config,
    ambient: Ambient,
    site: Site,
    token: Peer,
    portal: Peer,
    tokens: TokenServiceClient<Peer>,
    credentials: CredentialServiceClient<Peer>,
    directory: DirectoryServiceClient<Peer>,
    sessions: SessionServiceClient<Peer>,
    registry: RegistryServiceClient<Peer>,
    audit: AuditServiceClient<Peer>,
    webhooks: WebhookServiceClient<Peer>,
    execution: ExecutionServiceClient<Peer>,
    pipelines: PipelinesServiceClient<Peer>,
    scanner: Option<Scanner>,
    in_flight: Semaphore,
    description: OnceLock<Description>,
}

impl Gateway {
    /// A gateway before the token service `token` and the portal service `portal`.
    #[must_use]
    pub fn new(config: Config, token: Peer, portal: Peer, ambient: Ambient) -> Self {
        let in_flight = Semaphore::new(config.limits.in_flight.min(Semaphore::MAX_PERMITS));
        Self(Arc::new(Inner {
            ambient,
            site: Site::of(&config.public_url),
            tokens: TokenServiceClient::new(token.clone()),
            credentials: CredentialServiceClient::new(token.clone()),
            directory: DirectoryServiceClient::new(token.clone()),
            sessions: SessionServiceClient::new(token.clone()),
            token,
            // A page of a hundred portals with large documents is more than tonic's usual 4 MiB.
            registry: RegistryServiceClient::new(portal.clone()).max_decoding_message_size(MOST_PAGE_BYTES),
            audit: AuditServiceClient::new(portal.clone()).max_decoding_message_size(MOST_PAGE_BYTES),
            webhooks: WebhookServiceClient::new(portal.clone()),
            execution: ExecutionServiceClient::new(portal.clone()).max_decoding_message_size(MOST_RESULT_BYTES),
            pipelines: PipelinesServiceClient::new(portal.clone()).max_decoding_message_size(MOST_PAGE_BYTES),
            portal,
            scanner: config.scanner_keys.clone().map(Scanner::new),
            in_flight,
            description: OnceLock::new(),
            config,
        }))
    }

    /// The whole public API as a service. [`Gateway::serve`] puts it on a listener; tests may call it as it is.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// Serves the public API on `listener` until the stop, and then answers what has begun.
    pub fn serve(&self, tasks: &Tasks, listener: TcpListener) {
        if self.config().hides_clients() {
            tracing::warn!(
                "GATEWAY_PUBLIC__URL is https, so a proxy is in front, and GATEWAY_HTTP__TRUSTED_PROXIES names none: \
                 all clients share its address, in limits, in lists of addresses and in the log"
            );
        }
        self.show_figures();
        serve::start(self, tasks, listener);
    }

    /// Has `/metrics` show how much is under way.
    fn show_figures(&self) {
        watch(&self.0, |inner| {
            let most = inner.config.limits.in_flight.min(Semaphore::MAX_PERMITS);
            let busy = most.saturating_sub(inner.in_flight.available_permits());
            metrics::gauge!("portals_http_requests_in_flight").set(u32::try_from(busy).unwrap_or(u32::MAX));
        });
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

    /// How callers call this, as far as this knows: something in front of it may end TLS.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.config().public_url.starts_with("https:") { "https" } else { "http" }
    }

    /// Where the console is, and how it knows its own forms and cookies.
    pub(crate) fn site(&self) -> &Site {
        &self.0.site
    }

    pub(crate) fn credentials(&self) -> CredentialServiceClient<Peer> {
        self.0.credentials.clone()
    }

    pub(crate) fn directory(&self) -> DirectoryServiceClient<Peer> {
        self.0.directory.clone()
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Peer> {
        self.0.sessions.clone()
    }

    pub(crate) fn registry(&self) -> RegistryServiceClient<Peer> {
        self.0.registry.clone()
    }

    /// The trails of all owners.
    pub(crate) fn audit(&self) -> AuditServiceClient<Peer> {
        self.0.audit.clone()
    }

    pub(crate) fn execution(&self) -> ExecutionServiceClient<Peer> {
        self.0.execution.clone()
    }

    pub(crate) fn pipelines(&self) -> PipelinesServiceClient<Peer> {
        self.0.pipelines.clone()
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<Peer> {
        self.0.webhooks.clone()
    }

    /// Checks who reports leaked credentials; `None`: nobody may.
    pub(crate) fn scanner(&self) -> Option<&Scanner> {
        self.0.scanner.as_ref()
    }

    /// What the public API says of itself: written when it is first asked for, which takes longer than all else that a gateway
    /// starts with.
    pub(crate) fn description(&self) -> &Description {
        self.0.description.get_or_init(|| routes::describe(self))
    }

    /// The service that has the RPC at `path`.
    pub(crate) fn peer_of(&self, path: &str) -> Peer {
        const OF_PORTAL: [&str; 4] =
            ["/portals.audit.", "/portals.pipelines.", "/portals.registry.", "/portals.webhook."];
        let of_portal = OF_PORTAL.iter().any(|package| path.starts_with(package));
        if of_portal { self.0.portal.clone() } else { self.0.token.clone() }
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

    /// The bounds of a body that may hold an upstream's schema.
    pub(crate) fn upstream_bounds(&self) -> Bounds {
        let limits = &self.config().limits;
        Bounds { bytes: limits.upstream_body_bytes, patience: limits.body_timeout }
    }

    /// The bounds of the body of a request for a token or a code, and of the console's forms.
    pub(crate) fn auth_bounds(&self) -> Bounds {
        let limits = &self.config().limits;
        Bounds { bytes: limits.auth_body_bytes, patience: limits.body_timeout }
    }

    /// What [`Members::finish`] says of a REST body; but what is wrong with it is told only to those whose token counts.
    /// A body that is in order costs nothing here: the RPC that follows verifies the token.
    pub(crate) async fn accept(&self, arrival: &Arrival, given: Members) -> Result<Vec<String>, Error> {
        let faults = match given.finish() {
            Ok(names) => return Ok(names),
            Err(faults) => faults,
        };
        self.require_token(arrival).await?;
        Err(faults)
    }

    /// Refuses who has no API access token that counts.
    pub(crate) async fn require_token(&self, arrival: &Arrival) -> Result<(), Error> {
        let request = self.request(arrival, GetApiTokenRequest {}, DEADLINE);
        self.call(Realm::Api, arrival, self.directory().get_api_token(request)).await?;
        Ok(())
    }

    /// A request of an RPC on the client's behalf.
    pub(crate) fn request<T>(&self, arrival: &Arrival, message: T, deadline: Duration) -> tonic::Request<T> {
        arrival.rpc(message, &self.config().service_key, deadline)
    }

    /// The same where one before it was counted for the client's.
    pub(crate) fn further_request<T>(&self, arrival: &Arrival, message: T) -> tonic::Request<T> {
        arrival.further_rpc(message, &self.config().service_key, DEADLINE)
    }

    /// A request of an RPC for which the gateway's own key is enough: the client's credential is nothing to its service.
    pub(crate) fn plain_request<T>(&self, arrival: &Arrival, message: T) -> tonic::Request<T> {
        let mut request = self.request(arrival, message, DEADLINE);
        request.metadata_mut().remove(header::AUTHORIZATION.as_str());
        request
    }

    /// Makes an RPC, if there is room for one more. Counted here and not on arrival, so that clients who are slow to send
    /// their bodies take nobody's place.
    pub(crate) async fn call<T>(
        &self,
        realm: Realm,
        arrival: &Arrival,
        rpc: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Error> {
        let _place = self.place()?;
        rpc.await.map_err(|status| refused(realm, arrival, &status))
    }

    /// Room for one RPC, until it is dropped.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.0.in_flight.try_acquire().map_err(|_full| Error::Overloaded)
    }
}

/// The error of a refused RPC. A 401 is always the same, whatever the service said of it.
fn refused(realm: Realm, arrival: &Arrival, status: &Status) -> Error {
    let refusal = Refusal::of(status);
    if refusal.class == Code::Unauthenticated {
        return arrival.challenge(realm);
    }
    if refusal.reason == SERVICE_KEY_REQUIRED {
        tracing::error!(message = refusal.message, "a service doesn't know this gateway by its key");
        return Error::Internal;
    }
    let mut figures = HeaderMap::new();
    put_figures(status.metadata(), &mut figures);
    Error::Refused(Box::new(refusal), figures)
}
