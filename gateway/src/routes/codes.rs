//! `POST /organizations/{org}/portals/{portal}/codes`: asks for a user's consent (RFC 8628 §3.1, §3.2).

use axum::{
    extract::{Request, State},
    response::Response,
};
use contracts::{
    registry::v1::ResolvePortalResponse,
    token::v1::{CreateCodeRequest, CreateCodeResponse},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    form::{Names, rfc3339},
    resolve,
    tokens::Parameters,
};
use crate::{
    arrival::Arrival,
    body,
    description::About,
    error::Error,
    gateway::{DEADLINE, Gateway},
    realm::Realm,
    reply,
};

/// A code for the user, and its secret for the requester.
#[derive(Serialize, ToSchema)]
#[schema(as = Code)]
struct CodeJson {
    #[schema(example = "WDJB-MJHT")]
    code: String,
    #[schema(example = "bkps_…")]
    secret: String,
    #[schema(example = "https://portals.example/console/authorize?code=WDJB-MJHT")]
    authorization_url: String,
    expires_at: String,
    #[schema(example = 5)]
    interval: u32,
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    let object = json!({ "type": "object", "description": "Nothing in it is asked for.", "example": {} });
    let content =
        json!({ "application/json": { "schema": object }, "application/x-www-form-urlencoded": { "schema": object } });
    About::of(
        "create_code",
        "Ask for a user's consent",
        "Of portals that users may be asked to run. The user opens `authorization_url`; meanwhile the requester exchanges code \
         and secret, which is refused until the user has decided (RFC 8628).",
    )
    .takes_raw(json!({ "required": false, "content": content }))
    .answers::<CodeJson>("The code, for five minutes.")
    .refuses(400, &["invalid_request"])
    .refuses(404, &["not_found"])
    .refuses(429, &["rate_limited", "too_many_codes"])
}

/// Makes a code. Portals that don't exist and those that users can't be asked to run look alike, and are asked about like any
/// other: it is the token service that counts who asks.
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    let arrival = arrival.with_credential(None, false);
    let (media, body) = body::read_either(request, gateway.auth_bounds()).await?;
    // Nothing in it is asked for yet; but what isn't JSON is a mistake.
    Parameters::read(media, &body)?;
    let path = path.map(|path| path.0).unwrap_or_default();
    let place = resolve::names(&gateway, Realm::Client, &arrival, path).await?;
    let ResolvePortalResponse { organization_uuid, portal_uuid, user_invokable } = place;
    let message = if user_invokable {
        CreateCodeRequest { organization_uuid, portal_uuid }
    } else {
        let nil = Uuid::nil().to_string();
        CreateCodeRequest { organization_uuid: nil.clone(), portal_uuid: nil }
    };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut tokens = gateway.tokens();
    let reply = gateway.call(Realm::Client, &arrival, tokens.create_code(request)).await.map_err(unless_gone)?;
    let CreateCodeResponse { code, secret, expires_at, interval_seconds } = reply.into_inner();
    let json = CodeJson {
        authorization_url: gateway.site().authorization_url(&code),
        code,
        secret,
        expires_at: rfc3339(expires_at)?,
        interval: interval_seconds,
    };
    Ok(reply::json(StatusCode::OK, &MetadataMap::new(), &json))
}

const NO_PORTAL: Error = Error::Missing("No portal found");

/// A portal that is being removed is gone already.
fn unless_gone(error: Error) -> Error {
    match &error {
        Error::Refused(refusal, _) if ["portal_revoked", "not_found"].contains(&refusal.reason.as_str()) => NO_PORTAL,
        _ => error,
    }
}
