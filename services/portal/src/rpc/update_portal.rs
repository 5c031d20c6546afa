use std::time::Duration;

use contracts::registry::v1::{UpdatePortalRequest, UpdatePortalResponse};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::authority::{Authority, CHANGE_PORTAL};
use crate::{
    domain::{details::Details, portal::Portal},
    error::Error,
    service::Parts,
    store::{Unrevoked, Unwritten},
};

/// How often a change is tried on a portal that others change at the same time.
const TRIES: u32 = 3;

pub(super) async fn handle(
    service: &Parts,
    request: Request<UpdatePortalRequest>,
    notes: &mut MetadataMap,
) -> Result<UpdatePortalResponse, Error> {
    let (began, caller) = (service.ambient.since_boot(), service.caller(&request));
    let request = request.into_inner();
    let authority = service.authorize(caller, &request.organization, CHANGE_PORTAL, notes).await?;
    let mut tries = TRIES;
    let portal = loop {
        match change(service, &authority, &request, began).await {
            Err(Error::Outdated) if tries > 1 => tries -= 1,
            result => break result?,
        }
    };
    Ok(UpdatePortalResponse { portal: Some(service.wire_portal(&authority.organization, portal)) })
}

/// `began`: when the request came, since boot.
async fn change(
    service: &Parts,
    authority: &Authority,
    request: &UpdatePortalRequest,
    began: Duration,
) -> Result<Portal, Error> {
    let before = service.store.find_portal(authority.organization.id, &request.portal).await?.ok_or(Error::NoPortal)?;
    let details = merge(before.details(), request)?;
    // A document that stays isn't checked again: one that doesn't fit its schema any more mustn't hinder other changes.
    let (slug, document) = if details.query == before.query {
        (details.check().map_err(Error::Invalid)?, None)
    } else {
        let (slug, document) = service.compiler.check(&details)?;
        (slug, Some(document))
    };
    let after = before.clone().changed(details, slug, service.ambient.now());
    let fields = after.changed_fields(&before);
    if fields.is_empty() {
        return Ok(before);
    }
    if after.user_invokable && !before.user_invokable {
        prepare_switching_on(service, authority, &before).await?;
    }
    let event = authority.event("PORTAL_UPDATED", &after, json!({ "changed": fields, "version": after.version }));
    service
        .store
        .update_portal(&before, &after, &authority.identity.user, event)
        .await
        .map_err(|unwritten: Unwritten| Error::from(unwritten))?;
    if let Some(document) = document {
        service.compiler.keep(&after, document);
    }
    service.catalog.changed();
    if before.user_invokable && !after.user_invokable {
        // The portal refuses its user tokens already.
        let unrevoked = Unrevoked { organization: after.organization, portal: after.id, since: after.updated_at };
        let revoke = service.revoke_users(&authority.caller, unrevoked, Some(&authority.identity.user));
        service.afterwards(after.id, began, false, revoke).await;
    }
    Ok(after)
}

/// Before users may run a portal again, tokens of the time before must be gone, even those that were made while the last
/// switching off was under way: opening the portal would revive them, and the sweep couldn't tell them from new ones. Where
/// users never could run it there are none, and the token service isn't needed.
async fn prepare_switching_on(service: &Parts, authority: &Authority, portal: &Portal) -> Result<(), Error> {
    if !service.store.was_user_invokable(portal.id).await? {
        return Ok(());
    }
    let (caller, by) = (&authority.caller, Some(&authority.identity.user));
    match service.store.find_users_unrevoked(portal.id).await? {
        Some(unrevoked) => service.revoke_users(caller, unrevoked, by).await,
        None => service.verifier.revoke_user_tokens(caller, portal.organization, portal.id, by).await,
    }
}

/// `details` with what the request's mask names.
fn merge(mut details: Details, request: &UpdatePortalRequest) -> Result<Details, Error> {
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    for path in paths {
        match path.as_str() {
            "name" => details.name = request.name.clone().unwrap_or_default(),
            "slug" => details.slug.clone_from(&request.slug),
            "description" => details.description.clone_from(&request.description),
            "query" => details.query = request.query.clone().unwrap_or_default(),
            "allowed_ip_addresses" => details.allowed_ip_addresses.clone_from(&request.allowed_ip_addresses),
            "user_invokable" => details.user_invokable = request.user_invokable.unwrap_or_default(),
            "upstream" => details.upstream.clone_from(&request.upstream),
            "strict_variables" => details.strict_variables = request.strict_variables.unwrap_or_default(),
            other => return Err(Error::invalid("update_mask", format!("names {other:?}, which can't be changed"))),
        }
    }
    Ok(details)
}
