//! `/v2/access-token`: the presented token itself.

use axum::response::Response;
use contracts::{
    directory::v1::{ApiToken, GetApiTokenRequest, RevokeApiTokenRequest},
    token::v1::User,
};
use http::StatusCode;
use serde::Serialize;

use super::{
    form::{missing, rfc3339, rfc3339_or_null},
    rest::Rest,
};
use crate::{error::Error, reply};

/// The presented token as JSON.
#[derive(Serialize)]
struct AccessTokenJson {
    uuid: String,
    scopes: Vec<String>,
    description: String,
    created_at: String,
    /// Null: never.
    expires_at: Option<String>,
    user: Named,
}

#[derive(Serialize)]
struct Named {
    name: String,
    email: String,
}

impl AccessTokenJson {
    fn of(token: ApiToken) -> Result<Self, Error> {
        let User { name, email, .. } = token.user.ok_or_else(|| missing("the token's user"))?;
        Ok(Self {
            uuid: token.uuid,
            scopes: token.scopes,
            description: token.description,
            created_at: rfc3339(token.created_at)?,
            expires_at: rfc3339_or_null(token.expires_at)?,
            user: Named { name, email },
        })
    }
}

/// Answers what the token is.
pub(crate) async fn show(rest: Rest) -> Result<Response, Error> {
    let request = rest.request(GetApiTokenRequest {});
    let reply = rest.call(rest.gateway.directory().get_api_token(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let token = AccessTokenJson::of(reply.api_token.ok_or_else(|| missing("the token"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &token))
}

/// Ends the token.
pub(crate) async fn revoke(rest: Rest) -> Result<Response, Error> {
    let request = rest.request(RevokeApiTokenRequest {});
    let reply = rest.call(rest.gateway.directory().revoke_api_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
