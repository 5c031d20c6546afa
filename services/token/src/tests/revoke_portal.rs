//! `RevokePortal`.

use contracts::token::v1::RevokePortalRequest;
use uuid::Uuid;

use super::world::{ORGANIZATION, PORTAL, World, at, everywhere, from_outside, from_service, issue, person, refusal};

const OTHER: Uuid = Uuid::from_u128(0x0c);

pub(super) fn revoke(portal: Uuid) -> RevokePortalRequest {
    RevokePortalRequest {
        organization_uuid: ORGANIZATION.to_string(),
        portal_uuid: portal.to_string(),
        revoked_by: Some(person()),
        kinds: Vec::new(),
        wait: false,
    }
}

async fn revoked(world: &World, portal: Uuid) -> u32 {
    world.client().revoke_portal(from_service(revoke(portal), None)).await.unwrap().into_inner().revoked_tokens
}

#[tokio::test]
async fn every_token_of_the_portal_dies_and_no_other() {
    everywhere(async |world| {
        let (one, two, other) = (world.issued(PORTAL).await, world.issued(PORTAL).await, world.issued(OTHER).await);
        assert_eq!(revoked(world, PORTAL).await, 2);
        for dead in [&one, &two] {
            assert_eq!(refusal(world.verify(&dead.token).await).reason, "authentication_required");
        }
        world.verify(&other.token).await.unwrap();
        let audit = world.audit().await;
        let mut deleted: Vec<_> = audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_DELETED").collect();
        deleted.sort_by_key(|row| row.subject);
        let mut subjects = [one.token_uuid, two.token_uuid];
        subjects.sort();
        assert_eq!(deleted.iter().map(|row| row.subject.to_string()).collect::<Vec<_>>(), subjects);
        assert!(
            deleted.iter().all(|row| row.actor.as_deref() == Some("Keiko") && row.context["request_ip"] == "192.0.2.1")
        );
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens").await.len(), 3, "rows are kept");
    })
    .await;
}

#[tokio::test]
async fn doing_it_twice_does_no_harm() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        assert_eq!((revoked(world, PORTAL).await, revoked(world, PORTAL).await), (1, 0));
        let audit = world.audit().await;
        assert_eq!(audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_DELETED").count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_portal_that_never_had_a_token_is_remembered() {
    everywhere(async |world| {
        let by_the_system = RevokePortalRequest { revoked_by: None, ..revoke(PORTAL) };
        let answer = world.client().revoke_portal(from_service(by_the_system, None)).await.unwrap();
        assert_eq!(answer.into_inner().revoked_tokens, 0);
        let refused = refusal(world.client().issue_service_token(from_service(issue(PORTAL), None)).await);
        assert_eq!(refused.reason, "portal_revoked");
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_is_not_counted_as_ended_by_the_call() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        world.tamper("UPDATE portal_tokens SET expires_at = $1", vec![at(0).into()]).await;
        world.issued(PORTAL).await;
        assert_eq!(revoked(world, PORTAL).await, 1);
    })
    .await;
}

#[tokio::test]
async fn only_services_may_revoke() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        let request = from_outside(revoke(PORTAL), Some(world.api_token.expose()));
        assert_eq!(refusal(world.client().revoke_portal(request).await).reason, "service_key_required");
        world.verify(&token).await.unwrap();
    })
    .await;
}
