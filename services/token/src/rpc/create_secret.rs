//! `CreateSecret`.

use contracts::credential::v1::{CreateSecretRequest, CreateSecretResponse};
use kit::{credential::Plain, grpc::to_instant};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::{
    authority::{CHANGE_CREDENTIALS, PortalAuthority},
    parse, reply,
};
use crate::{
    Error, Service,
    domain::secret::{Details, Secret},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<CreateSecretRequest>,
    notes: &mut MetadataMap,
) -> Result<CreateSecretResponse, Error> {
    let caller = service.caller(&request);
    let CreateSecretRequest { portal, description, expires_at } = request.into_inner();
    let expires_at = match expires_at {
        Some(at) => Some(to_instant(&at).ok_or_else(|| parse::invalid("expires_at", "must be a time"))?),
        None => None,
    };
    let owner = service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let details = Details { description, expires_at }.check(service.0.ambient.now()).map_err(Error::Validation)?;
    // Asked before the slow hash, which is dear; decided in the transaction.
    if !service.0.store.has_room_for_secret(owner.portal).await? {
        return Err(Error::TooManySecrets);
    }
    let (plain, secret) = service.new_secret(&owner, details).await?;
    let event = owner.authority.trail().secret_created(&secret);
    service.0.store.create_secret(secret.clone(), event).await?;
    Ok(CreateSecretResponse { secret: Some(reply::secret(secret)), value: plain.expose().to_owned() })
}

impl Service {
    async fn new_secret(&self, owner: &PortalAuthority, details: Details) -> Result<(Plain, Secret), Error> {
        let (parts, ambient) = (&self.0, &self.0.ambient);
        let plain = Plain::secret(&parts.letters, ambient.bytes(), &Zeroizing::new(ambient.bytes()));
        let hash = parts.slow_hash.hash(Zeroizing::new(plain.expose().to_owned()), ambient.bytes()).await?;
        let secret = Secret {
            uuid: ambient.uuid(),
            organization: owner.authority.organization,
            portal: owner.portal,
            selector: plain.selector().unwrap_or_default().to_owned(),
            hash,
            gate: parts.exchanges.gatekeeper().gate(owner.portal, &plain),
            last_four: plain.last_four().to_owned(),
            description: details.description,
            created_at: ambient.now(),
            expires_at: details.expires_at,
            last_used_at: None,
            last_used_ip: None,
            created_by: owner.authority.user().clone(),
        };
        Ok((plain, secret))
    }
}
