//! Limits that several replicas share.

use contracts::token::v1::{CreateCodeRequest, GetAuthenticatedUserRequest};
use kit::{ambient::Ambient, boot::Tasks, credential::Plain};
use tonic::Status;

use super::{
    console::from_address,
    secrets::{exchange, send_to},
    world::{ORGANIZATION, PORTAL, client, everywhere_with, from_service, refusal},
};
use crate::{Limits, Service};

/// Asks both replicas by turns. How many were not refused for coming too fast.
async fn let_pass<T: std::fmt::Debug>(
    replicas: [&Service; 2],
    ask: impl AsyncFn(&Service) -> Result<T, Status>,
) -> usize {
    let mut passed = 0;
    for number in 0..30 {
        let answer = ask(replicas[number % 2]).await;
        passed += usize::from(answer.is_ok() || refusal(answer).reason != "rate_limited");
    }
    passed
}

#[tokio::test]
async fn replicas_together_let_pass_what_one_would() {
    let limits = Limits {
        rest_user_per_minute: 7,
        rest_per_minute: 100,
        exchanges_per_minute: 5,
        failures_per_minute: 6,
        codes_per_minute: 4,
    };
    everywhere_with(limits, async |world| {
        if !world.service.0.store.may_have_replicas() {
            return;
        }
        let secret = world.secret(PORTAL).await;
        // What that spent is of the window before.
        world.clock.pass(60);
        let tasks = Tasks::default();
        let other = world.opened_among(&tasks).await;
        let replicas = [&world.service, &other];
        let users = let_pass(replicas, async |replica| {
            let request = from_service(GetAuthenticatedUserRequest::default(), Some(world.api_token.expose()));
            client(replica).get_authenticated_user(request).await
        });
        assert_eq!(users.await, 7);
        let exchanges = let_pass(replicas, async |replica| {
            send_to(replica, "192.0.2.1", exchange(PORTAL, secret.plain.expose())).await
        });
        assert_eq!(exchanges.await, 5);
        let failures = let_pass(replicas, async |replica| {
            let ambient = Ambient::system();
            let unknown = Plain::secret("bk", ambient.bytes(), &ambient.bytes());
            send_to(replica, "198.51.100.1", exchange(PORTAL, unknown.expose())).await
        });
        assert_eq!(failures.await, 6);
        let codes = let_pass(replicas, async |replica| {
            let (organization_uuid, portal_uuid) = (ORGANIZATION.to_string(), PORTAL.to_string());
            let ask = CreateCodeRequest { organization_uuid, portal_uuid };
            client(replica).create_code(from_address(world, ask, "203.0.113.1")).await
        });
        assert_eq!(codes.await, 4);
    })
    .await;
}
