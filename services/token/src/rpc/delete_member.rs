//! `DeleteMember`.

use contracts::directory::v1::{DeleteMemberRequest, DeleteMemberResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, ADMINISTER},
};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<DeleteMemberRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteMemberResponse, Error> {
    let caller = service.caller(&request);
    let DeleteMemberRequest { organization_uuid, user_uuid, wait } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let key = people::member_key(organization, &user_uuid)?;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    let sequence = service.0.store.delete_member(key, service.0.ambient.now(), &authority.trail()).await?;
    service.announced(sequence, wait).await;
    Ok(DeleteMemberResponse {})
}
