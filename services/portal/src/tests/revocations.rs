//! What is revoked: applied in order, without a gap, before anything that was read earlier is kept.

use std::{sync::atomic::Ordering, time::Duration};

use contracts::token::v1::{PortalTokenKind, Revocation, WatchRevocationsResponse};
use uuid::Uuid;

use super::{
    tokens::{Meanwhile, Mood, SECRET, TOKEN, revocation},
    world::{World, everywhere},
};

const GOOD: &str = r#"{"name":"x"}"#;
/// Something that no token depends on.
const OTHER: Uuid = Uuid::from_u128(0xff);

/// A world whose portal token is known and needs no asking.
async fn warm(world: &World) -> Uuid {
    let portal = world.create(|_| {}).await.unwrap().portal.unwrap();
    world.leased().await;
    world.call(GOOD).await.unwrap();
    world.call(GOOD).await.unwrap();
    assert_eq!(world.asked(), 1);
    portal.uuid.parse().unwrap()
}

#[tokio::test]
async fn a_revoked_token_is_refused_whatever_the_event_names() {
    for subject in [Some(TOKEN), Some(SECRET), None] {
        everywhere(async |world| {
            let portal = warm(&world).await;
            world.tokens.set_mood(Mood::Refuses);
            world.call(GOOD).await.unwrap();
            world.tokens.sequence.revoke(subject.unwrap_or(portal)).await;
            assert_eq!(world.refused(GOOD).await, "authentication_required");
        })
        .await;
    }
}

#[tokio::test]
async fn an_event_about_other_ids_or_kinds_changes_nothing() {
    everywhere(async |world| {
        let portal = warm(&world).await;
        let sequence = &world.tokens.sequence;
        sequence.revoke(OTHER).await;
        let event = Revocation { kinds: vec![PortalTokenKind::User.into()], ..sequence.commit(portal) };
        sequence.push(vec![event]);
        sequence.applied(2).await;
        world.call(GOOD).await.unwrap();
        assert_eq!(world.asked(), 1);
    })
    .await;
}

/// Lost, doubled and reordered events (R14): whatever may hide an event flushes, nothing else does.
#[tokio::test]
async fn no_gap_is_skipped() {
    for (name, pushed, flushed) in [
        ("in order", &[1, 2, 3][..], false),
        ("doubled", &[1, 1, 2, 2, 3, 1, 3], false),
        ("the first lost", &[2, 3], true),
        ("one lost between", &[1, 3], true),
        ("reordered", &[2, 1, 3], true),
    ] {
        everywhere(async |world| {
            warm(&world).await;
            let sequence = &world.tokens.sequence;
            (0..3).for_each(|_| drop(sequence.commit(OTHER)));
            sequence.push(pushed.iter().map(|number| revocation(*number, OTHER)).collect());
            sequence.applied(3).await;
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked() > 1, flushed, "{name}");
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked(), 1 + usize::from(flushed), "{name}: and then goes on");
        })
        .await;
    }
}

