//! Execution.

use axum::body::Bytes;
use contracts::execution::v1::{
    ExecutePortalRequest, ExecutePortalResponse, ExecuteQueryRequest, ExecuteQueryResponse,
    execution_service_server::ExecutionService,
};
use tonic::{Request, Response, Status};

use super::{Plan, Script};

#[async_trait::async_trait]
impl ExecutionService for Script {
    async fn execute_portal(
        &self,
        request: Request<ExecutePortalRequest>,
    ) -> Result<Response<ExecutePortalResponse>, Status> {
        let reply = |plan: &Plan| ExecutePortalResponse {
            result_json: Bytes::from_static(plan.result.as_bytes()),
            ignored_variables: plan.ignored.0.clone(),
            more_ignored_variables: plan.ignored.1,
        };
        self.answer(request, reply).await
    }

    async fn execute_query(
        &self,
        request: Request<ExecuteQueryRequest>,
    ) -> Result<Response<ExecuteQueryResponse>, Status> {
        let reply = |plan: &Plan| ExecuteQueryResponse {
            result_json: Bytes::from_static(plan.result.as_bytes()),
            executed: plan.result.contains("data"),
        };
        self.answer(request, reply).await
    }
}
