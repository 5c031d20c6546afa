//! `RevokePortal`.

use contracts::token::v1::{RevokePortalRequest, RevokePortalResponse};
use kit::audit::Actor;
use tonic::{Request, metadata::MetadataMap};

use super::parse;
use crate::{Error, Service, domain::trail::Trail, store::Revocation};

pub(super) async fn handle(
    service: &Service,
    request: Request<RevokePortalRequest>,
    _: &mut MetadataMap,
) -> Result<RevokePortalResponse, Error> {
    let caller = service.service(&request)?;
    let RevokePortalRequest { organization_uuid, portal_uuid, revoked_by, kinds, wait } = request.into_inner();
    let (portal, at) = (parse::uuid("portal_uuid", &portal_uuid)?, service.0.ambient.now());
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let actor = parse::user("revoked_by", revoked_by)?.map(Actor::from);
    let revocation = Revocation { organization, portal, kinds: parse::kinds("kinds", &kinds)?, at };
    let trail = Trail { actor, context: service.context(&caller).await };
    let store = service.0.store.clone();
    let (ended, sequence) = service.finish(async move { store.revoke_portal(revocation, &trail).await }).await?;
    service.announced(sequence, wait).await;
    Ok(RevokePortalResponse { revoked_tokens: u32::try_from(ended).unwrap_or(u32::MAX) })
}
