//! `ClearAllowedAddresses`.

use contracts::directory::v1::{ClearAllowedAddressesRequest, ClearAllowedAddressesResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{parse, people};
use crate::{
    Error, Service,
    domain::api_settings::{ApiSettings, Named},
};

pub(super) async fn handle(
    service: &Service,
    request: Request<ClearAllowedAddressesRequest>,
    _: &mut MetadataMap,
) -> Result<ClearAllowedAddressesResponse, Error> {
    let caller = service.service(&request)?;
    let organization = parse::uuid("organization_uuid", &request.into_inner().organization_uuid)?;
    let (none, trail) = (ApiSettings::default(), people::operator(&caller));
    service.0.store.set_api_settings(organization, &none, Named::allowed_ip_addresses(), &trail).await?;
    Ok(ClearAllowedAddressesResponse {})
}
