//! `/v2/organizations/{org}/portals/{slug}/live_tokens` and `…/revoke_all`: ephemeral and user tokens.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use contracts::credential::v1::{
    DeleteLiveTokenRequest, ListLiveTokensRequest, ListLiveTokensResponse, RevokeLiveTokensRequest,
};
use http::StatusCode;

use super::{
    credentials::{Revoked, TokenJson},
    form::{Names, names, uuid_or_nil},
    resolve,
};
use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    page::Page,
    query,
    realm::Realm,
    reply,
};

/// Answers a page of a portal's live tokens.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, slug) = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/portals/{slug}/live_tokens", gateway.config().public_url);
    let portal = resolve::portal(&gateway, &arrival, (organization, slug)).await?;
    let message = ListLiveTokensRequest { portal, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.list_live_tokens(request)).await?;
    let (metadata, ListLiveTokensResponse { live_tokens, total }, _) = reply.into_parts();
    let tokens = live_tokens.into_iter().map(TokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// Ends a live token.
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
    let message = DeleteLiveTokenRequest { portal, token_uuid: uuid_or_nil(&uuid), wait };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.delete_live_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}

/// Ends all live tokens of a portal.
pub(crate) async fn revoke_all(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let path = names(path)?;
    let wait = query::wait(query.as_deref())?;
    let portal = resolve::portal(&gateway, &arrival, path).await?;
    let request = gateway.request(&arrival, RevokeLiveTokensRequest { portal, wait }, DEADLINE);
    let mut credentials = gateway.credentials();
    let reply = gateway.call(Realm::Api, &arrival, credentials.revoke_live_tokens(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &Revoked { revoked_tokens: reply.revoked_tokens }))
}
