//! `GetAuthenticatedUser`.

use contracts::token::v1::{GetAuthenticatedUserRequest, GetAuthenticatedUserResponse};
use tonic::{Request, Response};

use super::reply;
use crate::{Error, Service, domain::scope::Scope};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetAuthenticatedUserRequest>,
) -> Result<Response<GetAuthenticatedUserResponse>, Error> {
    let caller = service.caller(&request);
    let GetAuthenticatedUserRequest {} = request.into_inner();
    let token = service.api_token(&caller).await?;
    let rates = service.count(&token, None)?;
    if !token.scopes.contains(&Scope::ReadUser) {
        return Err(Error::MissingScope(Scope::ReadUser.name(), rates));
    }
    let mut response = Response::new(GetAuthenticatedUserResponse { user: Some(reply::user(token.user)) });
    reply::put_rates(response.metadata_mut(), &rates);
    Ok(response)
}
