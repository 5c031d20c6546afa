//! gRPC-Web: the management services, as browsers reach them (spec §12).
//!
//! What is listed is passed on, message unread, to the RPC of the same name; the service decides about the credential, which
//! is the `Authorization` header or, from a page of this site, the console's session. What isn't listed isn't there: RPCs
//! for services only, the exchanges (RFC 6749 has its own endpoint), calls of portals, what streams. Plain gRPC isn't spoken.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, post},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use kit::grpc::{MOST_REQUEST_BYTES, deadline};
use tonic::server;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, Service as _, service_fn};

use crate::{
    arrival::{Arrival, is_session},
    body::{self, Bounds},
    error::Error,
    forward::{Unread, forward},
    gateway::{DEADLINE, Gateway},
};

/// Every RPC that browsers reach. The suite holds this against the contracts.
pub(super) const RPCS: [&str; 63] = [
    "/portals.audit.v1.AuditService/GetAuditEvent",
    "/portals.audit.v1.AuditService/ListAuditEvents",
    "/portals.credential.v1.CredentialService/CreateSecret",
    "/portals.credential.v1.CredentialService/CreateServiceToken",
    "/portals.credential.v1.CredentialService/DeleteLiveToken",
    "/portals.credential.v1.CredentialService/DeleteSecret",
    "/portals.credential.v1.CredentialService/DeleteServiceToken",
    "/portals.credential.v1.CredentialService/ListLiveTokens",
    "/portals.credential.v1.CredentialService/ListSecrets",
    "/portals.credential.v1.CredentialService/ListServiceTokens",
    "/portals.credential.v1.CredentialService/RevokeLiveTokens",
    "/portals.directory.v1.DirectoryService/CreateMember",
    "/portals.directory.v1.DirectoryService/DeleteMember",
    "/portals.directory.v1.DirectoryService/GetApiSettings",
    "/portals.directory.v1.DirectoryService/GetApiToken",
    "/portals.directory.v1.DirectoryService/GetMember",
    "/portals.directory.v1.DirectoryService/ListApiTokens",
    "/portals.directory.v1.DirectoryService/ListMembers",
    "/portals.directory.v1.DirectoryService/RemoveApiTokenOrganization",
    "/portals.directory.v1.DirectoryService/RevokeApiToken",
    "/portals.directory.v1.DirectoryService/UpdateApiSettings",
    "/portals.directory.v1.DirectoryService/UpdateMember",
    "/portals.directory.v1.SessionService/GetSession",
    "/portals.pipelines.v1.PipelinesService/CancelBuild",
    "/portals.pipelines.v1.PipelinesService/CreateBuild",
    "/portals.pipelines.v1.PipelinesService/GetBuild",
    "/portals.pipelines.v1.PipelinesService/GetPipeline",
    "/portals.pipelines.v1.PipelinesService/ListBuilds",
    "/portals.pipelines.v1.PipelinesService/ListPipelines",
    "/portals.pipelines.v1.PipelinesService/RebuildBuild",
    "/portals.pipelines.v1.PipelinesService/ReportBuildState",
    "/portals.registry.v1.RegistryService/CreatePortal",
    "/portals.registry.v1.RegistryService/CreateUpstream",
    "/portals.registry.v1.RegistryService/DeletePortal",
    "/portals.registry.v1.RegistryService/DeleteUpstream",
    "/portals.registry.v1.RegistryService/DuplicatePortal",
    "/portals.registry.v1.RegistryService/GetOrganization",
    "/portals.registry.v1.RegistryService/GetOrganizationSettings",
    "/portals.registry.v1.RegistryService/GetPortal",
    "/portals.registry.v1.RegistryService/GetPortalUsage",
    "/portals.registry.v1.RegistryService/GetPortalVersion",
    "/portals.registry.v1.RegistryService/GetRateLimit",
    "/portals.registry.v1.RegistryService/GetUpstream",
    "/portals.registry.v1.RegistryService/ListOrganizations",
    "/portals.registry.v1.RegistryService/ListPortalVersions",
    "/portals.registry.v1.RegistryService/ListPortals",
    "/portals.registry.v1.RegistryService/ListUpstreams",
    "/portals.registry.v1.RegistryService/RefreshUpstream",
    "/portals.registry.v1.RegistryService/RestorePortalVersion",
    "/portals.registry.v1.RegistryService/UpdateOrganizationSettings",
    "/portals.registry.v1.RegistryService/UpdatePortal",
    "/portals.registry.v1.RegistryService/UpdateUpstream",
    "/portals.registry.v1.RegistryService/ValidateDocument",
    "/portals.token.v1.TokenService/GetAuthenticatedUser",
    "/portals.webhook.v1.WebhookService/CreateNotificationService",
    "/portals.webhook.v1.WebhookService/DeleteNotificationService",
    "/portals.webhook.v1.WebhookService/GetDelivery",
    "/portals.webhook.v1.WebhookService/GetNotificationService",
    "/portals.webhook.v1.WebhookService/ListDeliveries",
    "/portals.webhook.v1.WebhookService/ListNotificationServices",
    "/portals.webhook.v1.WebhookService/RedeliverDelivery",
    "/portals.webhook.v1.WebhookService/TestNotificationService",
    "/portals.webhook.v1.WebhookService/UpdateNotificationService",
];

