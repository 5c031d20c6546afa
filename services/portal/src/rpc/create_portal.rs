use contracts::registry::v1::{self as wire, CreatePortalRequest, CreatePortalResponse};
use kit::audit::Event;
use serde_json::{Value, json};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{Authority, CREATE_PORTAL},
    document,
};
use crate::{
    domain::{content::Content, details::Details, id::PortalId, portal::Portal, slug::Slug},
    error::Error,
    service::Parts,
    store::{Intention, Unwritten},
    upstream::target::Target,
    webhooks::Told,
};

pub(super) async fn handle(
    service: &Parts,
    request: Request<CreatePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<CreatePortalResponse, Error> {
    let caller = service.caller(&request);
    let (organization, details) = parse(request.into_inner());
    let authority = service.authorize(caller, &organization, CREATE_PORTAL, notes).await?;
    let (portal, token) = create(service, &authority, details, None).await?;
    Ok(CreatePortalResponse { portal: Some(portal), token })
}

/// Makes a portal and its first token. `from`: the portal that it is a copy of.
pub(super) async fn create(
    service: &Parts,
    authority: &Authority,
    details: Details,
    from: Option<PortalId>,
) -> Result<(wire::Portal, String), Error> {
    let target = service.target_of_slug(authority.organization.id, details.upstream.as_deref()).await?;
    let (slug, document) = service.compiler.check(&details, &target)?;
    if service.store.find_portal(authority.organization.id, slug.as_str()).await?.is_some() {
        return Err(Unwritten::SlugTaken.into());
    }
    let portal = new_portal(service, authority, details.content, slug, &target);
    // The token comes first: a portal without one would be of no use, a token without its portal opens nothing. Whatever
    // happens in between, the sweep finds the intention and revokes the token.
    service.store.intend(&portal).await?;
    let token = service.verifier.issue_service_token(&authority.caller, &portal, "The first token").await?;
    let organization = &authority.organization;
    let told = Told { organization, portal: &portal, target: &target, document: Ok(&document) };
    let trace = authority.telling(service, "portal.created", created(authority, &portal, from), &told);
    if let Err(unwritten) = service.store.create_portal(&portal, service.config.limits.portals, trace).await {
        // After a commit that broke off the portal may be there, and then the token must work. If it isn't, its intention is.
        if !matches!(unwritten, Unwritten::Unknown(_)) {
            forget_token(service, authority, &portal).await;
        }
        return Err(unwritten.into());
    }
    service.compiler.keep(&portal, &target, document);
    service.catalog.changed();
    Ok((service.wire_portal(&authority.organization, portal, &target), token))
}

fn created(authority: &Authority, portal: &Portal, from: Option<PortalId>) -> Event {
    let mut data = vec![
        ("slug", json!(portal.slug.as_str())),
        ("version", json!(portal.version)),
        ("query", document::created(portal)),
    ];
    if let Some(from) = from {
        data.push(("duplicated_from", from.0.to_string().into()));
    }
    authority.event("PORTAL_CREATED", portal, Value::from_iter(data))
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
    let content = Content { name, description, query, allowed_ip_addresses, user_invokable, strict_variables };
    (organization, Details { slug, upstream, content })
}

fn new_portal(service: &Parts, authority: &Authority, content: Content, slug: Slug, target: &Target) -> Portal {
    let now = service.ambient.now();
    Portal {
        id: PortalId(service.ambient.uuid()),
        organization: authority.organization.id,
        slug,
        upstream: target.upstream().map(|upstream| upstream.id),
        content,
        version: 1,
        check: target.checked(),
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
