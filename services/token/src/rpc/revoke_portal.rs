//! `RevokePortal`.

use contracts::token::v1::{RevokePortalRequest, RevokePortalResponse};
use kit::audit::{Actor, Event, Subject};
use serde_json::{Value, json};
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;

use super::parse;
use crate::{
    Error, Service,
    domain::token::PortalToken,
    store::{Ended, Revocation},
};

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
    let context = service.context(&caller).await;
    let store = service.0.store.clone();
    let revoke = async move {
        let event = |ended: Ended<'_>| Trail { organization, portal }.deleted(ended, actor.clone(), context.clone());
        store.revoke_portal(revocation, event).await
    };
    let (ended, sequence) = service.finish(revoke).await?;
    service.announced(sequence, wait).await;
    Ok(RevokePortalResponse { revoked_tokens: u32::try_from(ended).unwrap_or(u32::MAX) })
}

/// Where the events belong.
struct Trail {
    organization: Uuid,
    portal: Uuid,
}

impl Trail {
    fn deleted(&self, ended: Ended<'_>, actor: Option<Actor>, context: Value) -> Event {
        let subject = |kind, uuid, name: &str| Subject { kind, uuid, name: name.to_owned() };
        let (kind, organization, subject) = match ended {
            Ended::Token(PortalToken { uuid, organization, description, .. }) => {
                ("PORTAL_TOKEN_DELETED", *organization, subject("portal_token", *uuid, description))
            }
            Ended::Secret(uuid, description) => {
                ("PORTAL_SECRET_DELETED", self.organization, subject("portal_secret", uuid, description))
            }
        };
        Event { kind, organization, actor, subject, context, data: json!({ "portal_uuid": self.portal }) }
    }
}
