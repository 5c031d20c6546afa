//! `DeleteUser`.

use contracts::directory::v1::{DeleteUserRequest, DeleteUserResponse};
use tonic::{Request, metadata::MetadataMap};

use super::people;
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<DeleteUserRequest>,
    _: &mut MetadataMap,
) -> Result<DeleteUserResponse, Error> {
    let caller = service.service(&request)?;
    let DeleteUserRequest { email, wait } = request.into_inner();
    let email = people::known_email(&email)?;
    let trail = people::operator(&caller);
    let sequence = service.0.store.delete_user(&email, service.0.ambient.now(), &trail).await?;
    service.announced(sequence, wait).await;
    Ok(DeleteUserResponse {})
}
