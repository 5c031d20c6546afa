//! `RevokePortal`.

use contracts::token::v1::{RevokePortalRequest, RevokePortalResponse};
use kit::audit::{Actor, Event, Subject};
use serde_json::{Value, json};
use tonic::{Request, Response};

use super::parse;
use crate::{Error, Service, domain::token::PortalToken, store::Revocation};

pub(super) async fn handle(
    service: &Service,
    request: Request<RevokePortalRequest>,
) -> Result<Response<RevokePortalResponse>, Error> {
    let caller = service.service(&request)?;
    let RevokePortalRequest { organization_uuid, portal_uuid, revoked_by } = request.into_inner();
    let revocation = Revocation {
        organization: parse::uuid("organization_uuid", &organization_uuid)?,
        portal: parse::uuid("portal_uuid", &portal_uuid)?,
        at: service.0.ambient.now(),
    };
    let actor = parse::user("revoked_by", revoked_by)?.map(Actor::from);
    let context = service.context(&caller).await;
    let event = |token: &PortalToken| deleted(token, actor.clone(), context.clone());
    let tokens = service.0.store.revoke_portal(revocation, event).await?;
    let live = tokens.iter().filter(|token| !token.life.has_expired(revocation.at)).count();
    Ok(Response::new(RevokePortalResponse { revoked_tokens: u32::try_from(live).unwrap_or(u32::MAX) }))
}

fn deleted(token: &PortalToken, actor: Option<Actor>, context: Value) -> Event {
    Event {
        kind: "PORTAL_TOKEN_DELETED",
        organization: token.organization,
        actor,
        subject: Subject { kind: "portal_token", uuid: token.uuid, name: token.description.clone() },
        context,
        data: json!({ "portal_uuid": token.portal }),
    }
}
