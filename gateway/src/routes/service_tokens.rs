//! `/v2/organizations/{org}/portals/{slug}/service_tokens`: tokens that stay until they are removed.

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::credential::v1::{
    CreateServiceTokenRequest, CreateServiceTokenResponse, DeleteServiceTokenRequest, ListServiceTokensRequest,
    ListServiceTokensResponse,
};
use http::StatusCode;

use super::{
    credentials::TokenJson,
    form::{Names, names, uuid_or_nil},
    resolve,
};
use crate::{
    arrival::Arrival,
    body,
    error::Error,
    gateway::{DEADLINE, Gateway},
    members::Members,
    page::Page,
    query,
    realm::Realm,
    reply,
};

/// Answers a page of a portal's service tokens.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, slug) = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/portals/{slug}/service_tokens", gateway.config().public_url);
    let portal = resolve::portal(&gateway, &arrival, (organization, slug)).await?;
    let message = ListServiceTokensRequest { portal, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.list_service_tokens(request)).await?;
    let (metadata, ListServiceTokensResponse { service_tokens, total }, _) = reply.into_parts();
    let tokens = service_tokens.into_iter().map(TokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// Makes a service token; the reply has its value, this once.
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let path = names(path)?;
    let mut given = Members::of(&body::read(request, gateway.rest_bounds()).await?)?;
    let description = given.nullable_text("description").unwrap_or_default();
    let expires_at = given.instant("expires_at");
    let allowed_ip_addresses = given.nullable_text("allowed_ip_addresses");
    gateway.accept(&arrival, given).await?;
    let portal = resolve::portal(&gateway, &arrival, path).await?;
    let message = CreateServiceTokenRequest { portal, description, expires_at, allowed_ip_addresses };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.create_service_token(request)).await?;
    let (metadata, CreateServiceTokenResponse { service_token, value }, _) = reply.into_parts();
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &TokenJson::made(service_token, value)?)))
}

/// Removes a service token.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, slug, uuid) = names(path)?;
    let wait = query::wait(query.as_deref())?;
    let portal = resolve::portal(&gateway, &arrival, (organization, slug)).await?;
    let message = DeleteServiceTokenRequest { portal, token_uuid: uuid_or_nil(&uuid), wait };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.delete_service_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
