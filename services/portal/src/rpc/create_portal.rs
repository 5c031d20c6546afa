use contracts::registry::v1::{CreatePortalRequest, CreatePortalResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::{Authority, CREATE_PORTAL};
use crate::{
    domain::{details::Details, id::PortalId, portal::Portal, slug::Slug},
    error::Error,
    service::Parts,
    store::{Intention, Unwritten},
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreatePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<CreatePortalResponse, Error> {
    let caller = service.caller(&request);
    let (organization, details) = parse(request.into_inner());
    let authority = service.authorize(caller, &organization, CREATE_PORTAL, notes).await?;
    let (slug, document) = service.compiler.check(&details)?;
    if service.store.find_portal(authority.organization.id, slug.as_str()).await?.is_some() {
        return Err(Unwritten::SlugTaken.into());
    }
    let portal = new_portal(service, &authority, details, slug);
    // The token comes first: a portal without one would be of no use, a token without its portal opens nothing. Whatever
    // happens in between, the sweep finds the intention and revokes the token.
    service.store.intend(&portal).await?;
    let token = service.verifier.issue_service_token(&authority.caller, &portal, "The first token").await?;
    let event =
        authority.event("PORTAL_CREATED", &portal, json!({ "slug": portal.slug.as_str(), "version": portal.version }));
    if let Err(unwritten) = service.store.create_portal(&portal, service.config.limits.portals, event).await {
        // After a commit that broke off the portal may be there, and then the token must work. If it isn't, its intention is.
        if !matches!(unwritten, Unwritten::Unknown(_)) {
            forget_token(service, &authority, &portal).await;
        }
        return Err(unwritten.into());
    }
    service.compiler.keep(&portal, document);
    service.catalog.changed();
    Ok(CreatePortalResponse { portal: Some(service.wire_portal(&authority.organization, portal)), token })
}

fn parse(request: CreatePortalRequest) -> (String, Details) {
    let CreatePortalRequest {
        organization,
        name,
        slug,
        description,
        query,
        allowed_ip_addresses,
        user_invokable,
        upstream,
        strict_variables,
    } = request;
    (
        organization,
        Details { name, slug, description, query, allowed_ip_addresses, user_invokable, upstream, strict_variables },
    )
}

fn new_portal(service: &Parts, authority: &Authority, details: Details, slug: Slug) -> Portal {
    let now = service.ambient.now();
    let Details {
        name,
        slug: _,
        description,
        query,
        allowed_ip_addresses,
        user_invokable,
        upstream: _,
        strict_variables,
    } = details;
    Portal {
        id: PortalId(service.ambient.uuid()),
        organization: authority.organization.id,
        slug,
        name,
        description,
        query,
        allowed_ip_addresses,
        user_invokable,
        strict_variables,
        version: 1,
        created_at: now,
        updated_at: now,
        created_by: authority.identity.user.clone(),
    }
}

/// Revokes the token of a portal that couldn't be written. Nobody has seen the token; what fails is left to the sweep.
async fn forget_token(service: &Parts, authority: &Authority, portal: &Portal) {
    let intention = Intention { organization: portal.organization, portal: portal.id };
    if let Err(error) = service.give_up(&authority.caller, intention, Some(&portal.created_by)).await {
        tracing::warn!(portal = %portal.id.0, %error, "the token of an unwritten portal waits for revocation");
    }
}
