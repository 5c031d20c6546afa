//! The RPCs: a table of contents. What a handler notes goes into the metadata of its reply or error; errors become statuses
//! here, once.

mod audit_events;
mod authority;
mod clear_allowed_addresses;
mod create_api_token;
mod create_code;
mod create_member;
mod create_secret;
mod create_service_token;
mod create_user;
mod decide_code;
mod delete_live_token;
mod delete_member;
mod delete_secret;
mod delete_service_token;
mod delete_user;
mod end_tokens;
mod exchange_code;
mod exchange_secret;
mod export_api_tokens;
mod get_api_settings;
mod get_api_token;
mod get_audit_event;
mod get_authenticated_user;
mod get_code;
mod get_member;
mod get_session;
mod issue_service_token;
mod list_api_tokens;
mod list_audit_events;
mod list_live_tokens;
mod list_members;
mod list_memberships;
mod list_outbox_events;
mod list_secrets;
mod list_service_tokens;
mod list_users;
mod parse;
mod people;
mod remove_api_token_organization;
mod remove_outbox_events;
mod reply;
mod report_leak;
mod report_uses;
mod revoke_api_token;
mod revoke_live_tokens;
mod revoke_portal;
mod set_membership;
mod set_password;
mod sign_in;
mod sign_out;
mod update_api_settings;
mod update_member;
mod verify_api_token;
mod verify_portal_token;
mod watch_revocations;

use contracts::{
    audit::v1::{
        self as audit,
        audit_service_server::{AuditService, AuditServiceServer},
    },
    credential::v1::{
        self as credential,
        credential_service_server::{CredentialService, CredentialServiceServer},
    },
    directory::v1::{
        self as directory,
        directory_service_server::{DirectoryService, DirectoryServiceServer},
        operator_service_server::{OperatorService, OperatorServiceServer},
        session_service_server::{SessionService, SessionServiceServer},
    },
    token::v1::{
        self as token,
        token_service_server::{TokenService, TokenServiceServer},
    },
};
use kit::grpc::{Caller, MOST_REQUEST_BYTES, answer, to_status};
use tonic::{Request, Response, Status, metadata::MetadataMap, service::Routes};

use crate::{Error, Service};

/// An RPC per line: the handler of the same name answers.
macro_rules! rpcs {
    ($trait:ident of $package:ident: $($rpc:ident($request:ident) -> $response:ident;)* $(; $($other:item)*)?) => {
        #[tonic::async_trait]
        impl $trait for Service {
            $(async fn $rpc(&self, request: Request<$package::$request>) -> Result<Response<$package::$response>, Status> {
                let mut notes = MetadataMap::new();
                let result = Box::pin($rpc::handle(self, request, &mut notes)).await;
                answer(result.map_err(|error| to_status(&error)), notes)
            })*
            $($($other)*)?
        }
    };
}

rpcs! {
    TokenService of token:
    verify_portal_token(VerifyPortalTokenRequest) -> VerifyPortalTokenResponse;
    verify_api_token(VerifyApiTokenRequest) -> VerifyApiTokenResponse;
    get_authenticated_user(GetAuthenticatedUserRequest) -> GetAuthenticatedUserResponse;
    issue_service_token(IssueServiceTokenRequest) -> IssueServiceTokenResponse;
    revoke_portal(RevokePortalRequest) -> RevokePortalResponse;
    exchange_secret(ExchangeSecretRequest) -> ExchangeSecretResponse;
    create_code(CreateCodeRequest) -> CreateCodeResponse;
    exchange_code(ExchangeCodeRequest) -> ExchangeCodeResponse;
    report_uses(ReportUsesRequest) -> ReportUsesResponse;
    list_outbox_events(ListOutboxEventsRequest) -> ListOutboxEventsResponse;
    remove_outbox_events(RemoveOutboxEventsRequest) -> RemoveOutboxEventsResponse;
    report_leak(ReportLeakRequest) -> ReportLeakResponse;
    ;
    type WatchRevocationsStream = watch_revocations::Answers;

    async fn watch_revocations(
        &self,
        request: Request<tonic::Streaming<token::WatchRevocationsRequest>>,
    ) -> Result<Response<Self::WatchRevocationsStream>, Status> {
        let result = watch_revocations::handle(self, request);
        answer(result.map_err(|error| to_status(&error)), MetadataMap::new())
    }
}

