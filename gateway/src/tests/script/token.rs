//! The token service.

use contracts::token::v1::{
    CreateCodeRequest, CreateCodeResponse, ExchangeCodeRequest, ExchangeCodeResponse, ExchangeSecretRequest,
    ExchangeSecretResponse, GetAuthenticatedUserRequest, GetAuthenticatedUserResponse, IssueServiceTokenRequest,
    IssueServiceTokenResponse, ListOutboxEventsRequest, ListOutboxEventsResponse, RemoveOutboxEventsRequest,
    RemoveOutboxEventsResponse, ReportLeakRequest, ReportLeakResponse, ReportUsesRequest, ReportUsesResponse,
    RevokePortalRequest, RevokePortalResponse, VerifyApiTokenRequest, VerifyApiTokenResponse, VerifyPortalTokenRequest,
    VerifyPortalTokenResponse, WatchRevocationsRequest, WatchRevocationsResponse, token_service_server::TokenService,
};
use tonic::{Request, Response, Status, Streaming};

use super::{
    Script, not_ours,
    values::{at, user},
};

#[async_trait::async_trait]
impl TokenService for Script {
    type WatchRevocationsStream = Streaming<WatchRevocationsResponse>;

    async fn get_authenticated_user(
        &self,
        request: Request<GetAuthenticatedUserRequest>,
    ) -> Result<Response<GetAuthenticatedUserResponse>, Status> {
        self.answer(request, |_| GetAuthenticatedUserResponse { user: Some(user()) }).await
    }

    async fn exchange_secret(
        &self,
        request: Request<ExchangeSecretRequest>,
    ) -> Result<Response<ExchangeSecretResponse>, Status> {
        let reply = ExchangeSecretResponse { token: "fresh".into(), expires_at: Some(at(0)) };
        self.answer(request, |_| reply).await
    }

    async fn create_code(&self, request: Request<CreateCodeRequest>) -> Result<Response<CreateCodeResponse>, Status> {
        let reply = CreateCodeResponse {
            code: "Code1".into(),
            secret: "hush".into(),
            expires_at: Some(at(0)),
            interval_seconds: 5,
        };
        self.answer(request, |_| reply).await
    }

    async fn exchange_code(
        &self,
        request: Request<ExchangeCodeRequest>,
    ) -> Result<Response<ExchangeCodeResponse>, Status> {
        let reply = ExchangeCodeResponse { token: "fresh".into(), expires_at: Some(at(0)) };
        self.answer(request, |_| reply).await
    }

    async fn report_leak(&self, request: Request<ReportLeakRequest>) -> Result<Response<ReportLeakResponse>, Status> {
        let known = request.get_ref().credential.starts_with("bk");
        self.answer(request, |_| ReportLeakResponse { known, revoked: known }).await
    }

    async fn verify_portal_token(
        &self,
        _: Request<VerifyPortalTokenRequest>,
    ) -> Result<Response<VerifyPortalTokenResponse>, Status> {
        not_ours()
    }

    async fn verify_api_token(
        &self,
        _: Request<VerifyApiTokenRequest>,
    ) -> Result<Response<VerifyApiTokenResponse>, Status> {
        not_ours()
    }

    async fn issue_service_token(
        &self,
        _: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        not_ours()
    }

    async fn revoke_portal(&self, _: Request<RevokePortalRequest>) -> Result<Response<RevokePortalResponse>, Status> {
        not_ours()
    }

    async fn watch_revocations(
        &self,
        _: Request<Streaming<WatchRevocationsRequest>>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        not_ours()
    }

    async fn list_outbox_events(
        &self,
        _: Request<ListOutboxEventsRequest>,
    ) -> Result<Response<ListOutboxEventsResponse>, Status> {
        not_ours()
    }

    async fn remove_outbox_events(
        &self,
        _: Request<RemoveOutboxEventsRequest>,
    ) -> Result<Response<RemoveOutboxEventsResponse>, Status> {
        not_ours()
    }

    async fn report_uses(&self, _: Request<ReportUsesRequest>) -> Result<Response<ReportUsesResponse>, Status> {
        not_ours()
    }
}
