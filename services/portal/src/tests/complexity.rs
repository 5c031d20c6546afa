//! What callers' own documents cost, and who may not go on. A document of the scripted API costs its length.

use contracts::execution::v1::{
    ExecuteQueryRequest, ExecuteQueryResponse, execution_service_client::ExecutionServiceClient,
};
use kit::grpc::Refusal;
use tonic::{Response, Status};

use super::world::{World, everywhere, everywhere_with};

async fn query(world: &World, cost: usize) -> Result<Response<ExecuteQueryResponse>, Status> {
    *world.tokens.scopes.lock().unwrap() = vec!["graphql"];
    let message = ExecuteQueryRequest { query: "x".repeat(cost), ..ExecuteQueryRequest::default() };
    ExecutionServiceClient::new(world.peer()).execute_query(world.request(message)).await
}

#[tokio::test]
async fn what_a_document_costs_is_told() {
    everywhere(async |world| {
        let reply = query(&world, 3).await.unwrap();
        assert_eq!(reply.metadata().get("ratelimit-complexity-requested").unwrap(), "6");
        assert_eq!(reply.metadata().get("ratelimit-complexity-actual").unwrap(), "3");
        assert!(reply.into_inner().executed);
    })
    .await;
}

#[tokio::test]
async fn who_has_spent_a_window_waits_for_the_next_one() {
    for (organization, user) in [(20, 10), (10, 20)] {
        let limits = move |config: &mut crate::Config| {
            (config.limits.graphql_complexity, config.limits.graphql_user_complexity) = (organization, user);
        };
        everywhere_with(limits, async |world| {
            query(&world, 9).await.unwrap();
            // What is left need not suffice: the cost is known afterwards.
            query(&world, 4).await.unwrap();
            let refused = Refusal::of(&query(&world, 1).await.unwrap_err());
            let fact = |name: &str| refused.facts.get(name).map(String::as_str);
            assert_eq!(refused.reason, "rate_limited");
            assert_eq!(
                (fact("scope"), fact("limit"), fact("current")),
                (Some("graphql_complexity"), Some("10"), Some("13"))
            );
            let wait = refused.retry_after.unwrap();
            assert!(wait.as_secs() > 0 && wait.as_secs() <= 300, "{wait:?}");
            world.clock.advance(wait);
            query(&world, 1).await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let limits = |config: &mut crate::Config| {
        (config.limits.graphql_complexity, config.limits.graphql_user_complexity) = (0, 0);
    };
    everywhere_with(limits, async |world| {
        for _ in 0..3 {
            query(&world, 1_000).await.unwrap();
        }
    })
    .await;
}
