//! `SignOut`.

use contracts::directory::v1::{SignOutRequest, SignOutResponse};
use tonic::{Request, metadata::MetadataMap};

use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<SignOutRequest>,
    _: &mut MetadataMap,
) -> Result<SignOutResponse, Error> {
    let caller = service.caller(&request);
    let SignOutRequest { csrf_token } = request.into_inner();
    let session = service.session_of_form(&caller, &csrf_token).await?;
    service.sign_out(&caller, session).await?;
    Ok(SignOutResponse {})
}
