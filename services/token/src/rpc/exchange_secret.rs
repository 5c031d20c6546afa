//! `ExchangeSecret`.

use contracts::token::v1::{ExchangeSecretRequest, ExchangeSecretResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::parse;
use crate::{Error, Service, domain::secret::Claim, exchange};

const MOST_MINUTES: u32 = 60;

pub(super) async fn handle(
    service: &Service,
    request: Request<ExchangeSecretRequest>,
    _: &mut MetadataMap,
) -> Result<ExchangeSecretResponse, Error> {
    let caller = service.caller(&request);
    let ExchangeSecretRequest { organization_uuid, portal_uuid, client_id, secret, expires_in_minutes } =
        request.into_inner();
    let secret = Zeroizing::new(secret);
    for (field, text) in [("client_id", client_id.as_str()), ("secret", secret.as_str())] {
        if text.is_empty() {
            return Err(parse::invalid(field, "is missing"));
        }
    }
    let minutes = expires_in_minutes.unwrap_or(MOST_MINUTES);
    if !(1..=MOST_MINUTES).contains(&minutes) {
        return Err(parse::invalid("expires_in_minutes", "must be 1 to 60"));
    }
    let claim = Claim {
        organization: parse::uuid("organization_uuid", &organization_uuid)?,
        portal: parse::uuid("portal_uuid", &portal_uuid)?,
        client: Uuid::parse_str(&client_id).ok(),
    };
    let request = exchange::Request { claim, client: &client_id, secret: &secret, minutes };
    let exchanged = service.exchange(&request, &caller).await?;
    let (token, expires_at) = (exchanged.token.expose().to_owned(), to_timestamp(exchanged.expires_at));
    Ok(ExchangeSecretResponse { token, expires_at: Some(expires_at) })
}
