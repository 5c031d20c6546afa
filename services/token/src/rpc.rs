//! The RPCs: a table of contents. Errors become statuses here, once.

mod get_authenticated_user;
mod issue_service_token;
mod parse;
mod reply;
mod revoke_portal;
mod verify_api_token;
mod verify_portal_token;

use contracts::token::v1::{
    GetAuthenticatedUserRequest, GetAuthenticatedUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse,
    RevokePortalRequest, RevokePortalResponse, VerifyApiTokenRequest, VerifyApiTokenResponse, VerifyPortalTokenRequest,
    VerifyPortalTokenResponse, token_service_server::TokenService,
};
use kit::grpc::{Caller, to_status};
use tonic::{Request, Response, Status};

use crate::{Error, Service};

#[tonic::async_trait]
impl TokenService for Service {
    async fn verify_portal_token(
        &self,
        request: Request<VerifyPortalTokenRequest>,
    ) -> Result<Response<VerifyPortalTokenResponse>, Status> {
        verify_portal_token::handle(self, request).await.map_err(|error| status(&error))
    }

    async fn verify_api_token(
        &self,
        request: Request<VerifyApiTokenRequest>,
    ) -> Result<Response<VerifyApiTokenResponse>, Status> {
        verify_api_token::handle(self, request).await.map_err(|error| status(&error))
    }

    async fn get_authenticated_user(
        &self,
        request: Request<GetAuthenticatedUserRequest>,
    ) -> Result<Response<GetAuthenticatedUserResponse>, Status> {
        get_authenticated_user::handle(self, request).await.map_err(|error| status(&error))
    }

    async fn issue_service_token(
        &self,
        request: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        issue_service_token::handle(self, request).await.map_err(|error| status(&error))
    }

    async fn revoke_portal(
        &self,
        request: Request<RevokePortalRequest>,
    ) -> Result<Response<RevokePortalResponse>, Status> {
        revoke_portal::handle(self, request).await.map_err(|error| status(&error))
    }
}

impl Service {
    /// Who calls, whoever that is.
    fn caller<T>(&self, request: &Request<T>) -> Caller {
        Caller::of(request, &self.0.service_key)
    }

    /// Who calls, which must be a part of this installation.
    fn service<T>(&self, request: &Request<T>) -> Result<Caller, Error> {
        let caller = self.caller(request);
        if caller.is_service { Ok(caller) } else { Err(Error::ServiceKeyRequired) }
    }
}

fn status(error: &Error) -> Status {
    let mut status = to_status(error);
    if let Error::RateLimited(rates) | Error::MissingScope(_, rates) = error {
        reply::put_rates(status.metadata_mut(), rates);
    }
    status
}
