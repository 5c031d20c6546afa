//! The registry.

use contracts::registry::v1::{
    CreateOrganizationRequest, CreateOrganizationResponse, CreatePortalRequest, CreatePortalResponse,
    CreateUpstreamRequest, CreateUpstreamResponse, DeletePortalRequest, DeletePortalResponse, DeleteUpstreamRequest,
    DeleteUpstreamResponse, DescribePortalRequest, DescribePortalResponse, DuplicatePortalRequest,
    DuplicatePortalResponse, GetAssertionKeysRequest, GetAssertionKeysResponse, GetOrganizationRequest,
    GetOrganizationResponse, GetOrganizationSettingsRequest, GetOrganizationSettingsResponse, GetPortalRequest,
    GetPortalResponse, GetPortalUsageRequest, GetPortalUsageResponse, GetPortalVersionRequest,
    GetPortalVersionResponse, GetRateLimitRequest, GetRateLimitResponse, GetUpstreamRequest, GetUpstreamResponse,
    ListOrganizationsRequest, ListOrganizationsResponse, ListPortalVersionsRequest, ListPortalVersionsResponse,
    ListPortalsRequest, ListPortalsResponse, ListUpstreamsRequest, ListUpstreamsResponse, Operation, OperationKind,
    OrganizationSettings, Portal, RefreshUpstreamRequest, RefreshUpstreamResponse, ResolvePortalRequest,
    ResolvePortalResponse, RestorePortalVersionRequest, RestorePortalVersionResponse,
    UpdateOrganizationSettingsRequest, UpdateOrganizationSettingsResponse, UpdatePortalRequest, UpdatePortalResponse,
    UpdateUpstreamRequest, UpdateUpstreamResponse, ValidateDocumentRequest, ValidateDocumentResponse, Warning,
    registry_service_server::RegistryService,
};
use contracts::token::v1::RateFigures;
use kit::{error::Code, grpc::to_status};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Place, Plan, Refuse, Script, not_ours,
    values::{organization, portal, upstream, usage, version},
};

#[async_trait::async_trait]
impl RegistryService for Script {
    async fn list_organizations(
        &self,
        request: Request<ListOrganizationsRequest>,
    ) -> Result<Response<ListOrganizationsResponse>, Status> {
        let reply = |plan: &Plan| ListOrganizationsResponse { organizations: vec![organization()], total: plan.total };
        self.answer(request, reply).await
    }

    async fn get_organization(
        &self,
        request: Request<GetOrganizationRequest>,
    ) -> Result<Response<GetOrganizationResponse>, Status> {
        self.answer(request, |_| GetOrganizationResponse { organization: Some(organization()) }).await
    }

    async fn get_organization_settings(
        &self,
        request: Request<GetOrganizationSettingsRequest>,
    ) -> Result<Response<GetOrganizationSettingsResponse>, Status> {
        self.answer(request, |_| GetOrganizationSettingsResponse { settings: Some(SETTINGS) }).await
    }

    async fn update_organization_settings(
        &self,
        request: Request<UpdateOrganizationSettingsRequest>,
    ) -> Result<Response<UpdateOrganizationSettingsResponse>, Status> {
        let UpdateOrganizationSettingsRequest { settings, update_mask, .. } = request.get_ref().clone();
        let settings = if update_mask.unwrap().paths.is_empty() { Some(SETTINGS) } else { settings };
        let is_written = !request.get_ref().validate_only;
        let broken = |plan: &Plan| plan.breaks_when_written && is_written;
        let answer =
            self.answer(request, |plan| (broken(plan), UpdateOrganizationSettingsResponse { settings })).await?;
        let (metadata, (is_broken, reply), extensions) = answer.into_parts();
        if is_broken {
            return Err(to_status(&Refuse::new(Code::Unavailable, "database_unavailable")));
        }
        Ok(Response::from_parts(metadata, reply, extensions))
    }

    async fn get_rate_limit(
        &self,
        request: Request<GetRateLimitRequest>,
    ) -> Result<Response<GetRateLimitResponse>, Status> {
        let figures = |limit, current, reset_seconds| Some(RateFigures { limit, current, reset_seconds });
        let reply = GetRateLimitResponse {
            rest: figures(200, 3, 42),
            graphql: figures(20_000, 17, 242),
            portal: figures(0, 0, 42),
        };
        self.answer(request, |_| reply).await
    }

    async fn create_portal(
        &self,
        request: Request<CreatePortalRequest>,
    ) -> Result<Response<CreatePortalResponse>, Status> {
        self.answer(request, |_| CreatePortalResponse { portal: Some(portal()), token: "fresh".into() }).await
    }

    async fn get_portal(&self, request: Request<GetPortalRequest>) -> Result<Response<GetPortalResponse>, Status> {
        self.answer(request, |plan| GetPortalResponse { portal: Some(planned(plan)) }).await
    }

    async fn list_portals(
        &self,
        request: Request<ListPortalsRequest>,
    ) -> Result<Response<ListPortalsResponse>, Status> {
        self.answer(request, |plan| ListPortalsResponse { portals: vec![planned(plan)], total: plan.total }).await
    }

    async fn update_portal(
        &self,
        request: Request<UpdatePortalRequest>,
    ) -> Result<Response<UpdatePortalResponse>, Status> {
        // What no service of ours answers: a reply that lacks the portal.
        let reply = |plan: &Plan| UpdatePortalResponse { portal: (plan.result != "lacking").then(portal) };
        self.answer(request, reply).await
    }

    async fn delete_portal(
        &self,
        request: Request<DeletePortalRequest>,
    ) -> Result<Response<DeletePortalResponse>, Status> {
        self.answer(request, |_| DeletePortalResponse {}).await
    }

