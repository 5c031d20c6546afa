//! `ExchangeCode`.

use chrono::TimeDelta;
use contracts::token::v1::{ExchangeCodeRequest, ExchangeCodeResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::parse;
use crate::{Error, Service, codes::Attempt};

/// The longest life of a user token, in minutes, and the one that it has unless another is asked for.
const MOST_MINUTES: u32 = 720;

pub(super) async fn handle(
    service: &Service,
    request: Request<ExchangeCodeRequest>,
    _: &mut MetadataMap,
) -> Result<ExchangeCodeResponse, Error> {
    let caller = service.caller(&request);
    let ExchangeCodeRequest { organization_uuid, portal_uuid, code, secret, expires_in_minutes } = request.into_inner();
    let attempt = Attempt {
        organization: parse::uuid("organization_uuid", &organization_uuid)?,
        portal: parse::uuid("portal_uuid", &portal_uuid)?,
        code,
        secret: Zeroizing::new(secret),
        life: life(expires_in_minutes.unwrap_or(MOST_MINUTES))?,
    };
    let (token, expires_at) = service.exchange_code(&caller, attempt).await?;
    Ok(ExchangeCodeResponse { token: token.expose().to_owned(), expires_at: Some(to_timestamp(expires_at)) })
}

fn life(minutes: u32) -> Result<TimeDelta, Error> {
    if (1..=MOST_MINUTES).contains(&minutes) {
        return Ok(TimeDelta::minutes(minutes.into()));
    }
    Err(parse::invalid("expires_in", &format!("must be a number of minutes, 1 to {MOST_MINUTES}")))
}
