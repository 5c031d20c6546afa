//! The end of tokens that nobody uses.

use contracts::token::v1::{Role, VerifyApiTokenRequest};
use uuid::Uuid;

use super::{
    api_settings::set,
    people::{ELSEWHERE, audit_of, audited, count, join, make, member, unlimited, wanted},
    world::{ORGANIZATION, World, everywhere, everywhere_with, from_service},
};

const DAY: i64 = 86_400;

async fn sweep(world: &World) -> u64 {
    world.service.sweep_inactive_api_tokens().await.unwrap()
}

/// Uses a token, and has that written.
async fn used(world: &World, token: &str) -> Option<Vec<String>> {
    let request = from_service(VerifyApiTokenRequest { organization_uuid: None }, Some(token));
    let reply = world.client().verify_api_token(request).await.ok()?.into_inner();
    world.service.flush_uses().await;
    Some(reply.memberships.into_iter().map(|place| place.organization_uuid).collect())
}

#[tokio::test]
async fn a_token_unused_for_longer_than_the_limit_dies_with_its_last_organization() {
    everywhere(async |world| {
        member(world, "bob@example.com", Role::Member).await;
        set(world, Some(30)).await.unwrap();
        let (idle, idle_value) = make(world, wanted("bob@example.com")).await;
        let (_, busy) = make(world, wanted("bob@example.com")).await;
        world.clock.pass(29 * DAY);
        for token in [&busy, world.api_token.expose()] {
            used(world, token).await.unwrap();
        }
        world.clock.pass(DAY - 1);
        assert_eq!(sweep(world).await, 0, "one second is left");
        world.clock.pass(1);
        assert_eq!(sweep(world).await, 1);
        assert_eq!(used(world, &idle_value).await, None);
        assert_eq!(used(world, &busy).await, Some(vec![ORGANIZATION.to_string()]));
        for kind in ["API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED", "API_ACCESS_TOKEN_DELETED"] {
            let row = audit_of(world, kind, &idle.uuid).await;
            assert_eq!(
                (row.organization, row.actor, row.data["reason"].as_str()),
                (ORGANIZATION, None, Some("inactive"))
            );
            assert!(row.context.is_null());
        }
        assert_eq!(sweep(world).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_organization_without_a_limit_keeps_the_token() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let (token, value) = make(world, wanted("bob@example.com")).await;
        world.clock.pass(400 * DAY);
        assert_eq!(sweep(world).await, 0, "nobody has set a limit");
        used(world, world.api_token.expose()).await.unwrap();
        set(world, Some(365)).await.unwrap();
        assert_eq!(sweep(world).await, 1);
        assert_eq!(used(world, &value).await, Some(vec![ELSEWHERE.to_string()]));
        audit_of(world, "API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED", &token.uuid).await;
        assert!(!audited(world).await.contains(&"API_ACCESS_TOKEN_DELETED".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_use_that_was_not_written_yet_counts() {
    everywhere(async |world| {
        set(world, Some(30)).await.unwrap();
        world.clock.pass(30 * DAY);
        let request = VerifyApiTokenRequest { organization_uuid: None };
        let request = from_service(request, Some(world.api_token.expose()));
        world.client().verify_api_token(request).await.unwrap();
        assert_eq!(sweep(world).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_periodic_sweep_ends_them() {
    everywhere(async |world| {
        set(world, Some(30)).await.unwrap();
        world.clock.pass(30 * DAY);
        world.service.sweep().await;
        assert_eq!(used(world, world.api_token.expose()).await, None);
    })
    .await;
}

#[tokio::test]
async fn many_are_removed_in_small_transactions() {
    everywhere_with(unlimited(), async |world| {
        member(world, "bob@example.com", Role::Member).await;
        set(world, Some(30)).await.unwrap();
        let mut made = Vec::new();
        for _ in 0..7 {
            made.push(make(world, wanted("bob@example.com")).await.0.uuid.parse::<Uuid>().unwrap());
        }
        world.clock.pass(30 * DAY);
        used(world, world.api_token.expose()).await.unwrap();
        let now = world.service.0.ambient.now();
        for removed in [3, 3, 1, 0] {
            assert_eq!(world.service.0.store.revoke_inactive(3, now).await.unwrap(), removed);
        }
        let revoked = world.rows("SELECT uuid FROM api_tokens WHERE revoked_at IS NOT NULL").await;
        let mut revoked: Vec<Uuid> = revoked.iter().map(|row| row.try_get("", "uuid").unwrap()).collect();
        revoked.sort_unstable();
        made.sort_unstable();
        assert_eq!((revoked, count(world, "api_token_organizations").await), (made, 1));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_removed_without_the_audit_row() {
    everywhere(async |world| {
        set(world, Some(30)).await.unwrap();
        world.clock.pass(30 * DAY);
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        assert!(world.service.sweep_inactive_api_tokens().await.is_err());
        assert_eq!(count(world, "api_token_organizations").await, 1);
    })
    .await;
}