rpcs! {
    CredentialService of credential:
    create_secret(CreateSecretRequest) -> CreateSecretResponse;
    list_secrets(ListSecretsRequest) -> ListSecretsResponse;
    delete_secret(DeleteSecretRequest) -> DeleteSecretResponse;
    create_service_token(CreateServiceTokenRequest) -> CreateServiceTokenResponse;
    list_service_tokens(ListServiceTokensRequest) -> ListServiceTokensResponse;
    delete_service_token(DeleteServiceTokenRequest) -> DeleteServiceTokenResponse;
    list_live_tokens(ListLiveTokensRequest) -> ListLiveTokensResponse;
    delete_live_token(DeleteLiveTokenRequest) -> DeleteLiveTokenResponse;
    revoke_live_tokens(RevokeLiveTokensRequest) -> RevokeLiveTokensResponse;
}

rpcs! {
    SessionService of directory:
    sign_in(SignInRequest) -> SignInResponse;
    get_session(GetSessionRequest) -> GetSessionResponse;
    sign_out(SignOutRequest) -> SignOutResponse;
    get_code(GetCodeRequest) -> GetCodeResponse;
    decide_code(DecideCodeRequest) -> DecideCodeResponse;
}

rpcs! {
    DirectoryService of directory:
    get_api_token(GetApiTokenRequest) -> GetApiTokenResponse;
    revoke_api_token(RevokeApiTokenRequest) -> RevokeApiTokenResponse;
    list_api_tokens(ListApiTokensRequest) -> ListApiTokensResponse;
    remove_api_token_organization(RemoveApiTokenOrganizationRequest) -> RemoveApiTokenOrganizationResponse;
    get_api_settings(GetApiSettingsRequest) -> GetApiSettingsResponse;
    update_api_settings(UpdateApiSettingsRequest) -> UpdateApiSettingsResponse;
    list_members(ListMembersRequest) -> ListMembersResponse;
    get_member(GetMemberRequest) -> GetMemberResponse;
    create_member(CreateMemberRequest) -> CreateMemberResponse;
    update_member(UpdateMemberRequest) -> UpdateMemberResponse;
    delete_member(DeleteMemberRequest) -> DeleteMemberResponse;
    ;
    type ExportApiTokensStream = export_api_tokens::Parts;

    async fn export_api_tokens(
        &self,
        request: Request<directory::ExportApiTokensRequest>,
    ) -> Result<Response<Self::ExportApiTokensStream>, Status> {
        let mut notes = MetadataMap::new();
        let result = export_api_tokens::handle(self, request, &mut notes).await;
        answer(result.map_err(|error| to_status(&error)), notes)
    }
}

rpcs! {
    OperatorService of directory:
    create_user(CreateUserRequest) -> CreateUserResponse;
    list_users(ListUsersRequest) -> ListUsersResponse;
    delete_user(DeleteUserRequest) -> DeleteUserResponse;
    set_password(SetPasswordRequest) -> SetPasswordResponse;
    set_membership(SetMembershipRequest) -> SetMembershipResponse;
    list_memberships(ListMembershipsRequest) -> ListMembershipsResponse;
    create_api_token(CreateApiTokenRequest) -> CreateApiTokenResponse;
    clear_allowed_addresses(ClearAllowedAddressesRequest) -> ClearAllowedAddressesResponse;
}

rpcs! {
    AuditService of audit:
    list_audit_events(ListAuditEventsRequest) -> ListAuditEventsResponse;
    get_audit_event(GetAuditEventRequest) -> GetAuditEventResponse;
}

impl Service {
    /// The RPCs, for a listener or for a peer in the same process.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes::new(TokenServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
            .add_service(CredentialServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
            .add_service(SessionServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
            .add_service(DirectoryServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
            .add_service(AuditServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
            .add_service(OperatorServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES))
    }

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
