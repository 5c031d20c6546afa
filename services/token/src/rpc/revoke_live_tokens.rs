//! `RevokeLiveTokens`.

use contracts::credential::v1::{RevokeLiveTokensRequest, RevokeLiveTokensResponse};
use tonic::{Request, metadata::MetadataMap};

use super::authority::{CHANGE_CREDENTIALS, PortalAuthority};
use crate::{Error, Service, store::EndingAll};

pub(super) async fn handle(
    service: &Service,
    request: Request<RevokeLiveTokensRequest>,
    notes: &mut MetadataMap,
) -> Result<RevokeLiveTokensResponse, Error> {
    let caller = service.caller(&request);
    let RevokeLiveTokensRequest { portal, wait } = request.into_inner();
    let PortalAuthority { authority, portal } =
        service.authorize_portal(caller, portal, &CHANGE_CREDENTIALS, notes).await?;
    let all = EndingAll { organization: authority.organization, portal, at: service.0.ambient.now() };
    let store = service.0.store.clone();
    let end = async move { store.end_live_tokens(all, &authority.trail()).await };
    let (ended, sequence) = service.finish(end).await?;
    service.announced(sequence, wait).await;
    Ok(RevokeLiveTokensResponse { revoked_tokens: u32::try_from(ended).unwrap_or(u32::MAX) })
}
