//! `SetMembership`.

use contracts::directory::v1::{SetMembershipRequest, SetMembershipResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    parse,
    people::{self, refused},
};
use crate::{Error, Service, domain::user::Membership};

pub(super) async fn handle(
    service: &Service,
    request: Request<SetMembershipRequest>,
    _: &mut MetadataMap,
) -> Result<SetMembershipResponse, Error> {
    let caller = service.service(&request)?;
    let SetMembershipRequest { email, organization_uuid, role } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let place = Membership { organization, role: people::role(role).map_err(refused)? };
    let (email, trail) = (people::known_email(&email)?, people::operator(&caller));
    let sequence = service.0.store.set_membership(&email, place, service.0.ambient.now(), &trail).await?;
    if let Some(sequence) = sequence {
        service.announced(sequence, false).await;
    }
    Ok(SetMembershipResponse {})
}
