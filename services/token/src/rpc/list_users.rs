//! `ListUsers`.

use contracts::directory::v1::{ListUsersRequest, ListUsersResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{people, reply};
use crate::{Error, Service, domain::page::Page};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListUsersRequest>,
    _: &mut MetadataMap,
) -> Result<ListUsersResponse, Error> {
    service.service(&request)?;
    let ListUsersRequest { page, per_page } = request.into_inner();
    let (found, total) = service.0.store.list_users(Page::of(page, per_page)).await?;
    Ok(ListUsersResponse { users: found.into_iter().map(reply::user).collect(), total: people::total(total) })
}