/// What stands around a message.
const FRAME_BYTES: usize = 5;

/// The methods of an RPC's path. Browsers may only ask whether a page of another origin may call where some may.
pub(super) fn methods(gateway: &Gateway, rpc: &'static str) -> MethodRouter<Gateway> {
    let call = move |State(gateway): State<Gateway>, arrival: Arrival, request: Request| async move {
        let sent = request.headers().clone();
        let answer = answer(&gateway, arrival, rpc, request).await;
        let mut response = answer.unwrap_or_else(IntoResponse::into_response);
        gateway.config().allowed_origins.dress(&sent, response.headers_mut());
        response
    };
    if gateway.config().allowed_origins.is_empty() { post(call) } else { post(call).options(preflight) }
}

async fn preflight(State(gateway): State<Gateway>, _: Arrival, request: Request) -> Result<Response, Error> {
    gateway.config().allowed_origins.preflight(request.headers()).ok_or(Error::ForeignPreflight)
}

async fn answer(gateway: &Gateway, arrival: Arrival, rpc: &'static str, request: Request) -> Result<Response, Error> {
    let headers = request.headers().clone();
    let body = body::read_grpc_web(request, bounds(gateway, rpc, &headers)).await?;
    let arrival = Arc::new(with_session(gateway, arrival, &headers)?);
    let deadline = deadline(&headers).map_or(DEADLINE, |asked| asked.min(DEADLINE));
    let pass_on = service_fn(move |message: tonic::Request<Bytes>| {
        let (gateway, arrival) = (gateway.clone(), Arc::clone(&arrival));
        async move {
            let _place = gateway.place().map_err(|error| error.to_status())?;
            let request = gateway.request(&arrival, message.into_inner(), deadline);
            forward(gateway.peer_of(rpc), rpc, request).await
        }
    });
    // A frame that claims to be longer than the body is none, and nothing is set aside for it.
    let most = body.len();
    let unary = service_fn(|request: http::Request<tonic::body::Body>| {
        let pass_on = pass_on.clone();
        async move {
            let mut server = server::Grpc::new(Unread).max_decoding_message_size(most);
            Ok::<_, Infallible>(server.unary(pass_on, request).await)
        }
    });
    let mut request = http::Request::new(Body::from(body));
    *request.method_mut() = http::Method::POST;
    *request.headers_mut() = headers;
    let Ok(response) = GrpcWebLayer::new().layer(unary).call(request).await;
    Ok(response.map(Body::new))
}

/// The request with the console's session, if there is one and no `Authorization` header. A browser sends the cookie along
/// whoever's page asks: only pages of this site may act with it.
fn with_session(gateway: &Gateway, arrival: Arrival, headers: &HeaderMap) -> Result<Arrival, Error> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Ok(arrival);
    }
    // Nothing but a session counts in the cookie.
    let session = gateway.site().session(headers).filter(|value| value.to_str().is_ok_and(is_session));
    match session {
        None => Ok(arrival),
        Some(session) if gateway.site().is_origin_of(headers) => Ok(arrival.with_credential(Some(session), true)),
        Some(_) => Err(Error::ForeignOrigin(gateway.config().public_url.clone())),
    }
}

/// As large as the service takes them; schemas of upstreams are larger than anything else (spec §8).
fn bounds(gateway: &Gateway, rpc: &str, headers: &HeaderMap) -> Bounds {
    let limits = &gateway.config().limits;
    let holds_schema = ["/CreateUpstream", "/UpdateUpstream"].iter().any(|end| rpc.ends_with(end));
    let message = if holds_schema { limits.upstream_body_bytes } else { MOST_REQUEST_BYTES };
    let framed = message.saturating_add(FRAME_BYTES);
    // Four characters of base64 stand for three bytes.
    let bytes = if body::is_base64(headers) { framed.div_ceil(3).saturating_mul(4) } else { framed };
    Bounds { bytes, patience: limits.body_timeout }
}
