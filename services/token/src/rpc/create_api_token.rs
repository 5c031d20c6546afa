//! `CreateApiToken`.

use std::collections::BTreeSet;

use contracts::directory::v1::{CreateApiTokenRequest, CreateApiTokenResponse};
use kit::{
    ambient::Instant,
    credential::{Kind, Plain},
    grpc::to_instant,
};
use tonic::{Request, metadata::MetadataMap};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{parse, people};
use crate::{
    Error, Service,
    domain::api_token::{NewApiToken, Wishes},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateApiTokenRequest>,
    _: &mut MetadataMap,
) -> Result<CreateApiTokenResponse, Error> {
    let caller = service.service(&request)?;
    let message = request.into_inner();
    let (email, organizations, wishes) = read(message)?;
    let email = people::known_email(&email)?;
    let terms = wishes.check(service.0.ambient.now()).map_err(Error::Validation)?;
    let plain = Plain::token(&service.0.letters, Kind::Api, &Zeroizing::new(service.0.ambient.bytes()));
    let new = NewApiToken { imprint: service.api_token_imprint(&plain), terms, organizations };
    let created = service.0.store.create_api_token(&email, new, &people::operator(&caller)).await?;
    Ok(CreateApiTokenResponse { api_token: Some(people::api_token(created)), value: plain.expose().to_owned() })
}

/// Whose it shall be, which organizations it shall reach, and what it shall be.
fn read(message: CreateApiTokenRequest) -> Result<(String, Option<BTreeSet<Uuid>>, Wishes), Error> {
    let CreateApiTokenRequest {
        email,
        organization_uuids,
        scopes,
        description,
        expires_at,
        never_expires,
        allowed_ip_addresses,
    } = message;
    let organizations = organization_uuids.iter().map(|uuid| parse::uuid("organization_uuids", uuid));
    let organizations: BTreeSet<_> = organizations.collect::<Result<_, _>>()?;
    let instant = |time| to_instant(&time).ok_or_else(|| parse::invalid("expires_at", "must be a time"));
    let expires_at: Option<Instant> = expires_at.map(instant).transpose()?;
    let wishes = Wishes { scopes, description, expires_at, never_expires, allowed_ip_addresses };
    Ok((email, Some(organizations).filter(|some| !some.is_empty()), wishes))
}
