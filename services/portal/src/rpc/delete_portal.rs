use contracts::registry::v1::{DeletePortalRequest, DeletePortalResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_PORTAL;
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DeletePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<DeletePortalResponse, Error> {
    let caller = service.caller(&request);
    let DeletePortalRequest { organization, portal } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_PORTAL, notes).await?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    let event = authority.event("PORTAL_DELETED", &portal, json!({ "slug": portal.slug.as_str() }));
    if !service.store.close_portal(portal.id, event).await? {
        return Err(Error::NoPortal);
    }
    service.catalog.changed();
    let by = Some(&authority.identity.user);
    let revoked = service.verifier.revoke_portal(&authority.caller, portal.organization, portal.id, by).await;
    let marked = match revoked {
        Ok(()) => service.store.mark_revoked(portal.id).await.map_err(Error::from),
        Err(error) => Err(error),
    };
    // The portal is closed, so its tokens open nothing; the sweep will finish what is left.
    if let Err(error) = marked {
        tracing::warn!(portal = %portal.id.0, %error, "the tokens of a removed portal wait for revocation");
    }
    Ok(DeletePortalResponse {})
}
