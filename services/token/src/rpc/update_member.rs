//! `UpdateMember`.

use contracts::directory::v1::{UpdateMemberRequest, UpdateMemberResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, ADMINISTER, refused},
};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<UpdateMemberRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdateMemberResponse, Error> {
    let caller = service.caller(&request);
    let UpdateMemberRequest { organization_uuid, user_uuid, role } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let key = people::member_key(organization, &user_uuid)?;
    let authority = service.authorize(caller, organization, &ADMINISTER, notes).await?;
    let role = people::role(role).map_err(refused)?;
    let (at, trail) = (service.0.ambient.now(), authority.trail());
    let (member, sequence) = service.0.store.update_member(key, role, at, &trail).await?;
    if let Some(sequence) = sequence {
        service.announced(sequence, false).await;
    }
    Ok(UpdateMemberResponse { member: Some(people::member(member)) })
}
