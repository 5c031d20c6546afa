//! What a change leaves to be done: never longer than a caller may wait, and never forgotten.

use std::{sync::atomic::Ordering, time::Duration};

use contracts::registry::v1::DeletePortalRequest;
use kit::grpc::Refusal;
use tokio::time::timeout;

use super::{
    tokens::Mood,
    world::{World, everywhere, until},
};

const GOOD: &str = r#"{"name":"x"}"#;

async fn delete(world: &World, portal: &str, wait: bool) -> Result<(), String> {
    let message = DeletePortalRequest { organization: "acme".into(), portal: portal.into(), wait };
    let reply = world.registry().delete_portal(world.request(message)).await;
    reply.map(drop).map_err(|status| Refusal::of(&status).reason)
}

#[tokio::test]
async fn one_failing_revocation_hinders_no_other() {
    everywhere(async |world| {
        let mut portals = Vec::new();
        *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
        for slug in ["a", "b", "c", "d"] {
            let portal = world.create(|portal| portal.slug = Some(slug.into())).await.unwrap().portal.unwrap();
            portals.push(portal.uuid);
            world.clock.advance(Duration::from_millis(1));
            delete(&world, slug, false).await.unwrap();
        }
        *world.tokens.unrevocable.lock().unwrap() = Some(portals.remove(0));
        *world.tokens.revoking.lock().unwrap() = Mood::Works;
        assert!(world.service.0.finish_revocations().await.is_err());
        let mut revoked = world.tokens.revoked.lock().unwrap().clone();
        // The sweep in the background may have been at it, too.
        revoked.dedup();
        assert_eq!(revoked, portals);
    })
    .await;
}

#[tokio::test]
async fn a_removal_is_acknowledged_though_the_token_service_hangs_and_finished_soon_after_it_recovers() {
    everywhere(async |world| {
        let portal = world.create(|_| {}).await.unwrap().portal.unwrap();
        *world.tokens.revoking.lock().unwrap() = Mood::Hangs;
        timeout(Duration::from_secs(4), delete(&world, "hello", false)).await.unwrap().unwrap();
        assert_eq!(world.refused(GOOD).await, "authentication_required");
        *world.tokens.revoking.lock().unwrap() = Mood::Works;
        until("a revocation", || world.tokens.revoked.lock().unwrap().contains(&portal.uuid)).await;
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_a_removal_waits_for_the_token_service_too() {
    everywhere(async |world| {
        for wait in [false, true] {
            world.create(|_| {}).await.unwrap();
            delete(&world, "hello", wait).await.unwrap();
            assert_eq!(world.tokens.waited.load(Ordering::SeqCst), wait);
        }
    })
    .await;
}

/// Other nodes keep portals for a second: until then one of them may accept a token that isn't revoked.
#[tokio::test]
async fn who_waits_for_a_removal_that_can_not_be_passed_on_waits_until_every_node_has_seen_it() {
    everywhere(async |world| {
        *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
        world.create(|_| {}).await.unwrap();
        let mut removal = std::pin::pin!(delete(&world, "hello", true));
        assert!(timeout(crate::catalog::LIFE, &mut removal).await.is_err());
        removal.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_change_that_took_long_leaves_no_time_for_afterwards() {
    everywhere(async |world| {
        let (parts, id) = (&world.service.0, crate::domain::id::PortalId(uuid::Uuid::nil()));
        let began = parts.ambient.since_boot();
        world.clock.advance(Duration::from_secs(9));
        for wait in [false, true] {
            let hang = parts.afterwards(id, began, wait, std::future::pending());
            timeout(Duration::from_secs(2), hang).await.unwrap();
        }
    })
    .await;
}
