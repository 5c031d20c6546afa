//! `/v2/organizations/{org}/portals/{slug}/secrets`: what is exchanged for tokens.

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::credential::v1::{
    CreateSecretRequest, CreateSecretResponse, DeleteSecretRequest, ListSecretsRequest, ListSecretsResponse,
};
use http::StatusCode;

use super::{
    credentials::{Revoked, SecretJson},
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

/// Answers a page of a portal's secrets.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, slug) = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/portals/{slug}/secrets", gateway.config().public_url);
    let portal = resolve::portal(&gateway, &arrival, (organization, slug)).await?;
    let message = ListSecretsRequest { portal, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.list_secrets(request)).await?;
    let (metadata, ListSecretsResponse { secrets, total }, _) = reply.into_parts();
    let secrets = secrets.into_iter().map(SecretJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &secrets))
}

/// Makes a secret; the reply has its value, this once.
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
    gateway.accept(&arrival, given).await?;
    let portal = resolve::portal(&gateway, &arrival, path).await?;
    let request = gateway.request(&arrival, CreateSecretRequest { portal, description, expires_at }, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.create_secret(request)).await?;
    let (metadata, CreateSecretResponse { secret, value }, _) = reply.into_parts();
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &SecretJson::made(secret, value)?)))
}

/// Removes a secret and, unless `?tokens=keep`, the tokens that were made of it.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, slug, uuid) = names(path)?;
    let wait = query::wait(query.as_deref())?;
    let keep_tokens = query::choice(query.as_deref(), "tokens", ["keep", "revoke"], "keep or revoke")?;
    let portal = resolve::portal(&gateway, &arrival, (organization, slug)).await?;
    let message = DeleteSecretRequest { portal, secret_uuid: uuid_or_nil(&uuid), keep_tokens, wait };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.delete_secret(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &Revoked { revoked_tokens: reply.revoked_tokens }))
}
