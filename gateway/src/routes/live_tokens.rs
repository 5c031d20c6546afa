//! `/v2/organizations/{org}/portals/{slug}/live_tokens` and `…/revoke_all`: ephemeral and user tokens.

use axum::response::Response;
use contracts::credential::v1::{
    DeleteLiveTokenRequest, ListLiveTokensRequest, ListLiveTokensResponse, RevokeLiveTokensRequest,
};
use http::StatusCode;

use super::{
    credentials::{Revoked, TokenJson},
    form::{Names, names, uuid_or_nil},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_live_tokens", "List ephemeral and user tokens", "").lists::<TokenJson>("A page of those that live.")
}

/// Answers a page of a portal's live tokens.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, slug) = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/portals/{slug}/live_tokens"));
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(ListLiveTokensRequest { portal, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.credentials().list_live_tokens(request)).await?;
    let (metadata, ListLiveTokensResponse { live_tokens, total }, _) = reply.into_parts();
    let tokens = live_tokens.into_iter().map(TokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    About::of("delete_live_token", "End a live token", "").waits().answers_nothing("It is ended.")
}

/// Ends a live token.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, slug, uuid) = names(path)?;
    let wait = rest.wait()?;
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(DeleteLiveTokenRequest { portal, token_uuid: uuid_or_nil(&uuid), wait });
    let reply = rest.call(rest.gateway.credentials().delete_live_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}

/// [`revoke_all`], described.
pub(crate) fn about_revoke_all() -> About {
    About::of("revoke_live_tokens", "End all live tokens of a portal", "Service tokens and secrets stay.")
        .waits()
        .answers::<Revoked>("How many there were.")
}

/// Ends all live tokens of a portal.
pub(crate) async fn revoke_all(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let path = names(path)?;
    let wait = rest.wait()?;
    let portal = rest.portal(path).await?;
    let request = rest.request(RevokeLiveTokensRequest { portal, wait });
    let reply = rest.call(rest.gateway.credentials().revoke_live_tokens(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &Revoked { revoked_tokens: reply.revoked_tokens }))
}
