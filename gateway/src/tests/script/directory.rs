//! People.

use contracts::directory::v1::{
    ApiSettings, CreateMemberRequest, CreateMemberResponse, DecideCodeRequest, DecideCodeResponse, DeleteMemberRequest,
    DeleteMemberResponse, ExportApiTokensRequest, ExportApiTokensResponse, GetApiSettingsRequest,
    GetApiSettingsResponse, GetApiTokenRequest, GetApiTokenResponse, GetCodeRequest, GetCodeResponse, GetMemberRequest,
    GetMemberResponse, GetSessionRequest, GetSessionResponse, ListApiTokensRequest, ListApiTokensResponse,
    ListMembersRequest, ListMembersResponse, Member, RemoveApiTokenOrganizationRequest,
    RemoveApiTokenOrganizationResponse, RevokeApiTokenRequest, RevokeApiTokenResponse, SignInRequest, SignInResponse,
    SignOutRequest, SignOutResponse, UpdateApiSettingsRequest, UpdateApiSettingsResponse, UpdateMemberRequest,
    UpdateMemberResponse, directory_service_server::DirectoryService, session_service_server::SessionService,
};
use contracts::token::v1::Role;
use kit::{error::Code, grpc::to_status};
use tonic::{Request, Response, Status};

use super::{
    Plan, Refuse, Script,
    values::{api_token, at, user},
};

#[async_trait::async_trait]
impl DirectoryService for Script {
    async fn get_api_token(
        &self,
        request: Request<GetApiTokenRequest>,
    ) -> Result<Response<GetApiTokenResponse>, Status> {
        self.answer(request, |_| GetApiTokenResponse { api_token: Some(api_token()) }).await
    }

    async fn revoke_api_token(
        &self,
        request: Request<RevokeApiTokenRequest>,
    ) -> Result<Response<RevokeApiTokenResponse>, Status> {
        self.answer(request, |_| RevokeApiTokenResponse {}).await
    }

    async fn list_api_tokens(
        &self,
        request: Request<ListApiTokensRequest>,
    ) -> Result<Response<ListApiTokensResponse>, Status> {
        self.answer(request, |plan: &Plan| ListApiTokensResponse { api_tokens: vec![api_token()], total: plan.total })
            .await
    }

    type ExportApiTokensStream =
        std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<ExportApiTokensResponse, Status>> + Send>>;

    async fn export_api_tokens(
        &self,
        request: Request<ExportApiTokensRequest>,
    ) -> Result<Response<Self::ExportApiTokensStream>, Status> {
        // A part for each token in all, and what the plan says breaks off.
        let parts = |plan: &Plan| {
            let part = || Ok(ExportApiTokensResponse { api_tokens: vec![api_token()] });
            let broken = (plan.result == "broken").then(|| Err(Status::unavailable("broken")));
            let parts = (0..plan.total).map(|_| part()).chain(broken).collect::<Vec<_>>();
            Box::pin(tokio_stream::iter(parts)) as Self::ExportApiTokensStream
        };
        self.answer(request, parts).await
    }

    async fn remove_api_token_organization(
        &self,
        request: Request<RemoveApiTokenOrganizationRequest>,
    ) -> Result<Response<RemoveApiTokenOrganizationResponse>, Status> {
        self.answer(request, |_| RemoveApiTokenOrganizationResponse {}).await
    }

    async fn get_api_settings(
        &self,
        request: Request<GetApiSettingsRequest>,
    ) -> Result<Response<GetApiSettingsResponse>, Status> {
        self.answer(request, |_| GetApiSettingsResponse { settings: Some(api_settings()) }).await
    }

    async fn update_api_settings(
        &self,
        request: Request<UpdateApiSettingsRequest>,
    ) -> Result<Response<UpdateApiSettingsResponse>, Status> {
        let UpdateApiSettingsRequest { settings, update_mask, .. } = request.get_ref().clone();
        let (mut after, given) = (api_settings(), settings.unwrap());
        for name in update_mask.unwrap().paths {
            match name.as_str() {
                "allowed_ip_addresses" => after.allowed_ip_addresses.clone_from(&given.allowed_ip_addresses),
                "restrict_user_api_token_creation" => {
                    after.restrict_user_api_token_creation = given.restrict_user_api_token_creation;
                }
                _ => after.revoke_inactive_tokens_after_days = given.revoke_inactive_tokens_after_days,
            }
        }
        self.answer(request, |_| UpdateApiSettingsResponse { settings: Some(after) }).await
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        self.answer(request, |plan: &Plan| ListMembersResponse { members: vec![member()], total: plan.total }).await
    }

    async fn get_member(&self, request: Request<GetMemberRequest>) -> Result<Response<GetMemberResponse>, Status> {
        self.answer(request, |_| GetMemberResponse { member: Some(member()) }).await
    }

    async fn create_member(
        &self,
        request: Request<CreateMemberRequest>,
    ) -> Result<Response<CreateMemberResponse>, Status> {
        self.answer(request, |_| CreateMemberResponse { member: Some(member()) }).await
    }

    async fn update_member(
        &self,
        request: Request<UpdateMemberRequest>,
    ) -> Result<Response<UpdateMemberResponse>, Status> {
        self.answer(request, |_| UpdateMemberResponse { member: Some(member()) }).await
    }

    async fn delete_member(
        &self,
        request: Request<DeleteMemberRequest>,
    ) -> Result<Response<DeleteMemberResponse>, Status> {
        self.answer(request, |_| DeleteMemberResponse {}).await
    }
}

#[async_trait::async_trait]
impl SessionService for Script {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Result<Response<SignInResponse>, Status> {
        self.answer(request, |_| SignInResponse { session: "Session1".into(), user: Some(user()) }).await
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<GetSessionResponse>, Status> {
        let refuse = Refuse::new(Code::Unauthenticated, "authentication_required");
        let reply = |plan: &Plan| if plan.signed_out { Err(to_status(&refuse)) } else { Ok(session()) };
        let (metadata, reply, extensions) = self.prepare(request, reply).into_parts();
        Ok(Response::from_parts(metadata, reply?, extensions))
    }

    async fn sign_out(&self, request: Request<SignOutRequest>) -> Result<Response<SignOutResponse>, Status> {
        self.answer(request, |_| SignOutResponse {}).await
    }

    async fn get_code(&self, request: Request<GetCodeRequest>) -> Result<Response<GetCodeResponse>, Status> {
        self.answer(request, |_| asked()).await
    }

    async fn decide_code(&self, request: Request<DecideCodeRequest>) -> Result<Response<DecideCodeResponse>, Status> {
        self.answer(request, |_| DecideCodeResponse {}).await
    }
}

fn api_settings() -> ApiSettings {
    ApiSettings {
        revoke_inactive_tokens_after_days: Some(90),
        allowed_ip_addresses: Some("10.0.0.0/8".into()),
        restrict_user_api_token_creation: false,
    }
}

fn member() -> Member {
    Member { user: Some(user()), role: Role::Admin.into() }
}

fn session() -> GetSessionResponse {
    GetSessionResponse { user: Some(user()), memberships: Vec::new(), csrf_token: "csrf1".into() }
}

fn asked() -> GetCodeResponse {
    GetCodeResponse {
        organization_uuid: "o-1".into(),
        portal_uuid: "p-1".into(),
        created_at: Some(at(0)),
        expires_at: Some(at(0)),
        requester_ip: Some("192.0.2.9".into()),
        requester_agent: Some("<b>curl</b>".into()),
    }
}