#[tokio::test]
async fn an_event_that_was_never_sent_is_noticed_by_the_next_answer() {
    everywhere(async |world| {
        warm(&world).await;
        world.tokens.set_mood(Mood::Refuses);
        world.tokens.sequence.commit(TOKEN);
        world.tokens.sequence.prune();
        world.tokens.sequence.applied(1).await;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn events_that_can_not_be_read_count_as_lost() {
    everywhere(async |world| {
        warm(&world).await;
        world.tokens.sequence.commit(OTHER);
        let events = vec![Revocation { sequence: 1, subject_uuid: "x".into(), kinds: Vec::new() }];
        world.tokens.sequence.send(&WatchRevocationsResponse { renewal: 0, head: 1, events });
        world.tokens.sequence.applied(1).await;
        world.call(GOOD).await.unwrap();
        assert_eq!(world.asked(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_sequence_that_began_anew_flushes() {
    everywhere(async |world| {
        let sequence = &world.tokens.sequence;
        world.leased().await;
        sequence.revoke(OTHER).await;
        warm(&world).await;
        sequence.restore();
        sequence.applied(0).await;
        world.call(GOOD).await.unwrap();
        assert_eq!(world.asked(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_broke_off_is_continued_where_that_can_be_done() {
    for (pruned, asked) in [(false, 1), (true, 2)] {
        everywhere(async |world| {
            let sequence = &world.tokens.sequence;
            world.leased().await;
            sequence.revoke(OTHER).await;
            warm(&world).await;
            sequence.cut();
            sequence.commit(OTHER);
            if pruned {
                sequence.prune();
            }
            sequence.applied(2).await;
            world.leased().await;
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked(), asked, "pruned: {pruned}");
        })
        .await;
    }
}

/// A backup that was restored meanwhile, and has gone on for longer than what was applied here, looks like a continuation.
#[tokio::test]
async fn a_stream_that_is_opened_after_the_lease_begins_anew() {
    everywhere(async |world| {
        let sequence = &world.tokens.sequence;
        world.leased().await;
        sequence.revoke(OTHER).await;
        warm(&world).await;
        sequence.answering.store(false, Ordering::SeqCst);
        world.clock.advance(Duration::from_secs(4));
        sequence.restore();
        (0..2).for_each(|_| drop(sequence.commit(OTHER)));
        sequence.cut();
        sequence.answering.store(true, Ordering::SeqCst);
        sequence.applied(0).await;
        world.leased().await;
        world.call(GOOD).await.unwrap();
        assert_eq!(world.asked(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_revoked_while_the_stream_was_down_is_refused() {
    everywhere(async |world| {
        let sequence = &world.tokens.sequence;
        world.leased().await;
        sequence.revoke(OTHER).await;
        warm(&world).await;
        sequence.cut();
        sequence.commit(TOKEN);
        world.tokens.set_mood(Mood::Refuses);
        sequence.applied(2).await;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_verdict_read_before_a_revocation_was_applied_is_not_kept() {
    for (revoked, asked) in [(OTHER, 1), (TOKEN, 2), (SECRET, 2)] {
        everywhere(async |world| {
            world.create(|_| {}).await.unwrap();
            world.leased().await;
            *world.tokens.meanwhile.lock().unwrap() = Some(Meanwhile::Revoked(revoked));
            // It began before the revocation, so it may run.
            world.call(GOOD).await.unwrap();
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked(), asked, "{revoked}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_refusal_empties_the_place_of_the_token() {
    everywhere(async |world| {
        warm(&world).await;
        let sequence = &world.tokens.sequence;
        sequence.answering.store(false, Ordering::SeqCst);
        world.clock.advance(Duration::from_secs(4));
        world.tokens.set_mood(Mood::Refuses);
        assert_eq!(world.refused(GOOD).await, "authentication_required");
        sequence.answering.store(true, Ordering::SeqCst);
        world.leased().await;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn uses_are_reported_once_a_minute_and_token() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let verifier = &world.service.0.verifier;
        let reported = || world.tokens.uses.lock().unwrap().len();
        for round in 1..=2 {
            for _ in 0..3 {
                world.call(GOOD).await.unwrap();
            }
            world.tokens.set_mood(Mood::Breaks);
            verifier.report().await;
            assert_eq!(reported(), round - 1);
            world.tokens.set_mood(Mood::Works);
            verifier.report().await;
            verifier.report().await;
            assert_eq!(reported(), round, "what couldn't be reported is reported later, once");
            world.clock.advance(Duration::from_mins(1));
        }
        let uses = world.tokens.uses.lock().unwrap();
        assert_eq!(
            (uses[0].token_uuid.as_str(), uses[0].client_ip.as_deref()),
            (&*TOKEN.to_string(), Some("192.0.2.1"))
        );
    })
    .await;
}

#[tokio::test]
async fn refused_calls_are_no_uses() {
    everywhere(async |mut world| {
        world.create(|_| {}).await.unwrap();
        world.caller.client_ip = None;
        assert_eq!(world.refused(GOOD).await, "ip_not_allowed");
        world.service.0.verifier.report().await;
        assert!(world.tokens.uses.lock().unwrap().is_empty());
    })
    .await;
}
