//! `GetApiToken` and `RevokeApiToken`.

use contracts::{
    directory::v1::{ApiToken, CreateApiTokenRequest, GetApiTokenRequest, RevokeApiTokenRequest},
    token::v1::Role,
};
use kit::{
    error::Code,
    grpc::{Refusal, to_timestamp},
};
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, audit_of, audited, directory, join, make, member, user, wanted},
    world::{ORGANIZATION, PORTAL, World, at, everywhere, everywhere_with, from_outside, from_service, refusal},
};
use crate::Limits;

async fn get(world: &World, token: &str) -> Result<ApiToken, Status> {
    let request = from_service(GetApiTokenRequest {}, Some(token));
    Ok(directory(world).get_api_token(request).await?.into_inner().api_token.unwrap())
}

async fn revoke(world: &World, token: &str) -> Result<(), Status> {
    directory(world).revoke_api_token(from_outside(RevokeApiTokenRequest {}, Some(token))).await.map(drop)
}

#[tokio::test]
async fn any_good_token_shows_itself_whatever_its_scopes() {
    everywhere(async |world| {
        let bob = user(world, "bob@example.com").await;
        let least = CreateApiTokenRequest { scopes: vec!["graphql".into()], ..wanted("bob@example.com") };
        let (made, value) = make(world, least).await;
        let shown = get(world, &value).await.unwrap();
        assert_eq!((&shown, shown.user.as_ref()), (&made, Some(&bob)));
        world.service.flush_uses().await;
        let shown = get(world, &value).await.unwrap();
        assert_eq!((shown.last_used_at, shown.last_used_ip.as_deref()), (Some(to_timestamp(at(0))), Some("192.0.2.1")));
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_shows_and_revokes_nothing_more() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let (made, value) = make(world, wanted("bob@example.com")).await;
        revoke(world, &value).await.unwrap();
        for refused in [refusal(get(world, &value).await), refusal(revoke(world, &value).await)] {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unauthenticated, "authentication_required"));
        }
        let rows: Vec<_> =
            world.audit().await.into_iter().filter(|row| row.kind == "API_ACCESS_TOKEN_DELETED").collect();
        assert_eq!(rows.len(), 2, "one in each trail");
        for row in &rows {
            assert_eq!((row.subject.to_string(), row.actor.as_deref()), (made.uuid.clone(), Some("bob")));
            assert_eq!(row.context["credential_uuid"], made.uuid);
        }
        let mut organizations: Vec<_> = rows.iter().map(|row| row.organization).collect();
        organizations.sort_unstable();
        assert_eq!(organizations, [ORGANIZATION, ELSEWHERE]);
        get(world, world.api_token.expose()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_that_reaches_nothing_is_revoked_in_the_installations_trail() {
    everywhere(async |world| {
        user(world, "bob@example.com").await;
        let (made, value) = make(world, wanted("bob@example.com")).await;
        revoke(world, &value).await.unwrap();
        assert_eq!(audit_of(world, "API_ACCESS_TOKEN_DELETED", &made.uuid).await.organization, Uuid::nil());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_good_api_token_is_refused() {
    everywhere(async |world| {
        let portal_token = world.issued(PORTAL).await.token;
        for token in ["x", &portal_token] {
            for refused in [refusal(get(world, token).await), refusal(revoke(world, token).await)] {
                assert_eq!(
                    (refused.class, refused.reason.as_str()),
                    (Code::Unauthenticated, "authentication_required")
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn both_are_counted_and_refused_over_the_rate() {
    everywhere_with(Limits { rest_user_per_minute: 1, ..Limits::default() }, async |world| {
        get(world, world.api_token.expose()).await.unwrap();
        assert_eq!(refusal(get(world, world.api_token.expose()).await).reason, "rate_limited");
        let status = revoke(world, world.api_token.expose()).await.unwrap_err();
        assert_eq!(Refusal::of(&status).reason, "rate_limited");
        assert_eq!(audited(world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn from_elsewhere_or_without_a_look_up_both_are_refused() {
    everywhere(async |world| {
        let token = world.api_token.expose();
        world.tamper("UPDATE api_tokens SET allowed_ip_addresses = '198.51.100.1'", vec![]).await;
        for refused in [refusal(get(world, token).await), refusal(revoke(world, token).await)] {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "ip_not_allowed"));
        }
        world.tamper("ALTER TABLE api_tokens RENAME TO gone", vec![]).await;
        for refused in [refusal(get(world, token).await), refusal(revoke(world, token).await)] {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "verification_unavailable"));
        }
    })
    .await;
}

#[tokio::test]
async fn no_token_ends_without_the_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(revoke(world, world.api_token.expose()).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        get(world, world.api_token.expose()).await.unwrap();
    })
    .await;
}
