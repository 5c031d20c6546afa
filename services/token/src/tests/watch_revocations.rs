//! `WatchRevocations`, and waiting for those who watch.

use contracts::token::v1::{PortalTokenKind, Revocation, RevokePortalRequest, VerifyPortalTokenRequest};
use kit::boot::Tasks;
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use super::{
    revoke_portal::revoke,
    world::{PORTAL, World, at, everywhere, from_outside, from_service, refusal},
};

use super::verifiers::{PATIENCE, SHORT, Verifier, places, revoke_any, until};
use crate::Service;

/// Makes a sequence that ends with `head`, of which `first` and what follows are kept.
async fn sequence(world: &World, first: i64, head: i64) {
    let make = "WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
                INSERT INTO revocations SELECT i, $3, '', $4 FROM n";
    let make = make.replace("SELECT $1", "SELECT CAST($1 AS BIGINT)");
    world.tamper(&make, vec![first.into(), head.into(), PORTAL.into(), at(0).into()]).await;
    world.tamper("UPDATE revocation_head SET head = $1", vec![head.into()]).await;
}

#[tokio::test]
async fn who_keeps_nothing_is_told_the_head_and_no_older_event() {
    everywhere(async |world| {
        let mut verifier = Verifier::of(&world.service).await;
        assert_eq!(verifier.renewed(0).await, (0, vec![]));
        revoke_any(&world.service, 3).await;
        assert_eq!(Verifier::of(&world.service).await.renewed(0).await, (3, vec![]));
    })
    .await;
}

#[tokio::test]
async fn an_event_is_pushed_as_it_is_committed() {
    everywhere(async |world| {
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renewed(0).await;
        let request = RevokePortalRequest {
            kinds: vec![PortalTokenKind::User.into(), PortalTokenKind::Ephemeral.into()],
            ..revoke(PORTAL)
        };
        world.client().revoke_portal(from_service(request, None)).await.unwrap();
        let pushed = verifier.next().await.unwrap();
        let kinds = vec![PortalTokenKind::User.into(), PortalTokenKind::Ephemeral.into()];
        let event = Revocation { sequence: 1, subject_uuid: PORTAL.to_string(), kinds };
        assert_eq!((pushed.renewal, pushed.head, pushed.events), (0, 1, vec![event]));
        assert_eq!(verifier.renewed(1).await, (1, vec![]), "nothing is sent twice");
    })
    .await;
}

#[tokio::test]
async fn what_another_replica_commits_is_pushed_too() {
    everywhere(async |world| {
        let other = world.reopened(world.config.clone()).await.unwrap();
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renewed(0).await;
        revoke_any(&other, 1).await;
        assert_eq!(places(&verifier.next().await.unwrap()), [1]);
    })
    .await;
}

/// Each of the two ways that word comes from another replica by, without the other.
async fn comes_alone_by(way: impl Fn(&Service, &Tasks), needs_hints: bool) {
    everywhere(async |world| {
        if needs_hints && !world.service.0.store.may_have_replicas() {
            return;
        }
        let (other, tasks) = (world.passive().await, Tasks::default());
        let mut verifier = Verifier::of(&other).await;
        verifier.renewed(0).await;
        revoke_any(&world.service, 1).await;
        assert!(timeout(SHORT, verifier.next()).await.is_err(), "there is a third way");
        way(&other, &tasks);
        // The first look is that of the beginning.
        assert_eq!(places(&verifier.next().await.unwrap()), [1]);
        for place in 2..5 {
            revoke_any(&world.service, 1).await;
            assert_eq!(places(&verifier.next().await.unwrap()), [place]);
        }
        assert!(tasks.stop(PATIENCE).await);
    })
    .await;
}

#[tokio::test]
async fn what_another_replica_commits_comes_by_its_hint_though_nobody_looks_for_it() {
    comes_alone_by(Service::hear_of_revocations, true).await;
}

#[tokio::test]
async fn what_another_replica_commits_comes_by_the_sequence_though_nobody_hears_of_it() {
    comes_alone_by(Service::look_for_revocations, false).await;
}

#[tokio::test]
async fn who_comes_again_is_told_what_it_missed() {
    everywhere(async |world| {
        revoke_any(&world.service, 5).await;
        let mut verifier = Verifier::of(&world.service).await;
        assert_eq!(verifier.renewed(2).await, (5, vec![3, 4, 5]));
        assert_eq!(verifier.renewed(5).await, (5, vec![]));
    })
    .await;
}

