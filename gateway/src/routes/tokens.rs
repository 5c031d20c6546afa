//! `POST /organizations/{org}/portals/{portal}/tokens`: a secret or a code becomes a token (RFC 6749 §4.4, RFC 8628 §3.4).

mod client;
mod parameters;

use axum::{
    extract::{Request, State},
    response::Response,
};
use chrono::SecondsFormat;
use contracts::{
    registry::v1::ResolvePortalResponse,
    token::v1::{ExchangeCodeRequest, ExchangeCodeResponse, ExchangeSecretRequest, ExchangeSecretResponse},
};
use http::StatusCode;
use kit::{
    credential::{Kind, Plain},
    grpc::to_instant,
};
use prost_types::Timestamp;
use serde::Serialize;
use serde_json::json;
use tonic::metadata::MetadataMap;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use self::client::Presented;
pub(crate) use self::parameters::Parameters;
use super::{
    form::{Names, missing},
    resolve,
};
use crate::{
    arrival::Arrival,
    body,
    description::{About, choice, count, reference, text},
    error::Error,
    gateway::{DEADLINE, Gateway},
    realm::Realm,
    reply,
};

/// How long tokens live at most, in minutes: also how long they live if the request doesn't say.
const EPHEMERAL_MINUTES: u32 = 60;
const USER_MINUTES: u32 = 720;

/// What is to be exchanged.
enum Grant {
    Secret { client_id: String, secret: Zeroizing<String>, minutes: Option<u32> },
    Code { code: String, secret: Zeroizing<String>, minutes: Option<u32> },
}

impl Grant {
    fn read(given: &mut Parameters, presented: &Presented, arrival: &Arrival) -> Result<Self, Error> {
        let is_code = match given.required("grant_type")?.as_str() {
            "client_credentials" => false,
            "device_code" | "urn:ietf:params:oauth:grant-type:device_code" => true,
            _ => return Err(Error::UnsupportedGrantType),
        };
        let code = if is_code { Some(given.required_one_of("code", "device_code")?) } else { None };
        let client = client::read(given, presented, arrival)?;
        let minutes = given.minutes(if is_code { USER_MINUTES } else { EPHEMERAL_MINUTES })?;
        let secret = client.secret;
        if let Some(code) = code {
            return Ok(Self::Code { code, secret, minutes });
        }
        let client_id = client.id.ok_or_else(|| Error::InvalidRequest("client_id is required".to_owned()))?;
        Ok(Self::Secret { client_id, secret, minutes })
    }

    /// Whether it can be told from the secret alone that it is none: then it is answered at once (spec §5). Whoever sent it
    /// can tell it too, so that it doesn't matter that this is faster, and it guesses nothing, so that it isn't counted.
    fn is_garbage(&self) -> bool {
        match self {
            Self::Secret { secret, .. } => !Plain::parse(secret).is_ok_and(|plain| plain.kind() == Kind::Secret),
            // A wrong secret of a code counts, whatever its form.
            Self::Code { .. } => false,
        }
    }
}

/// A new token, as the documented page has it and as RFC 6749 §5.1 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangedToken)]
struct TokenJson {
    #[schema(example = "bkpat_…")]
    token: String,
    expires_at: String,
    #[schema(example = "bkpat_…")]
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    #[schema(example = 900)]
    expires_in: u32,
}

impl TokenJson {
    fn of(token: String, expires_at: Option<Timestamp>, minutes: u32) -> Result<Self, Error> {
        let expires_at = expires_at.as_ref().and_then(to_instant).ok_or_else(|| missing("a time"))?;
        Ok(Self {
            access_token: token.clone(),
            token,
            expires_at: expires_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            token_type: "Bearer",
            expires_in: minutes * 60,
        })
    }
}

