//! `/v2/access-token`: the presented token itself.

use axum::response::Response;
use contracts::{
    directory::v1::{ApiToken, GetApiTokenRequest, RevokeApiTokenRequest},
    token::v1::User,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{missing, rfc3339, rfc3339_or_null},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

/// The presented token as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
struct AccessTokenJson {
    uuid: String,
    scopes: Vec<String>,
    #[schema(example = "CI")]
    description: String,
    created_at: String,
    /// Null: never.
    expires_at: Option<String>,
    user: Named,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccessTokenUser)]
struct Named {
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
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

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_access_token", "The presented token", "").answers::<AccessTokenJson>("The token, without its value.")
}

/// Answers what the token is.
pub(crate) async fn show(rest: Rest) -> Result<Response, Error> {
    let request = rest.request(GetApiTokenRequest {});
    let reply = rest.call(rest.gateway.directory().get_api_token(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let token = AccessTokenJson::of(reply.api_token.ok_or_else(|| missing("the token"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &token))
}

/// [`revoke`], described.
pub(crate) fn about_revoke() -> About {
    About::of("revoke_access_token", "End the presented token", "It is of no use any more.")
        .answers_nothing("It is ended.")
}

/// Ends the token.
pub(crate) async fn revoke(rest: Rest) -> Result<Response, Error> {
    let request = rest.request(RevokeApiTokenRequest {});
    let reply = rest.call(rest.gateway.directory().revoke_api_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
