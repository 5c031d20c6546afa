//! `ListSecrets`.

use contracts::credential::v1::{ListSecretsRequest, ListSecretsResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{authority::SEE_CREDENTIALS, reply};
use crate::{Error, Service, domain::page::Page};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListSecretsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListSecretsResponse, Error> {
    let caller = service.caller(&request);
    let ListSecretsRequest { portal, page, per_page } = request.into_inner();
    let viewer = service.authorize_portal(caller, portal, &SEE_CREDENTIALS, notes).await?;
    let (secrets, total) = service.0.store.list_secrets(viewer.portal, Page::of(page, per_page)).await?;
    let secrets = secrets.into_iter().map(reply::secret).collect();
    Ok(ListSecretsResponse { secrets, total: u32::try_from(total).unwrap_or(u32::MAX) })
}
