//! The credentials of portals.

use contracts::credential::v1::{
    CreateSecretRequest, CreateSecretResponse, CreateServiceTokenRequest, CreateServiceTokenResponse,
    DeleteLiveTokenRequest, DeleteLiveTokenResponse, DeleteSecretRequest, DeleteSecretResponse,
    DeleteServiceTokenRequest, DeleteServiceTokenResponse, ListLiveTokensRequest, ListLiveTokensResponse,
    ListSecretsRequest, ListSecretsResponse, ListServiceTokensRequest, ListServiceTokensResponse,
    RevokeLiveTokensRequest, RevokeLiveTokensResponse, credential_service_server::CredentialService,
};
use contracts::token::v1::PortalTokenKind;
use tonic::{Request, Response, Status};

use super::{
    Plan, Script,
    values::{secret, token},
};

#[async_trait::async_trait]
impl CredentialService for Script {
    async fn create_secret(
        &self,
        request: Request<CreateSecretRequest>,
    ) -> Result<Response<CreateSecretResponse>, Status> {
        self.answer(request, |_| CreateSecretResponse { secret: Some(secret()), value: "fresh".into() }).await
    }

    async fn list_secrets(
        &self,
        request: Request<ListSecretsRequest>,
    ) -> Result<Response<ListSecretsResponse>, Status> {
        self.answer(request, |plan: &Plan| ListSecretsResponse { secrets: vec![secret()], total: plan.total }).await
    }

    async fn delete_secret(
        &self,
        request: Request<DeleteSecretRequest>,
    ) -> Result<Response<DeleteSecretResponse>, Status> {
        self.answer(request, |_| DeleteSecretResponse { revoked_tokens: 7 }).await
    }

    async fn create_service_token(
        &self,
        request: Request<CreateServiceTokenRequest>,
    ) -> Result<Response<CreateServiceTokenResponse>, Status> {
        self.answer(request, |_| CreateServiceTokenResponse {
            service_token: Some(token(PortalTokenKind::Service)),
            value: "fresh".into(),
        })
        .await
    }

    async fn list_service_tokens(
        &self,
        request: Request<ListServiceTokensRequest>,
    ) -> Result<Response<ListServiceTokensResponse>, Status> {
        self.answer(request, |plan: &Plan| ListServiceTokensResponse {
            service_tokens: vec![token(PortalTokenKind::Service)],
            total: plan.total,
        })
        .await
    }

    async fn delete_service_token(
        &self,
        request: Request<DeleteServiceTokenRequest>,
    ) -> Result<Response<DeleteServiceTokenResponse>, Status> {
        self.answer(request, |_| DeleteServiceTokenResponse {}).await
    }

    async fn list_live_tokens(
        &self,
        request: Request<ListLiveTokensRequest>,
    ) -> Result<Response<ListLiveTokensResponse>, Status> {
        self.answer(request, |plan: &Plan| ListLiveTokensResponse {
            live_tokens: vec![token(PortalTokenKind::Ephemeral), token(PortalTokenKind::User)],
            total: plan.total,
        })
        .await
    }

    async fn delete_live_token(
        &self,
        request: Request<DeleteLiveTokenRequest>,
    ) -> Result<Response<DeleteLiveTokenResponse>, Status> {
        self.answer(request, |_| DeleteLiveTokenResponse {}).await
    }

    async fn revoke_live_tokens(
        &self,
        request: Request<RevokeLiveTokensRequest>,
    ) -> Result<Response<RevokeLiveTokensResponse>, Status> {
        self.answer(request, |_| RevokeLiveTokensResponse { revoked_tokens: 7 }).await
    }
}
