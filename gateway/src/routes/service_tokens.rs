//! `/v2/organizations/{org}/portals/{slug}/service_tokens`: tokens that stay until they are removed.

use axum::{extract::Request, response::Response};
use contracts::credential::v1::{
    CreateServiceTokenRequest, CreateServiceTokenResponse, DeleteServiceTokenRequest, ListServiceTokensRequest,
    ListServiceTokensResponse,
};
use http::StatusCode;

use super::{
    credentials::TokenJson,
    form::{Names, names, uuid_or_nil},
    rest::Rest,
};
use crate::{
    description::{About, instant, text},
    error::Error,
    reply,
};

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_service_tokens", "List service tokens", "Without their values.")
        .lists::<TokenJson>("A page of them.")
}

/// Answers a page of a portal's service tokens.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, slug) = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/portals/{slug}/service_tokens"));
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(ListServiceTokensRequest { portal, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.credentials().list_service_tokens(request)).await?;
    let (metadata, ListServiceTokensResponse { service_tokens, total }, _) = reply.into_parts();
    let tokens = service_tokens.into_iter().map(TokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    let members = [
        text("description", "CI", "What it is for.").nullable(),
        instant("expires_at", "Until when it counts; null: until it is removed."),
        text(
            "allowed_ip_addresses",
            "127.0.0.0/8 192.0.2.0/24",
            "Networks that calls may come from, separated by spaces.",
        )
        .nullable(),
    ];
    About::of("create_service_token", "Make a service token", "")
        .may_take("NewServiceToken", members)
        .creates::<TokenJson>("The token; `token` is its value, shown this once.")
        .refuses(422, &["too_many_tokens"])
}

/// Makes a service token; the reply has its value, this once.
pub(crate) async fn create(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let path = names(path)?;
    let mut given = rest.body(request).await?;
    let description = given.nullable_text("description").unwrap_or_default();
    let expires_at = given.instant("expires_at");
    let allowed_ip_addresses = given.nullable_text("allowed_ip_addresses");
    rest.accept(given).await?;
    let portal = rest.portal(path).await?;
    let request = rest.request(CreateServiceTokenRequest { portal, description, expires_at, allowed_ip_addresses });
    let reply = rest.call(rest.gateway.credentials().create_service_token(request)).await?;
    let (metadata, CreateServiceTokenResponse { service_token, value }, _) = reply.into_parts();
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &TokenJson::made(service_token, value)?)))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    About::of("delete_service_token", "Remove a service token", "").waits().answers_nothing("It is removed.")
}

/// Removes a service token.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, slug, uuid) = names(path)?;
    let wait = rest.wait()?;
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(DeleteServiceTokenRequest { portal, token_uuid: uuid_or_nil(&uuid), wait });
    let reply = rest.call(rest.gateway.credentials().delete_service_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
