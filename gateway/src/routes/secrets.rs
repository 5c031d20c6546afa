//! `/v2/organizations/{org}/portals/{slug}/secrets`: what is exchanged for tokens.

use axum::{extract::Request, response::Response};
use contracts::credential::v1::{
    CreateSecretRequest, CreateSecretResponse, DeleteSecretRequest, ListSecretsRequest, ListSecretsResponse,
};
use http::StatusCode;
use serde_json::json;

use super::{
    credentials::{Revoked, SecretJson},
    form::{Names, names, uuid_or_nil},
    rest::Rest,
};
use crate::{
    description::{About, instant, text},
    error::Error,
    query, reply,
};

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_secrets", "List secrets", "Without their values.").lists::<SecretJson>("A page of them.")
}

/// Answers a page of a portal's secrets.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, slug) = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/portals/{slug}/secrets"));
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(ListSecretsRequest { portal, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.credentials().list_secrets(request)).await?;
    let (metadata, ListSecretsResponse { secrets, total }, _) = reply.into_parts();
    let secrets = secrets.into_iter().map(SecretJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &secrets))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    let members = [
        text("description", "CI", "What it is for.").nullable(),
        instant("expires_at", "Until when it counts; null: until it is removed."),
    ];
    About::of(
        "create_secret",
        "Make a secret",
        "A portal has two at most, so that they can be rotated without an outage.",
    )
    .may_take("NewSecret", members)
    .creates::<SecretJson>("The secret; `secret` is its value, shown this once.")
    .refuses(422, &["too_many_secrets"])
    .refuses(503, &["slow_hash_busy"])
}

/// Makes a secret; the reply has its value, this once.
pub(crate) async fn create(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let path = names(path)?;
    let mut given = rest.body(request).await?;
    let description = given.nullable_text("description").unwrap_or_default();
    let expires_at = given.instant("expires_at");
    rest.accept(given).await?;
    let portal = rest.portal(path).await?;
    let request = rest.request(CreateSecretRequest { portal, description, expires_at });
    let reply = rest.call(rest.gateway.credentials().create_secret(request)).await?;
    let (metadata, CreateSecretResponse { secret, value }, _) = reply.into_parts();
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &SecretJson::made(secret, value)?)))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    let tokens = json!({ "type": "string", "enum": ["keep", "revoke"], "default": "revoke" });
    About::of("delete_secret", "Remove a secret", "The tokens that were made of it end with it.")
        .waits()
        .parameter("tokens", &tokens, "`keep`: the tokens run out by themselves.")
        .answers::<Revoked>("How many tokens ended.")
}

/// Removes a secret and, unless `?tokens=keep`, the tokens that were made of it.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, slug, uuid) = names(path)?;
    let wait = rest.wait()?;
    let keep_tokens = query::choice(rest.query(), "tokens", ["keep", "revoke"], "keep or revoke")?;
    let portal = rest.portal((organization, slug)).await?;
    let request = rest.request(DeleteSecretRequest { portal, secret_uuid: uuid_or_nil(&uuid), keep_tokens, wait });
    let reply = rest.call(rest.gateway.credentials().delete_secret(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &Revoked { revoked_tokens: reply.revoked_tokens }))
}