/// [`exchange`], described.
pub(crate) fn about_exchange() -> About {
    let minutes = "In minutes: 1 to 60 of a secret, 1 to 720 of a code. As long as may be when absent.";
    let members = [
        choice(
            "grant_type",
            &["client_credentials", "device_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "`client_credentials`: a secret. The others: a code.",
        )
        .required(),
        text("client_id", "018f2b5e-0000-7000-8000-000000000000", "The portal's UUID. Not with a code."),
        text("secret", "bkps_…", "The secret, of the portal or of the code."),
        text("client_secret", "bkps_…", "The same, as OAuth calls it."),
        text("code", "WDJB-MJHT", "The code."),
        text("device_code", "WDJB-MJHT", "The same, as OAuth calls it."),
        count("expires_in", 1, 15, minutes),
    ];
    let content = json!({
        "application/json": { "schema": reference("Grant") },
        "application/x-www-form-urlencoded": { "schema": reference("Grant") },
    });
    About::of(
        "exchange_token",
        "Exchange a secret or a code for a token",
        "As OAuth 2.0 has it (RFC 6749 §4.4, RFC 8628 §3.4): any client library does. The client may authenticate by HTTP Basic \
         instead of `client_id` and `secret`.",
    )
    .knows("Grant", members)
    .takes_raw(json!({ "required": true, "content": content }))
    .answers::<TokenJson>("The token.")
    .refuses(400, &["invalid_request", "unsupported_grant_type"])
    .refuses(400, &["access_denied", "authorization_pending", "expired_token", "invalid_grant", "slow_down"])
    .refuses(401, &["invalid_client"])
    .refuses(429, &["rate_limited"])
    .refuses(503, &["slow_hash_busy"])
}

/// Exchanges a secret or a code. The order of the checks is spec §5's; the rest of it is the token service's.
pub(crate) async fn exchange(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    let presented = Presented::of(request.headers());
    let arrival = arrival.with_credential(None, presented.is_there());
    let (media, body) = body::read_either(request, gateway.auth_bounds()).await?;
    let grant = Grant::read(&mut Parameters::read(media, &body)?, &presented, &arrival)?;
    if grant.is_garbage() {
        return Err(arrival.challenge(Realm::Client));
    }
    // Boxed, so that garbage needn't have room made for it: RPCs take kilobytes.
    let token = Box::pin(ask(&gateway, &arrival, path, grant)).await?;
    Ok(reply::json(StatusCode::OK, &MetadataMap::new(), &token))
}

async fn ask(
    gateway: &Gateway,
    arrival: &Arrival,
    path: Names<(String, String)>,
    grant: Grant,
) -> Result<TokenJson, Error> {
    // A path that can't be decoded names no portal, like any other unknown name: the empty one.
    let path = path.map(|path| path.0).unwrap_or_default();
    let ResolvePortalResponse { organization_uuid, portal_uuid, user_invokable: _ } =
        resolve::names(gateway, Realm::Client, arrival, path).await?;
    let mut tokens = gateway.tokens();
    match grant {
        Grant::Secret { client_id, mut secret, minutes } => {
            let secret = std::mem::take(&mut *secret);
            let expires_in_minutes = minutes;
            let message =
                ExchangeSecretRequest { organization_uuid, portal_uuid, client_id, secret, expires_in_minutes };
            let request = gateway.request(arrival, message, DEADLINE);
            let reply = gateway.call(Realm::Client, arrival, tokens.exchange_secret(request)).await?;
            let ExchangeSecretResponse { token, expires_at } = reply.into_inner();
            TokenJson::of(token, expires_at, minutes.unwrap_or(EPHEMERAL_MINUTES))
        }
        Grant::Code { code, mut secret, minutes } => {
            let secret = std::mem::take(&mut *secret);
            let expires_in_minutes = minutes;
            let message = ExchangeCodeRequest { organization_uuid, portal_uuid, code, secret, expires_in_minutes };
            let request = gateway.request(arrival, message, DEADLINE);
            let reply = gateway.call(Realm::Client, arrival, tokens.exchange_code(request)).await?;
            let ExchangeCodeResponse { token, expires_at } = reply.into_inner();
            TokenJson::of(token, expires_at, minutes.unwrap_or(USER_MINUTES))
        }
    }
}
