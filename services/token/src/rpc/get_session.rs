//! `GetSession`.

use contracts::directory::v1::{GetSessionRequest, GetSessionResponse};
use tonic::{Request, metadata::MetadataMap};

use super::reply;
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetSessionRequest>,
    _: &mut MetadataMap,
) -> Result<GetSessionResponse, Error> {
    let caller = service.caller(&request);
    let GetSessionRequest {} = request.into_inner();
    let session = service.session(&caller).await?;
    Ok(GetSessionResponse {
        csrf_token: service.csrf().token(&session.plain),
        user: Some(reply::user(session.user)),
        memberships: session.memberships.iter().map(reply::membership).collect(),
    })
}
