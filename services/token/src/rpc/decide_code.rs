//! `DecideCode`.

use contracts::directory::v1::{DecideCodeRequest, DecideCodeResponse};
use tonic::{Request, metadata::MetadataMap};

use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<DecideCodeRequest>,
    _: &mut MetadataMap,
) -> Result<DecideCodeResponse, Error> {
    let caller = service.caller(&request);
    let DecideCodeRequest { code, approve, csrf_token } = request.into_inner();
    let session = service.session_of_form(&caller, &csrf_token).await?;
    service.decide_code(&caller, &session, &code, approve).await?;
    Ok(DecideCodeResponse {})
}
