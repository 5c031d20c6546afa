use contracts::execution::v1::{ExecuteQueryRequest, ExecuteQueryResponse};
use kit::json;
use tonic::{Request, metadata::MetadataMap};

use super::execute_portal::MOST_DEPTH;
use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ExecuteQueryRequest>,
    notes: &mut MetadataMap,
) -> Result<ExecuteQueryResponse, Error> {
    let caller = service.caller(&request);
    let ExecuteQueryRequest { query, operation_name, variables_json } = request.into_inner();
    let variables = json::object(&variables_json, MOST_DEPTH)?;
    let identity = service.verifier.verify_api_token(&caller, None, notes).await?;
    identity.require_scope("graphql")?;
    let viewer = service.user(&identity.user, &identity.organizations()).await?;
    let run = service.compiler.upstream().query(&query, operation_name.as_deref(), variables, viewer);
    Ok(ExecuteQueryResponse { result_json: service.within_time(run).await? })
}
