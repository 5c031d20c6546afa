use contracts::registry::v1::{DeletePortalRequest, DeletePortalResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::CHANGE_PORTAL;
use crate::{error::Error, service::Parts, webhooks::Told};

pub(super) async fn handle(
    service: &Parts,
    request: Request<DeletePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<DeletePortalResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let DeletePortalRequest { organization, portal, wait } = request.into_inner();
    let authority = service.authorize(caller, &organization, CHANGE_PORTAL, notes).await?;
    let portal = service.store.find_portal(authority.organization.id, &portal).await?.ok_or(Error::NoPortal)?;
    let event = authority.event("PORTAL_DELETED", &portal, json!({ "slug": portal.slug.as_str() }));
    let target = service.target(portal.upstream).await?.ok_or(Error::NoPortal)?;
    let document = service.compiler.document(&portal, &target);
    let document = document.as_deref().map_err(|findings| &**findings);
    let told = Told { organization: &authority.organization, portal: &portal, target: &target, document };
    let trace = authority.telling(service, "portal.deleted", event, &told);
    if !service.store.close_portal(portal.id, trace).await? {
        return Err(Error::NoPortal);
    }
    service.catalog.changed();
    // The portal is closed, so its tokens open nothing, even if this fails.
    let revoke = async {
        let (caller, by) = (&authority.caller, Some(&authority.identity.user));
        if wait {
            service.verifier.revoke_portal_everywhere(caller, portal.organization, portal.id, by).await?;
        } else {
            service.verifier.revoke_portal(caller, portal.organization, portal.id, by).await?;
        }
        Ok(service.store.mark_revoked(portal.id).await?)
    };
    service.afterwards(portal.id, began, wait, revoke).await;
    Ok(DeletePortalResponse {})
}