    async fn duplicate_portal(
        &self,
        request: Request<DuplicatePortalRequest>,
    ) -> Result<Response<DuplicatePortalResponse>, Status> {
        self.answer(request, |_| DuplicatePortalResponse { portal: Some(portal()), token: "fresh".into() }).await
    }

    async fn validate_document(
        &self,
        request: Request<ValidateDocumentRequest>,
    ) -> Result<Response<ValidateDocumentResponse>, Status> {
        let operation = Operation {
            name: Some("A".into()),
            kind: OperationKind::Query.into(),
            result_schema_json: Some(r#"{"type":"object","n":1.0}"#.into()),
            ..Operation::default()
        };
        let errors = vec![Warning { message: "nope".into(), line: 1, column: 3 }];
        let reply = ValidateDocumentResponse { errors, warnings: Vec::new(), operations: vec![operation] };
        self.answer(request, |_| reply).await
    }

    async fn list_portal_versions(
        &self,
        request: Request<ListPortalVersionsRequest>,
    ) -> Result<Response<ListPortalVersionsResponse>, Status> {
        let reply = |plan: &Plan| ListPortalVersionsResponse { versions: vec![version()], total: plan.total };
        self.answer(request, reply).await
    }

    async fn get_portal_usage(
        &self,
        request: Request<GetPortalUsageRequest>,
    ) -> Result<Response<GetPortalUsageResponse>, Status> {
        self.answer(request, |_| usage()).await
    }

    async fn get_portal_version(
        &self,
        request: Request<GetPortalVersionRequest>,
    ) -> Result<Response<GetPortalVersionResponse>, Status> {
        let diff = request.get_ref().compare_with.map(|number| format!("--- version {number}"));
        self.answer(request, |_| GetPortalVersionResponse { version: Some(version()), diff }).await
    }

    async fn restore_portal_version(
        &self,
        request: Request<RestorePortalVersionRequest>,
    ) -> Result<Response<RestorePortalVersionResponse>, Status> {
        self.answer(request, |_| RestorePortalVersionResponse { portal: Some(portal()) }).await
    }

    async fn create_upstream(
        &self,
        request: Request<CreateUpstreamRequest>,
    ) -> Result<Response<CreateUpstreamResponse>, Status> {
        self.answer(request, |_| CreateUpstreamResponse { upstream: Some(upstream()) }).await
    }

    async fn get_upstream(
        &self,
        request: Request<GetUpstreamRequest>,
    ) -> Result<Response<GetUpstreamResponse>, Status> {
        self.answer(request, |_| GetUpstreamResponse { upstream: Some(upstream()) }).await
    }

    async fn list_upstreams(
        &self,
        request: Request<ListUpstreamsRequest>,
    ) -> Result<Response<ListUpstreamsResponse>, Status> {
        let reply = |plan: &Plan| ListUpstreamsResponse { upstreams: vec![upstream()], total: plan.total };
        self.answer(request, reply).await
    }

    async fn update_upstream(
        &self,
        request: Request<UpdateUpstreamRequest>,
    ) -> Result<Response<UpdateUpstreamResponse>, Status> {
        self.answer(request, |_| UpdateUpstreamResponse { upstream: Some(upstream()) }).await
    }

    async fn delete_upstream(
        &self,
        request: Request<DeleteUpstreamRequest>,
    ) -> Result<Response<DeleteUpstreamResponse>, Status> {
        self.answer(request, |_| DeleteUpstreamResponse {}).await
    }

    async fn refresh_upstream(
        &self,
        request: Request<RefreshUpstreamRequest>,
    ) -> Result<Response<RefreshUpstreamResponse>, Status> {
        let broken_portals = vec!["old".into()];
        self.answer(request, |_| RefreshUpstreamResponse { upstream: Some(upstream()), broken_portals }).await
    }

    async fn get_assertion_keys(
        &self,
        request: Request<GetAssertionKeysRequest>,
    ) -> Result<Response<GetAssertionKeysResponse>, Status> {
        self.answer(request, |_| GetAssertionKeysResponse { jwks_json: r#"{"keys":[]}"#.into() }).await
    }

    async fn resolve_portal(
        &self,
        request: Request<ResolvePortalRequest>,
    ) -> Result<Response<ResolvePortalResponse>, Status> {
        let reply = |plan: &Plan| {
            let [organization_uuid, portal_uuid] =
                [1, 2].map(|n| Uuid::from_u128(if plan.place == Place::Nowhere { 0 } else { n }));
            ResolvePortalResponse {
                organization_uuid: organization_uuid.to_string(),
                portal_uuid: portal_uuid.to_string(),
                user_invokable: plan.place == Place::Invokable,
            }
        };
        Ok(self.prepare(request, reply))
    }

    async fn describe_portal(
        &self,
        request: Request<DescribePortalRequest>,
    ) -> Result<Response<DescribePortalResponse>, Status> {
        let described = DescribePortalResponse { organization: Some(organization()), portal: Some(hostile_portal()) };
        Ok(self.prepare(request, |_| described))
    }

    async fn create_organization(
        &self,
        _: Request<CreateOrganizationRequest>,
    ) -> Result<Response<CreateOrganizationResponse>, Status> {
        not_ours()
    }
}

/// A portal whose every text tries to break out of the page.
fn hostile_portal() -> Portal {
    let mut portal = portal();
    portal.name = "<script>alert(1)</script>".into();
    portal.description = Some("\"><img src=x>".into());
    portal
}

const SETTINGS: OrganizationSettings = OrganizationSettings { portal_requests_per_minute: Some(60) };
fn planned(plan: &Plan) -> Portal {
    if plan.operations.is_empty() { portal() } else { Portal { operations: plan.operations.clone(), ..portal() } }
}
