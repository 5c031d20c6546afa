//! `IssueServiceToken`.

use contracts::token::v1::{IssueServiceTokenRequest, IssueServiceTokenResponse};
use kit::{
    audit::{Event, Subject},
    credential::{Kind, Plain},
};
use serde_json::{Value, json};
use tonic::{Request, Response};
use zeroize::Zeroizing;

use super::parse;
use crate::{
    Error, Service,
    domain::{
        tag::Class,
        token::{Imprint, NewServiceToken},
    },
};

pub(super) async fn handle(
    service: &Service,
    request: Request<IssueServiceTokenRequest>,
) -> Result<Response<IssueServiceTokenResponse>, Error> {
    let caller = service.service(&request)?;
    let IssueServiceTokenRequest { organization_uuid, portal_uuid, description, created_by } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let portal = parse::uuid("portal_uuid", &portal_uuid)?;
    let created_by = parse::user("created_by", created_by)?;
    let created_by = created_by.ok_or_else(|| parse::invalid("created_by", "is missing"))?;
    let (plain, imprint) = service.new_portal_token();
    let token = NewServiceToken { imprint: imprint.described(description), organization, portal, created_by };
    let event = created(&token, service.context(&caller).await);
    let token_uuid = token.imprint.uuid.to_string();
    service.0.store.create_service_token(token, event).await?;
    Ok(Response::new(IssueServiceTokenResponse { token_uuid, token: plain.expose().to_owned() }))
}

impl Service {
    fn new_portal_token(&self) -> (Plain, Imprint) {
        let ambient = &self.0.ambient;
        let plain = Plain::token(&self.0.letters, Kind::Portal, &Zeroizing::new(ambient.bytes()));
        let tag = self.0.tagger.tag(Class::Portal, &plain);
        let imprint = Imprint::new(ambient.uuid(), &plain, tag, ambient.now());
        (plain, imprint)
    }
}

fn created(token: &NewServiceToken, context: Value) -> Event {
    let Imprint { uuid, description, last_four, .. } = &token.imprint;
    Event {
        kind: "PORTAL_TOKEN_CREATED",
        organization: token.organization,
        actor: Some(token.created_by.clone().into()),
        subject: Subject { kind: "portal_token", uuid: *uuid, name: description.clone() },
        context,
        data: json!({ "portal_uuid": token.portal, "last_four": last_four }),
    }
}
