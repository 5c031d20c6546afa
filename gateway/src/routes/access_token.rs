//! `/v2/access-token`: the presented token itself.

use axum::{extract::State, response::Response};
use contracts::{
    directory::v1::{ApiToken, GetApiTokenRequest, RevokeApiTokenRequest},
    token::v1::User,
};
use http::StatusCode;
use serde::Serialize;

use super::form::{missing, rfc3339, rfc3339_or_null};
use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    realm::Realm,
    reply,
};

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
pub(crate) async fn show(State(gateway): State<Gateway>, arrival: Arrival) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let request = gateway.request(&arrival, GetApiTokenRequest {}, DEADLINE);
    let mut directory = gateway.directory();
    let reply = gateway.call(Realm::Api, &arrival, directory.get_api_token(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let token = AccessTokenJson::of(reply.api_token.ok_or_else(|| missing("the token"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &token))
}

/// Ends the token.
pub(crate) async fn revoke(State(gateway): State<Gateway>, arrival: Arrival) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let request = gateway.request(&arrival, RevokeApiTokenRequest {}, DEADLINE);
    let mut directory = gateway.directory();
    let reply = gateway.call(Realm::Api, &arrival, directory.revoke_api_token(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
