//! `RevokePortal` of some kinds, and what goes beside tokens.

use contracts::token::v1::{PortalTokenKind, RevokePortalRequest};
use uuid::Uuid;

use super::{
    revoke_portal::revoke,
    world::{PORTAL, World, at, everywhere, from_service, issue, refusal},
};

fn revoke_kinds(kinds: &[PortalTokenKind]) -> RevokePortalRequest {
    RevokePortalRequest { kinds: kinds.iter().map(|kind| (*kind).into()).collect(), ..revoke(PORTAL) }
}

async fn revoked(world: &World, request: RevokePortalRequest) -> u32 {
    world.client().revoke_portal(from_service(request, None)).await.unwrap().into_inner().revoked_tokens
}

/// A token of that kind.
async fn token(world: &World, kind: &str) -> String {
    let issued = world.issued(PORTAL).await;
    let uuid = Uuid::parse_str(&issued.token_uuid).unwrap();
    world.tamper("UPDATE portal_tokens SET kind = $1 WHERE uuid = $2", vec![kind.into(), uuid.into()]).await;
    issued.token
}

async fn put_code(world: &World, state: &str) {
    let insert = "INSERT INTO codes (uuid, code_tag, secret_tag, key_id, organization_uuid, portal_uuid, state, \
                  wrong_secrets, created_at, expires_at) VALUES ($1, $2, $3, 'k1', $4, $4, $5, 0, $6, $7)";
    let tag = state.as_bytes().to_vec();
    let values = vec![
        Uuid::from_u128(state.len() as u128).into(),
        tag.clone().into(),
        tag.into(),
        PORTAL.into(),
        state.into(),
        at(0).into(),
        at(300).into(),
    ];
    world.tamper(insert, values).await;
}

async fn put_secret(world: &World) {
    let insert = "INSERT INTO portal_secrets (uuid, organization_uuid, portal_uuid, slot, selector, hash, gate, key_id, \
                  last_four, description, created_at, created_by_uuid, created_by_name, created_by_email, \
                  created_by_created_at) VALUES ($1, $1, $1, 0, 's', 'h', 1, 'k1', 'abcd', 'CI', $2, $1, 'n', 'e', $2)";
    world.tamper(insert, vec![PORTAL.into(), at(0).into()]).await;
}

async fn live_codes(world: &World) -> usize {
    world.rows("SELECT uuid FROM codes WHERE state IN ('pending', 'approved')").await.len()
}

#[tokio::test]
async fn only_tokens_of_the_kinds_end_and_others_may_be_made_again() {
    everywhere(async |world| {
        let (service, ephemeral) = (token(world, "service").await, token(world, "ephemeral").await);
        assert_eq!(revoked(world, revoke_kinds(&[PortalTokenKind::Ephemeral, PortalTokenKind::User])).await, 1);
        world.verify(&service).await.unwrap();
        assert_eq!(refusal(world.verify(&ephemeral).await).reason, "authentication_required");
        world.issued(PORTAL).await;
        let deleted = world.audit().await.into_iter().filter(|row| row.kind == "PORTAL_TOKEN_DELETED");
        assert_eq!(deleted.count(), 1);
        let kinds: String = world.rows("SELECT kinds FROM revocations").await[0].try_get("", "kinds").unwrap();
        assert_eq!(kinds, "ephemeral user");
    })
    .await;
}

#[tokio::test]
async fn codes_end_with_the_kind_that_they_make() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        put_code(world, "pending").await;
        put_code(world, "approved").await;
        revoked(world, revoke_kinds(&[PortalTokenKind::Ephemeral])).await;
        assert_eq!(live_codes(world).await, 2);
        revoked(world, revoke_kinds(&[PortalTokenKind::User])).await;
        assert_eq!(live_codes(world).await, 0);
    })
    .await;
}

#[tokio::test]
async fn secrets_and_codes_go_with_the_portal_and_are_told_of() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        put_code(world, "pending").await;
        put_secret(world).await;
        revoked(world, revoke_kinds(&[PortalTokenKind::Service, PortalTokenKind::Ephemeral])).await;
        assert_eq!(world.rows("SELECT uuid FROM portal_secrets").await.len(), 1);
        revoked(world, revoke(PORTAL)).await;
        assert_eq!(world.rows("SELECT uuid FROM portal_secrets").await.len(), 0);
        assert_eq!(live_codes(world).await, 0);
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.kind == "PORTAL_SECRET_DELETED").unwrap();
        assert_eq!((row.subject, row.actor.as_deref()), (PORTAL, Some("Keiko")));
        let refused = refusal(world.client().issue_service_token(from_service(issue(PORTAL), None)).await);
        assert_eq!(refused.reason, "portal_revoked");
    })
    .await;
}

#[tokio::test]
async fn a_kind_that_is_none_is_refused_and_nothing_ends() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        for kind in [0, 99] {
            let request = RevokePortalRequest { kinds: vec![1, kind], ..revoke(PORTAL) };
            let refused = refusal(world.client().revoke_portal(from_service(request, None)).await);
            assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("invalid_request", "kinds"));
        }
        world.verify(&token).await.unwrap();
    })
    .await;
}
