//! `GetAuthenticatedUser`.

use contracts::token::v1::GetAuthenticatedUserRequest;
use kit::{error::Code, grpc::Refusal};

use super::world::{PORTAL, everywhere, everywhere_with, from_outside, refusal};
use crate::Limits;

const ASK: GetAuthenticatedUserRequest = GetAuthenticatedUserRequest {};

#[tokio::test]
async fn anybody_with_a_good_token_learns_whose_it_is() {
    everywhere(async |world| {
        let request = from_outside(ASK, Some(world.api_token.expose()));
        let response = world.client().get_authenticated_user(request).await.unwrap();
        assert_eq!(response.metadata().get("ratelimit-user-remaining").unwrap(), "49");
        assert_eq!(response.metadata().get("ratelimit-remaining"), None);
        assert_eq!(response.into_inner().user.unwrap().email, "ada@example.com");
    })
    .await;
}

#[tokio::test]
async fn a_portal_token_is_no_api_token() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await.token;
        let refusal = refusal(world.client().get_authenticated_user(from_outside(ASK, Some(&issued))).await);
        assert_eq!(refusal.message, "Authentication required. Please supply a valid API access token");
    })
    .await;
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_and_counted() {
    everywhere(async |world| {
        world.tamper("UPDATE api_tokens SET scopes = 'read_portals read_unknown'", vec![]).await;
        let request = from_outside(ASK, Some(world.api_token.expose()));
        let status = world.client().get_authenticated_user(request).await.unwrap_err();
        assert_eq!(status.metadata().get("ratelimit-user-remaining").unwrap(), "49");
        let refusal = Refusal::of(&status);
        assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Forbidden, "missing_scope"));
        assert_eq!(refusal.message, "Your access token doesn't have the read_user scope");
    })
    .await;
}

#[tokio::test]
async fn a_user_over_the_rate_is_refused() {
    everywhere_with(Limits { rest_user_per_minute: 1, ..Limits::default() }, async |world| {
        let ask = async || {
            let request = from_outside(ASK, Some(world.api_token.expose()));
            world.client().get_authenticated_user(request).await
        };
        ask().await.unwrap();
        assert_eq!(refusal(ask().await).reason, "rate_limited");
    })
    .await;
}
