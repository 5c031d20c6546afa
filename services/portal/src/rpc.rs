//! Every RPC of the service, one file each: parse, decide, store, reply.

mod authority;
mod create_organization;
mod create_portal;
mod delete_portal;
mod describe_portal;
mod execute_portal;
mod execute_query;
mod get_organization;
mod get_portal;
mod list_organizations;
mod list_portals;
mod resolve_portal;
mod update_portal;
mod viewer;
mod wire;

use contracts::{
    execution::v1::{
        ExecutePortalRequest, ExecutePortalResponse, ExecuteQueryRequest, ExecuteQueryResponse,
        execution_service_server::ExecutionService,
    },
    registry::v1::{
        CreateOrganizationRequest, CreateOrganizationResponse, CreatePortalRequest, CreatePortalResponse,
        DeletePortalRequest, DeletePortalResponse, DescribePortalRequest, DescribePortalResponse,
        GetOrganizationRequest, GetOrganizationResponse, GetPortalRequest, GetPortalResponse, ListOrganizationsRequest,
        ListOrganizationsResponse, ListPortalsRequest, ListPortalsResponse, ResolvePortalRequest,
        ResolvePortalResponse, UpdatePortalRequest, UpdatePortalResponse, registry_service_server::RegistryService,
    },
};
use tonic::{Request, Response, Status, metadata::MetadataMap};

use crate::{error::Error, service::Service};

/// An RPC per line: the handler of the same name answers, and what it noted goes into the metadata of its reply or error.
macro_rules! rpcs {
    ($service:ident: $($rpc:ident($request:ty) -> $response:ty;)*) => {
        #[tonic::async_trait]
        impl $service for Service {
            $(async fn $rpc(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let mut notes = MetadataMap::new();
                let result = $rpc::handle(&self.0, request, &mut notes).await;
                answer(result, notes)
            })*
        }
    };
}

rpcs! {
    RegistryService:
    list_organizations(ListOrganizationsRequest) -> ListOrganizationsResponse;
    get_organization(GetOrganizationRequest) -> GetOrganizationResponse;
    create_portal(CreatePortalRequest) -> CreatePortalResponse;
    get_portal(GetPortalRequest) -> GetPortalResponse;
    list_portals(ListPortalsRequest) -> ListPortalsResponse;
    update_portal(UpdatePortalRequest) -> UpdatePortalResponse;
    delete_portal(DeletePortalRequest) -> DeletePortalResponse;
    resolve_portal(ResolvePortalRequest) -> ResolvePortalResponse;
    describe_portal(DescribePortalRequest) -> DescribePortalResponse;
    create_organization(CreateOrganizationRequest) -> CreateOrganizationResponse;
}

rpcs! {
    ExecutionService:
    execute_portal(ExecutePortalRequest) -> ExecutePortalResponse;
    execute_query(ExecuteQueryRequest) -> ExecuteQueryResponse;
}

fn answer<T>(result: Result<T, Error>, notes: MetadataMap) -> Result<Response<T>, Status> {
    match result {
        Ok(message) => {
            let mut response = Response::new(message);
            *response.metadata_mut() = notes;
            Ok(response)
        }
        Err(error) => {
            let mut status = Status::from(error);
            for entry in notes.iter() {
                if let tonic::metadata::KeyAndValueRef::Ascii(name, value) = entry {
                    status.metadata_mut().insert(name, value.clone());
                }
            }
            Err(status)
        }
    }
}
