//! Every RPC of the service, one file each: parse, decide, store, reply.

mod asked_upstream;
mod audit_events;
mod authority;
mod change;
mod create_notification_service;
mod create_organization;
mod create_portal;
mod create_upstream;
mod delete_notification_service;
mod delete_portal;
mod delete_upstream;
mod deliveries;
mod describe_portal;
mod document;
mod duplicate_portal;
mod execute_portal;
mod execute_query;
mod get_assertion_keys;
mod get_audit_event;
mod get_delivery;
mod get_notification_service;
mod get_organization;
mod get_organization_settings;
mod get_portal;
mod get_portal_usage;
mod get_portal_version;
mod get_rate_limit;
mod get_upstream;
mod ignored;
mod list_audit_events;
mod list_deliveries;
mod list_notification_services;
mod list_organizations;
mod list_portal_versions;
mod list_portals;
mod list_upstreams;
mod notification_service;
mod redeliver_delivery;
mod refresh_upstream;
mod resolve_portal;
mod restore_portal_version;
mod sizes;
mod test_notification_service;
mod update_notification_service;
mod update_organization_settings;
mod update_portal;
mod update_upstream;
mod validate_document;
mod viewer;
mod wire;

use contracts::{
    audit::v1::{
        GetAuditEventRequest, GetAuditEventResponse, ListAuditEventsRequest, ListAuditEventsResponse,
        audit_service_server::AuditService,
    },
    execution::v1::{
        ExecutePortalRequest, ExecutePortalResponse, ExecuteQueryRequest, ExecuteQueryResponse,
        execution_service_server::ExecutionService,
    },
    registry::v1::{
        CreateOrganizationRequest, CreateOrganizationResponse, CreatePortalRequest, CreatePortalResponse,
        CreateUpstreamRequest, CreateUpstreamResponse, DeletePortalRequest, DeletePortalResponse,
        DeleteUpstreamRequest, DeleteUpstreamResponse, DescribePortalRequest, DescribePortalResponse,
        DuplicatePortalRequest, DuplicatePortalResponse, GetAssertionKeysRequest, GetAssertionKeysResponse,
        GetOrganizationRequest, GetOrganizationResponse, GetOrganizationSettingsRequest,
        GetOrganizationSettingsResponse, GetPortalRequest, GetPortalResponse, GetPortalUsageRequest,
        GetPortalUsageResponse, GetPortalVersionRequest, GetPortalVersionResponse, GetRateLimitRequest,
        GetRateLimitResponse, GetUpstreamRequest, GetUpstreamResponse, ListOrganizationsRequest,
        ListOrganizationsResponse, ListPortalVersionsRequest, ListPortalVersionsResponse, ListPortalsRequest,
        ListPortalsResponse, ListUpstreamsRequest, ListUpstreamsResponse, RefreshUpstreamRequest,
        RefreshUpstreamResponse, ResolvePortalRequest, ResolvePortalResponse, RestorePortalVersionRequest,
        RestorePortalVersionResponse, UpdateOrganizationSettingsRequest, UpdateOrganizationSettingsResponse,
        UpdatePortalRequest, UpdatePortalResponse, UpdateUpstreamRequest, UpdateUpstreamResponse,
        ValidateDocumentRequest, ValidateDocumentResponse, registry_service_server::RegistryService,
    },
    webhook::v1::{
        CreateNotificationServiceRequest, CreateNotificationServiceResponse, DeleteNotificationServiceRequest,
        DeleteNotificationServiceResponse, GetDeliveryRequest, GetDeliveryResponse, GetNotificationServiceRequest,
        GetNotificationServiceResponse, ListDeliveriesRequest, ListDeliveriesResponse, ListNotificationServicesRequest,
        ListNotificationServicesResponse, RedeliverDeliveryRequest, RedeliverDeliveryResponse,
        TestNotificationServiceRequest, TestNotificationServiceResponse, UpdateNotificationServiceRequest,
        UpdateNotificationServiceResponse, webhook_service_server::WebhookService,
    },
};
use kit::grpc::answer;
use tonic::{Request, Response, Status, metadata::MetadataMap};

pub(crate) use sizes::Registry;

