//! `DeleteSecret`.

use contracts::credential::v1::{DeleteSecretRequest, DeleteSecretResponse};
use kit::audit::{Event, Subject};
use serde_json::json;
use tonic::{Request, metadata::MetadataMap};

use super::{
    authority::{Authority, CHANGE_CREDENTIALS},
    parse,
};
use crate::{
    Error, Service,
    domain::{secret::Secret, token::PortalToken},
    store::SecretRemoval,
};

pub(super) async fn handle(
    service: &Service,
    request: Request<DeleteSecretRequest>,
    notes: &mut MetadataMap,
) -> Result<DeleteSecretResponse, Error> {
    let caller = service.caller(&request);
    let DeleteSecretRequest { portal, secret_uuid, keep_tokens, wait } = request.into_inner();
    let secret = parse::uuid("secret_uuid", &secret_uuid)?;
    let owner = service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let (organization, at) = (owner.authority.organization, service.0.ambient.now());
    let removal = SecretRemoval { organization, portal: owner.portal, secret, keep_tokens, at };
    let whole = service.clone();
    let remove = async move {
        let removed = |secret: &Secret| removed(&owner.authority, secret, keep_tokens);
        let revoked = |token: &PortalToken| revoked(&owner.authority, token);
        let done = whole.0.store.delete_secret(removal, removed, revoked).await?;
        whole.0.exchanges.forget(secret);
        Ok(done)
    };
    let done = service.finish(remove).await?;
    if let Some(sequence) = done.sequence {
        service.announced(sequence, wait).await;
    }
    Ok(DeleteSecretResponse { revoked_tokens: u32::try_from(done.tokens).unwrap_or(u32::MAX) })
}

fn removed(owner: &Authority, secret: &Secret, keep_tokens: bool) -> Event {
    let subject = Subject { kind: "portal_secret", uuid: secret.uuid, name: secret.description.clone() };
    let data = json!({ "portal_uuid": secret.portal, "last_four": secret.last_four, "keep_tokens": keep_tokens });
    owner.event("PORTAL_SECRET_DELETED", subject, data)
}

fn revoked(owner: &Authority, token: &PortalToken) -> Event {
    let subject = Subject { kind: "portal_token", uuid: token.uuid, name: token.description.clone() };
    owner.event("PORTAL_TOKEN_DELETED", subject, json!({ "portal_uuid": token.portal, "secret_uuid": token.secret }))
}
