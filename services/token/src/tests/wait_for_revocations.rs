//! Waiting until nobody accepts any more what was revoked: `?wait=true`.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use super::world::everywhere;

use super::verifiers::{SHORT, Verifier, revoke_any};

async fn is_pending<F: Future<Output = ()> + Unpin>(waiting: &mut F) -> bool {
    timeout(SHORT, waiting).await.is_err()
}

#[tokio::test]
async fn waiting_ends_when_every_watcher_has_applied_the_event() {
    everywhere(async |world| {
        world.clock.pass(5);
        let (mut one, mut two) = (Verifier::of(&world.service).await, Verifier::of(&world.service).await);
        one.renewed(0).await;
        two.renewed(0).await;
        revoke_any(&world.service, 1).await;
        let mut waiting = Box::pin(world.service.announced(1, true));
        one.renewed(1).await;
        two.renewed(0).await;
        assert!(is_pending(&mut waiting).await, "one has applied it, the other hasn't");
        two.renewed(1).await;
        if world.service.0.store.may_have_replicas() {
            assert!(is_pending(&mut waiting).await, "watchers of other replicas aren't known");
            world.clock.pass(5);
        }
        timeout(Duration::from_secs(2), waiting).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn waiting_ends_when_the_lease_of_a_silent_watcher_has_run_out() {
    everywhere(async |world| {
        for (sequence, leaves) in [(1, false), (2, true)] {
            world.clock.pass(5);
            let mut verifier = Verifier::of(&world.service).await;
            verifier.renewed(0).await;
            revoke_any(&world.service, 1).await;
            let mut waiting = Box::pin(world.service.announced(sequence, true));
            if leaves {
                drop(verifier);
            }
            assert!(is_pending(&mut waiting).await, "{leaves}");
            world.clock.pass(3);
            assert!(is_pending(&mut waiting).await, "{leaves}");
            world.clock.pass(2);
            timeout(Duration::from_secs(2), waiting).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_renewal_counts_from_its_arrival_whenever_it_is_answered() {
    everywhere(async |world| {
        world.clock.pass(5);
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renewed(0).await;
        world.clock.pass(3);
        world.tamper("ALTER TABLE revocation_head RENAME TO away", vec![]).await;
        verifier.renew(0).await;
        assert!(verifier.next().await.is_none());
        world.clock.pass(2);
        let mut waiting = Box::pin(world.service.announced(1, true));
        assert!(is_pending(&mut waiting).await, "what is being read for the renewal may be older than the event");
        world.clock.pass(5);
        timeout(Duration::from_secs(2), waiting).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn waiting_just_after_the_start_takes_leases_of_the_process_before_into_account() {
    everywhere(async |world| {
        let service = world.reopened(world.config.clone()).await.unwrap();
        let mut waiting = Box::pin(service.announced(0, true));
        assert!(is_pending(&mut waiting).await);
        world.clock.pass(5);
        timeout(Duration::from_secs(2), waiting).await.unwrap();
    })
    .await;
}
