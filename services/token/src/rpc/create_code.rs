//! `CreateCode`.

use contracts::token::v1::{CreateCodeRequest, CreateCodeResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, metadata::MetadataMap};

use super::parse;
use crate::{Error, Service, domain::code::INTERVAL_SECONDS};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateCodeRequest>,
    _: &mut MetadataMap,
) -> Result<CreateCodeResponse, Error> {
    let caller = service.service(&request)?;
    let CreateCodeRequest { organization_uuid, portal_uuid } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let portal = parse::uuid("portal_uuid", &portal_uuid)?;
    let made = service.create_code(&caller, organization, portal).await?;
    Ok(CreateCodeResponse {
        code: made.code,
        secret: made.secret.expose().to_owned(),
        expires_at: Some(to_timestamp(made.expires_at)),
        interval_seconds: INTERVAL_SECONDS,
    })
}
