//! Pipelines and builds for those who don't speak GraphQL: every RPC, one file each: parse, decide, store, reply.

mod authority;
mod cancel_build;
mod create_build;
mod get_build;
mod get_pipeline;
mod list_builds;
mod list_pipelines;
mod rebuild_build;
mod report_build_state;
mod wire;

use std::sync::Arc;

use contracts::pipelines::v1::{
    CancelBuildRequest, CancelBuildResponse, CreateBuildRequest, CreateBuildResponse, GetBuildRequest,
    GetBuildResponse, GetPipelineRequest, GetPipelineResponse, ListBuildsRequest, ListBuildsResponse,
    ListPipelinesRequest, ListPipelinesResponse, RebuildBuildRequest, RebuildBuildResponse, ReportBuildStateRequest,
    ReportBuildStateResponse,
    pipelines_service_server::{PipelinesService, PipelinesServiceServer, SERVICE_NAME},
};
use kit::grpc::{Caller, MOST_PAGE_BYTES, MOST_REQUEST_BYTES, ServiceKey, answer};
use tonic::{Request, Response, Status, metadata::MetadataMap, service::Routes};

use crate::{Api, schema::Server};

pub use authority::Gatekeeper;

/// The RPCs over the same rows as the GraphQL API. Clones share them.
#[derive(Clone, Debug)]
pub struct Service(Arc<Parts>);

/// What the service is made of.
struct Parts {
    server: Server,
    gatekeeper: Arc<dyn Gatekeeper>,
    key: ServiceKey,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

impl Service {
    /// The gRPC service that it answers.
    pub const NAME: &'static str = SERVICE_NAME;

    /// The RPCs over the rows of `api`. `gatekeeper` says who calls; `key` is what parts of this installation know each other by.
    #[must_use]
    pub fn new(api: &Api, gatekeeper: Arc<dyn Gatekeeper>, key: ServiceKey) -> Self {
        Self(Arc::new(Parts { server: api.server.clone(), gatekeeper, key }))
    }

    /// Adds the RPCs to those of the process that they are served in.
    #[must_use]
    pub fn add_to(&self, routes: Routes) -> Routes {
        let server = PipelinesServiceServer::new(self.clone());
        let server = server.max_decoding_message_size(MOST_REQUEST_BYTES).max_encoding_message_size(MOST_PAGE_BYTES);
        routes.add_service(server)
    }
}

impl Parts {
    /// Who calls, as far as this service believes it.
    fn caller<T>(&self, request: &Request<T>) -> Caller {
        Caller::of(request, &self.key)
    }
}

/// An RPC per line: the handler of the same name answers, and what it noted goes into the metadata of its reply or error.
macro_rules! rpcs {
    ($($rpc:ident($request:ty) -> $response:ty;)*) => {
        #[tonic::async_trait]
        impl PipelinesService for Service {
            $(async fn $rpc(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                let mut notes = MetadataMap::new();
                let result = $rpc::handle(&self.0, request, &mut notes).await;
                answer(result.map_err(Status::from), notes)
            })*
        }
    };
}

rpcs! {
    list_pipelines(ListPipelinesRequest) -> ListPipelinesResponse;
    get_pipeline(GetPipelineRequest) -> GetPipelineResponse;
    list_builds(ListBuildsRequest) -> ListBuildsResponse;
    get_build(GetBuildRequest) -> GetBuildResponse;
    create_build(CreateBuildRequest) -> CreateBuildResponse;
    cancel_build(CancelBuildRequest) -> CancelBuildResponse;
    rebuild_build(RebuildBuildRequest) -> RebuildBuildResponse;
    report_build_state(ReportBuildStateRequest) -> ReportBuildStateResponse;
}
