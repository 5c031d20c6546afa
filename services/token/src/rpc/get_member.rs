//! `GetMember`.

use contracts::directory::v1::{GetMemberRequest, GetMemberResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, SEE_MEMBERS},
};
use crate::{Error, Service, store::NO_MEMBER};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetMemberRequest>,
    notes: &mut MetadataMap,
) -> Result<GetMemberResponse, Error> {
    let caller = service.caller(&request);
    let GetMemberRequest { organization_uuid, user_uuid } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let key = people::member_key(organization, &user_uuid)?;
    service.authorize(caller, organization, &SEE_MEMBERS, notes).await?;
    let found = service.0.store.find_member(key).await?.ok_or(Error::NotFound(NO_MEMBER))?;
    Ok(GetMemberResponse { member: Some(people::member(found)) })
}
