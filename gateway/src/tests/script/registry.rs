//! The registry.

use contracts::registry::v1::{
    CreateOrganizationRequest, CreateOrganizationResponse, CreatePortalRequest, CreatePortalResponse,
    DeletePortalRequest, DeletePortalResponse, DescribePortalRequest, DescribePortalResponse, GetOrganizationRequest,
    GetOrganizationResponse, GetPortalRequest, GetPortalResponse, ListOrganizationsRequest, ListOrganizationsResponse,
    ListPortalsRequest, ListPortalsResponse, Portal, ResolvePortalRequest, ResolvePortalResponse, UpdatePortalRequest,
    UpdatePortalResponse, registry_service_server::RegistryService,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Place, Plan, Script, not_ours,
    values::{organization, portal},
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

    async fn create_portal(
        &self,
        request: Request<CreatePortalRequest>,
    ) -> Result<Response<CreatePortalResponse>, Status> {
        self.answer(request, |_| CreatePortalResponse { portal: Some(portal()), token: "fresh".into() }).await
    }

    async fn get_portal(&self, request: Request<GetPortalRequest>) -> Result<Response<GetPortalResponse>, Status> {
        self.answer(request, |_| GetPortalResponse { portal: Some(portal()) }).await
    }

    async fn list_portals(
        &self,
        request: Request<ListPortalsRequest>,
    ) -> Result<Response<ListPortalsResponse>, Status> {
        self.answer(request, |plan| ListPortalsResponse { portals: vec![portal()], total: plan.total }).await
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
