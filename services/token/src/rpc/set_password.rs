//! `SetPassword`.

use contracts::directory::v1::{SetPasswordRequest, SetPasswordResponse};
use tonic::{Request, metadata::MetadataMap};
use zeroize::Zeroizing;

use super::people::{self, refused};
use crate::{Error, Service, domain::person::check_password};

pub(super) async fn handle(
    service: &Service,
    request: Request<SetPasswordRequest>,
    _: &mut MetadataMap,
) -> Result<SetPasswordResponse, Error> {
    let caller = service.service(&request)?;
    let SetPasswordRequest { email, password } = request.into_inner();
    let password = Zeroizing::new(password);
    check_password(&password).map_err(refused)?;
    let email = people::known_email(&email)?;
    let password_hash = service.0.slow_hash.hash(password, service.0.ambient.bytes()).await?;
    service.0.store.set_password(&email, password_hash, &people::operator(&caller)).await?;
    Ok(SetPasswordResponse {})
}
