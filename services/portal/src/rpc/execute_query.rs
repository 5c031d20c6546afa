use contracts::execution::v1::{ExecuteQueryRequest, ExecuteQueryResponse};
use kit::json;
use tonic::{Request, metadata::MetadataMap};

use super::execute_portal::MOST_DEPTH;
use crate::{
    domain::page::Page,
    error::Error,
    graphql::{Reach, User, Viewer},
    service::Parts,
    verifier::Identity,
};

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
    let viewer = viewer(service, &identity).await?;
    let run = service.compiler.upstream().query(&query, operation_name.as_deref(), variables, viewer);
    Ok(ExecuteQueryResponse { result_json: service.within_time(run).await? })
}

async fn viewer(service: &Parts, identity: &Identity) -> Result<Viewer, Error> {
    let (organizations, _total) = service.store.list_organizations(&identity.organizations(), Page::ALL).await?;
    let reach = organizations.into_iter().map(|found| Reach { uuid: found.id.0, slug: found.slug, name: found.name });
    let user = &identity.user;
    let user =
        User { uuid: user.uuid, name: user.name.clone(), email: user.email.clone(), created_at: user.created_at };
    Ok(Viewer { user: Some(user), organizations: reach.collect() })
}
