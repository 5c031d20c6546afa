//! `DeleteSecret`.

use contracts::credential::v1::{DeleteSecretRequest, DeleteSecretResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::CHANGE_CREDENTIALS, parse};
use crate::{Error, Service, store::SecretRemoval};

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
        let done = whole.0.store.delete_secret(removal, None, &owner.authority.trail()).await?;
        whole.0.exchanges.forget(secret);
        Ok(done)
    };
    let done = service.finish(remove).await?;
    if let Some(sequence) = done.sequence {
        service.announced(sequence, wait).await;
    }
    Ok(DeleteSecretResponse { revoked_tokens: u32::try_from(done.tokens).unwrap_or(u32::MAX) })
}
