//! What several RPCs do to a portal that is there.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{authority::Authority, document};
use crate::{
    domain::{
        details::Details,
        portal::{Change, Portal},
    },
    error::Error,
    service::Parts,
    store::{Unrevoked, Unwritten},
    upstream::target::Target,
    webhooks::Told,
};

/// A portal that is to be changed, and where it runs.
pub(super) struct Present {
    pub(super) portal: Portal,
    pub(super) target: Arc<Target>,
}

/// How a change came about.
#[derive(Clone, Copy)]
pub(super) struct Cause {
    /// When the request came, since boot.
    pub(super) began: Duration,
    /// The version whose document it is, where one was restored.
    pub(super) restored: Option<u32>,
}

impl Present {
    /// The portal `slug` of the authority's organization.
    pub(super) async fn find(service: &Parts, authority: &Authority, slug: &str) -> Result<Self, Error> {
        let portal = service.store.find_portal(authority.organization.id, slug).await?.ok_or(Error::NoPortal)?;
        let target = service.target(portal.upstream).await?.ok_or(Error::NoPortal)?;
        Ok(Self { portal, target })
    }

    /// What it is.
    pub(super) fn details(&self) -> Details {
        Details {
            slug: Some(self.portal.slug.to_string()),
            upstream: self.target.slug().map(str::to_owned),
            content: self.portal.content.clone(),
        }
    }

    /// Makes it what `details` say. [`Error::Outdated`]: it was changed since it was found.
    pub(super) async fn change(
        self,
        service: &Parts,
        authority: &Authority,
        details: Details,
        cause: Cause,
    ) -> Result<Self, Error> {
        let Self { portal: before, target } = &self;
        let target = if details.upstream.as_deref() == target.slug() {
            Arc::clone(target)
        } else {
            service.target_of_slug(authority.organization.id, details.upstream.as_deref()).await?
        };
        let upstream = target.upstream().map(|upstream| upstream.id);
        // A document that stays isn't checked again: one that doesn't fit its schema any more mustn't hinder other changes.
        let (slug, document) = if details.content.query == before.content.query && upstream == before.upstream {
            (details.check().map_err(Error::Invalid)?, None)
        } else {
            let (slug, document) = service.compiler.check(&details, &target)?;
            (slug, Some(document))
        };
        let checked = document.is_some().then(|| target.checked());
        let after =
            before.clone().changed(Change { slug, upstream, content: details.content, checked }, service.ambient.now());
        if after.changed_fields(before).is_empty() {
            return Ok(self);
        }
        let told = match &document {
            Some(document) => Ok(Arc::clone(document)),
            None => service.compiler.document(&after, &target),
        };
        let told = told.as_deref().map_err(|findings| &**findings);
        let told = Told { organization: &authority.organization, portal: &after, target: &target, document: told };
        write(service, authority, before, &told, cause).await?;
        if let Some(document) = document {
            service.compiler.keep(&after, &target, document);
        }
        service.catalog.changed();
        if before.content.user_invokable && !after.content.user_invokable {
            // The portal refuses its user tokens already.
            let unrevoked = Unrevoked { organization: after.organization, portal: after.id, since: after.updated_at };
            let revoke = service.revoke_users(&authority.caller, unrevoked, Some(&authority.identity.user));
            service.afterwards(after.id, cause.began, false, revoke).await;
        }
        Ok(Self { portal: after, target })
    }
}

async fn write(
    service: &Parts,
    authority: &Authority,
    before: &Portal,
    told: &Told<'_>,
    cause: Cause,
) -> Result<(), Error> {
    let after = told.portal;
    if after.content.user_invokable && !before.content.user_invokable {
        prepare_switching_on(service, authority, before).await?;
    }
    let mut data = vec![("changed", json!(after.changed_fields(before))), ("version", json!(after.version))];
    if after.version != before.version {
        data.push(("query", document::changed(before, after)));
    }
    if let Some(restored) = cause.restored {
        data.push(("restored_from", restored.into()));
    }
    let event = authority.event("PORTAL_UPDATED", after, Value::from_iter(data));
    let trace = authority.telling(service, "portal.updated", event, told);
    let written = service.store.update_portal(before, after, &authority.identity.user, trace).await;
    written.map_err(|unwritten: Unwritten| Error::from(unwritten))
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

/// How often a change is tried on a portal that others change at the same time.
const TRIES: u32 = 3;

/// Does `attempt` again while someone else was faster.
pub(super) async fn until_current<T, A>(attempt: impl Fn() -> A) -> Result<T, Error>
where
    A: Future<Output = Result<T, Error>>,
{
    for _ in 1..TRIES {
        match attempt().await {
            Err(Error::Outdated) => {}
            result => return result,
        }
    }
    attempt().await
}
