//! `IssueServiceToken`.

use contracts::token::v1::{IssueServiceTokenRequest, IssueServiceTokenResponse};
use kit::credential::{Kind, Plain};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::parse;
use crate::{
    Error, Service,
    domain::{
        tag::Class,
        token::{Imprint, NewPortalToken, PortalKind},
        token_trail,
    },
};

pub(super) async fn handle(
    service: &Service,
    request: Request<IssueServiceTokenRequest>,
    _: &mut MetadataMap,
) -> Result<IssueServiceTokenResponse, Error> {
    let caller = service.service(&request)?;
    let IssueServiceTokenRequest { organization_uuid, portal_uuid, description, created_by } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let portal = parse::uuid("portal_uuid", &portal_uuid)?;
    let created_by = parse::user("created_by", created_by)?;
    let created_by = created_by.ok_or_else(|| parse::invalid("created_by", "is missing"))?;
    let (plain, imprint) = service.new_portal_token();
    let token = NewPortalToken {
        imprint: imprint.described(description),
        organization,
        portal,
        kind: PortalKind::Service,
        created_by,
        expires_at: None,
        secret: None,
        user: None,
        allowed_ip_addresses: None,
    };
    let event = token_trail::token_created(&token, service.context(&caller).await);
    let token_uuid = token.imprint.uuid.to_string();
    service.0.store.create_service_token(token, event).await?;
    Ok(IssueServiceTokenResponse { token_uuid, token: plain.expose().to_owned() })
}

impl Service {
    /// A portal token that nobody knows yet, and its imprint.
    pub(crate) fn new_portal_token(&self) -> (Plain, Imprint) {
        let ambient = &self.0.ambient;
        let plain = Plain::token(&self.0.letters, Kind::Portal, &Zeroizing::new(ambient.bytes()));
        let tag = self.0.tagger.tag(Class::Portal, &plain);
        let imprint = Imprint::new(ambient.uuid(), &plain, tag, ambient.now());
        (plain, imprint)
    }
}
