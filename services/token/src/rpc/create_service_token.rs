//! `CreateServiceToken`.

use contracts::credential::v1::{CreateServiceTokenRequest, CreateServiceTokenResponse};
use kit::{audit, grpc::to_instant};
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{CHANGE_CREDENTIALS, PortalAuthority},
    parse, reply,
};
use crate::{
    Error, Service,
    domain::{
        service_token::Wish,
        token::{Imprint, NewPortalToken, PortalKind},
        token_trail,
    },
};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateServiceTokenRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateServiceTokenResponse, Error> {
    let caller = service.caller(&request);
    let CreateServiceTokenRequest { portal, description, expires_at, allowed_ip_addresses } = request.into_inner();
    let bad = || parse::invalid("expires_at", "must be a time");
    let expires_at = expires_at.map(|at| to_instant(&at).ok_or_else(bad)).transpose()?;
    let wish = Wish { description, expires_at, allowed_ip_addresses };
    let authority = service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let wish = wish.check(service.0.ambient.now()).map_err(Error::Validation)?;
    let (plain, imprint) = service.new_portal_token();
    let token = new(&authority, wish, imprint);
    let PortalAuthority { authority, .. } = authority;
    let event = token_trail::token_created(&token, audit::context(&authority.caller, Some(authority.token.uuid)));
    let service_token = reply::new_portal_token(&token);
    service.0.store.create_service_token(token, event).await?;
    Ok(CreateServiceTokenResponse { service_token: Some(service_token), value: plain.expose().to_owned() })
}

fn new(authority: &PortalAuthority, wish: Wish, imprint: Imprint) -> NewPortalToken {
    NewPortalToken {
        imprint: imprint.described(wish.description),
        organization: authority.authority.organization,
        portal: authority.portal,
        kind: PortalKind::Service,
        created_by: authority.authority.user().clone(),
        expires_at: wish.expires_at,
        secret: None,
        user: None,
        allowed_ip_addresses: wish.allowed_ip_addresses,
    }
}