#[tokio::test]
async fn many_events_come_in_pages_and_the_lease_with_the_last() {
    everywhere(async |world| {
        sequence(world, 1, 2_500).await;
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renew(1).await;
        let mut pages = Vec::new();
        for _ in 0..3 {
            let page = verifier.next().await.unwrap();
            pages.push((page.renewal, page.head, page.events.len()));
        }
        assert_eq!(pages, [(0, 2_500, 1_000), (0, 2_500, 1_000), (1, 2_500, 499)]);
        assert_eq!(Verifier::of(&world.service).await.renewed(1).await.1, (2..=2_500).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_longer_kept_is_seen_as_a_gap() {
    everywhere(async |world| {
        sequence(world, 8, 10).await;
        let mut verifier = Verifier::of(&world.service).await;
        assert_eq!(verifier.renewed(3).await, (10, vec![8, 9, 10]));
        assert_eq!(Verifier::of(&world.service).await.renewed(10).await, (10, vec![]));
    })
    .await;
}

#[tokio::test]
async fn who_is_beyond_the_head_of_a_restored_database_is_told_the_smaller_head() {
    everywhere(async |world| {
        revoke_any(&world.service, 2).await;
        let mut stranger = Verifier::of(&world.service).await;
        assert_eq!(stranger.renewed(9).await, (2, vec![]));
        let mut verifier = Verifier::of(&world.service).await;
        assert_eq!(verifier.renewed(2).await, (2, vec![]));
        world.tamper("DELETE FROM revocations WHERE sequence > 1", vec![]).await;
        world.tamper("UPDATE revocation_head SET head = 1", vec![]).await;
        assert_eq!(verifier.renewed(2).await, (1, vec![]));
        revoke_any(&world.service, 1).await;
        assert_eq!(verifier.renewed(1).await, (2, vec![2]), "it goes on from there");
    })
    .await;
}

#[tokio::test]
async fn a_renewal_ends_the_stream_while_the_database_cannot_be_read() {
    everywhere(async |world| {
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renewed(0).await;
        world.tamper("ALTER TABLE revocation_head RENAME TO away", vec![]).await;
        verifier.renew(0).await;
        assert!(verifier.next().await.is_none(), "the database that answers next may be another one");
        world.tamper("ALTER TABLE away RENAME TO revocation_head", vec![]).await;
        assert_eq!(Verifier::of(&world.service).await.renewed(0).await, (0, vec![]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_revocations_at_the_same_time_have_no_gap_and_come_in_order() {
    const EACH: u64 = 8;
    everywhere(async |world| {
        let (tasks, replica) = (Tasks::default(), world.reopened(world.config.clone()).await.unwrap());
        let mut verifier = Verifier::of(&world.service).await;
        verifier.renewed(0).await;
        for number in 0..8 {
            let service = if number % 2 == 0 { world.service.clone() } else { replica.clone() };
            tasks.spawn(async move { revoke_any(&service, EACH).await });
        }
        let mut seen: Vec<u64> = Vec::new();
        while seen.len() < 8 * usize::try_from(EACH).unwrap() {
            let answer = verifier.next().await.unwrap();
            assert!(places(&answer).iter().all(|place| *place <= answer.head));
            seen.extend(places(&answer));
            assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "always a prefix");
        }
        assert!(tasks.stop(PATIENCE).await);
        assert_eq!(verifier.renewed(8 * EACH).await, (8 * EACH, vec![]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_verdict_takes_every_event_up_to_its_sequence_into_account() {
    const PORTALS: u128 = 16;
    everywhere(async |world| {
        let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
        for portal in (0..PORTALS).map(Uuid::from_u128) {
            let token = world.issued(portal).await.token;
            let (mut verifying, outcome) = (world.client(), outcome.clone());
            tasks.spawn(async move {
                let ask = || from_service(VerifyPortalTokenRequest {}, Some(&token));
                let mut last = 0;
                while let Ok(verdict) = verifying.verify_portal_token(ask()).await {
                    last = verdict.into_inner().sequence;
                }
                outcome.send((portal, last)).unwrap();
            });
        }
        let mut revoking = world.client();
        tasks.spawn(async move {
            for portal in (0..PORTALS).map(Uuid::from_u128) {
                revoking.revoke_portal(from_service(revoke(portal), None)).await.unwrap();
            }
        });
        drop(outcome);
        let mut last_good = Vec::new();
        while let Some(outcome) = outcomes.recv().await {
            last_good.push(outcome);
        }
        let events = world.service.0.store.revocations(0, 1_000, 1_000).await.unwrap();
        assert_eq!(events.len(), last_good.len());
        for (portal, last) in last_good {
            let revoked = events.iter().find(|event| event.subject == portal).unwrap().sequence;
            assert!(last < revoked, "good with all up to {last} taken into account, but revoked by {revoked}");
        }
    })
    .await;
}

#[tokio::test]
async fn streams_end_with_the_process_and_with_their_reader() {
    everywhere(async |world| {
        let tasks = Tasks::default();
        let service = world.reopened_in(world.config.clone(), &tasks).await.unwrap();
        let (mut one, two) = (Verifier::of(&service).await, Verifier::of(&service).await);
        one.renewed(0).await;
        assert_eq!(service.0.watchers.count_connected(), 2);
        drop(two);
        until(|| service.0.watchers.count_connected() == 1).await;
        assert!(tasks.stop(PATIENCE).await, "no task is left");
        assert_eq!(one.next().await, None);
        assert_eq!(service.0.watchers.count_connected(), 0);
    })
    .await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    everywhere(async |world| {
        let mut verifier = Verifier::of(&world.service).await;
        for _ in 0..64 {
            verifier.renew(0).await;
        }
        until(|| world.service.0.watchers.count_connected() == 0).await;
        let mut read = 0;
        while verifier.next().await.is_some() {
            read += 1;
        }
        assert!((1..64).contains(&read), "{read}");
    })
    .await;
}

#[tokio::test]
async fn only_services_may_watch() {
    everywhere(async |world| {
        let request = from_outside(tokio_stream::empty(), Some(world.api_token.expose()));
        let refused = refusal(world.client().watch_revocations(request).await);
        assert_eq!(refused.reason, "service_key_required");
    })
    .await;
}