use crate::service::Service;

/// An RPC per line: the handler of the same name answers, and what it noted goes into the metadata of its reply or error.
macro_rules! rpcs {
    ($service:ident: $($rpc:ident($request:ty) -> $response:ty;)*) => {
        #[tonic::async_trait]
        impl $service for Service {
            $(async fn $rpc(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let mut notes = MetadataMap::new();
                let result = $rpc::handle(&self.0, request, &mut notes).await;
                answer(result.map_err(Status::from), notes)
            })*
        }
    };
}

rpcs! {
    RegistryService:
    list_organizations(ListOrganizationsRequest) -> ListOrganizationsResponse;
    get_organization(GetOrganizationRequest) -> GetOrganizationResponse;
    get_organization_settings(GetOrganizationSettingsRequest) -> GetOrganizationSettingsResponse;
    update_organization_settings(UpdateOrganizationSettingsRequest) -> UpdateOrganizationSettingsResponse;
    get_rate_limit(GetRateLimitRequest) -> GetRateLimitResponse;
    create_portal(CreatePortalRequest) -> CreatePortalResponse;
    get_portal(GetPortalRequest) -> GetPortalResponse;
    list_portals(ListPortalsRequest) -> ListPortalsResponse;
    update_portal(UpdatePortalRequest) -> UpdatePortalResponse;
    delete_portal(DeletePortalRequest) -> DeletePortalResponse;
    duplicate_portal(DuplicatePortalRequest) -> DuplicatePortalResponse;
    resolve_portal(ResolvePortalRequest) -> ResolvePortalResponse;
    describe_portal(DescribePortalRequest) -> DescribePortalResponse;
    create_organization(CreateOrganizationRequest) -> CreateOrganizationResponse;
    validate_document(ValidateDocumentRequest) -> ValidateDocumentResponse;
    list_portal_versions(ListPortalVersionsRequest) -> ListPortalVersionsResponse;
    get_portal_usage(GetPortalUsageRequest) -> GetPortalUsageResponse;
    get_portal_version(GetPortalVersionRequest) -> GetPortalVersionResponse;
    restore_portal_version(RestorePortalVersionRequest) -> RestorePortalVersionResponse;
    create_upstream(CreateUpstreamRequest) -> CreateUpstreamResponse;
    get_upstream(GetUpstreamRequest) -> GetUpstreamResponse;
    list_upstreams(ListUpstreamsRequest) -> ListUpstreamsResponse;
    update_upstream(UpdateUpstreamRequest) -> UpdateUpstreamResponse;
    delete_upstream(DeleteUpstreamRequest) -> DeleteUpstreamResponse;
    refresh_upstream(RefreshUpstreamRequest) -> RefreshUpstreamResponse;
    get_assertion_keys(GetAssertionKeysRequest) -> GetAssertionKeysResponse;
}

rpcs! {
    WebhookService:
    create_notification_service(CreateNotificationServiceRequest) -> CreateNotificationServiceResponse;
    get_notification_service(GetNotificationServiceRequest) -> GetNotificationServiceResponse;
    list_notification_services(ListNotificationServicesRequest) -> ListNotificationServicesResponse;
    update_notification_service(UpdateNotificationServiceRequest) -> UpdateNotificationServiceResponse;
    delete_notification_service(DeleteNotificationServiceRequest) -> DeleteNotificationServiceResponse;
    test_notification_service(TestNotificationServiceRequest) -> TestNotificationServiceResponse;
    list_deliveries(ListDeliveriesRequest) -> ListDeliveriesResponse;
    get_delivery(GetDeliveryRequest) -> GetDeliveryResponse;
    redeliver_delivery(RedeliverDeliveryRequest) -> RedeliverDeliveryResponse;
}

rpcs! {
    ExecutionService:
    execute_portal(ExecutePortalRequest) -> ExecutePortalResponse;
    execute_query(ExecuteQueryRequest) -> ExecuteQueryResponse;
}

rpcs! {
    AuditService:
    list_audit_events(ListAuditEventsRequest) -> ListAuditEventsResponse;
    get_audit_event(GetAuditEventRequest) -> GetAuditEventResponse;
}
