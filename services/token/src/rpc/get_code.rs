//! `GetCode`.

use contracts::directory::v1::{GetCodeRequest, GetCodeResponse};
use kit::grpc::to_timestamp;
use tonic::{Request, metadata::MetadataMap};

use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetCodeRequest>,
    _: &mut MetadataMap,
) -> Result<GetCodeResponse, Error> {
    let caller = service.caller(&request);
    let GetCodeRequest { code } = request.into_inner();
    let session = service.session(&caller).await?;
    let code = service.code_for(&session, &code).await?;
    Ok(GetCodeResponse {
        organization_uuid: code.organization.to_string(),
        portal_uuid: code.portal.to_string(),
        created_at: Some(to_timestamp(code.created_at)),
        expires_at: Some(to_timestamp(code.expires_at)),
        requester_ip: code.requester_ip,
        requester_agent: code.requester_agent,
    })
}
