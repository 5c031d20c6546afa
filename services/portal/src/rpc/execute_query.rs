use std::iter;

use contracts::execution::v1::{ExecuteQueryRequest, ExecuteQueryResponse};
use kit::{audit::Origin, json};
use tonic::{Request, metadata::MetadataMap};

use super::execute_portal::MOST_DEPTH;
use crate::{
    domain::id::OrganizationId,
    error::Error,
    graphql::Answer,
    service::{Parts, Spender},
    upstream::target::Target,
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
    let budgets = service.budgets(&identity).await?;
    let viewer = service.user(&identity.user, &identity.organizations()).await?;
    let Target::BuiltIn { api, .. } = &**service.targets.built_in() else {
        return Err(Error::Garbled("the built-in API"));
    };
    let origin = Origin::of(&caller, Some(identity.token));
    let run = api.query(&query, operation_name.as_deref(), variables, (viewer, origin));
    let Answer { json, executed, requested_complexity, actual_complexity } = service.within_time(run).await?;
    notes.insert("ratelimit-complexity-requested", requested_complexity.into());
    notes.insert("ratelimit-complexity-actual", actual_complexity.into());
    service.spend(budgets, actual_complexity);
    Ok(ExecuteQueryResponse { result_json: json, executed })
}

/// Whose complexity is counted: the user's, and that of every organization within reach.
#[derive(Debug)]
struct Budgets(Vec<(Spender, u32)>);

impl Parts {
    /// Refuses who has spent what a window allows (spec §9).
    async fn budgets(&self, identity: &Identity) -> Result<Budgets, Error> {
        let limits = &self.config.limits;
        let organization = |id: OrganizationId| (Spender::Organization(id), limits.graphql_complexity);
        let user = (Spender::User(identity.user.uuid), limits.graphql_user_complexity);
        let budgets: Vec<_> = identity.organizations().into_iter().map(organization).chain(iter::once(user)).collect();
        for (spender, limit) in &budgets {
            let figures = self.complexity.room(spender, *limit, self.ambient.now()).await;
            if let Some(figures) = figures.filter(|figures| figures.remaining() == 0) {
                return Err(Error::ComplexitySpent(figures));
            }
        }
        Ok(Budgets(budgets))
    }

    fn spend(&self, Budgets(budgets): Budgets, complexity: u64) {
        let complexity = u32::try_from(complexity).unwrap_or(u32::MAX);
        for (spender, limit) in budgets {
            self.complexity.add(spender, complexity, limit, self.ambient.now());
        }
    }
}
