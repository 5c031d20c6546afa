//! Verdicts about portal tokens: asked for once, kept for less than the time in which a revocation must arrive.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use contracts::token::v1::WatchRevocationsResponse;
use kit::ambient::Clock;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    tokens::{Meanwhile, Mood, TOKEN},
    world::{everywhere, until},
};

const GOOD: &str = r#"{"name":"x"}"#;

/// Something that no token depends on.
const OTHER: Uuid = Uuid::from_u128(0xff);

#[tokio::test]
async fn a_warm_token_is_verified_without_an_rpc() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        for _ in 0..50 {
            world.call(GOOD).await.unwrap();
        }
        assert_eq!(world.asked(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_cold_calls_ask_once() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        let world = std::sync::Arc::new(world);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let world = std::sync::Arc::clone(&world);
            calls.spawn(async move { world.call(GOOD).await.is_ok() });
        }
        assert!(calls.join_all().await.into_iter().all(|worked| worked));
        assert_eq!(world.asked(), 1);
    })
    .await;
}

/// Whoever began after a revocation was acknowledged must not be answered from before it: nobody is while an event says so, or
/// while no lease says that there is none.
#[tokio::test]
async fn an_answer_serves_those_who_came_after_the_asking_if_nothing_can_have_ended_it() {
    for (revoked, leased, asked) in [(None, true, 1), (Some(OTHER), true, 1), (Some(TOKEN), true, 2), (None, false, 2)]
    {
        everywhere(async |world| {
            world.create(|_| {}).await.unwrap();
            world.leased().await;
            if !leased {
                world.tokens.sequence.answering.store(false, Ordering::SeqCst);
                world.clock.advance(Duration::from_secs(4));
            }
            let gate = Arc::new(Semaphore::new(0));
            *world.tokens.meanwhile.lock().unwrap() = Some(Meanwhile::Held(Arc::clone(&gate)));
            let script = async {
                until("a verdict", || world.tokens.meanwhile.lock().unwrap().is_none()).await;
                if let Some(id) = revoked {
                    world.tokens.sequence.revoke(id).await;
                }
                if revoked == Some(TOKEN) {
                    world.tokens.set_mood(Mood::Refuses);
                }
            };
            let joined = async {
                script.await;
                let release = async {
                    until("two who wait", || world.service.0.verifier.waiting() == 2).await;
                    gate.add_permits(1);
                };
                tokio::join!(world.call(GOOD), release).0
            };
            let (first, second) = tokio::join!(world.call(GOOD), joined);
            assert!(first.is_ok(), "it began before");
            assert_eq!(
                (second.is_ok(), world.asked()),
                (revoked != Some(TOKEN), asked),
                "{revoked:?}, leased: {leased}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_kept_verdict_is_asked_for_again_after_ten_minutes_under_a_lease_too() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_mins(10) - Duration::from_millis(1));
        world.leased().await;
        world.call(GOOD).await.unwrap();
        assert_eq!(world.asked(), 1);
        world.clock.advance(Duration::from_millis(1));
        for _ in 0..2 {
            assert!(world.service.0.verifier.is_leased());
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked(), 2);
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_lease_every_call_asks_and_works() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        world.call(GOOD).await.unwrap();
        world.tokens.sequence.answering.store(false, Ordering::SeqCst);
        world.clock.advance(Duration::from_secs(4));
        for more in 1..=3 {
            world.call(GOOD).await.unwrap();
            assert_eq!(world.asked(), 1 + more);
        }
    })
    .await;
}

#[tokio::test]
async fn a_kept_verdict_counts_for_less_than_four_seconds_from_the_last_answered_renewal() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        world.call(GOOD).await.unwrap();
        // A partition: renewals go out and nothing comes back.
        world.tokens.sequence.answering.store(false, Ordering::SeqCst);
        world.tokens.set_mood(Mood::Hangs);
        world.clock.advance(Duration::from_millis(3_999));
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.refused(GOOD).await, "verification_unavailable");
        // It heals: what was kept counts again, without a question.
        world.tokens.sequence.answering.store(true, Ordering::SeqCst);
        world.leased().await;
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_late_answer_does_not_lengthen_the_lease() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        world.call(GOOD).await.unwrap();
        let sequence = &world.tokens.sequence;
        sequence.answering.store(false, Ordering::SeqCst);
        let event = sequence.commit(OTHER);
        sequence.push(vec![event]);
        let early = sequence.applied(1).await;
        world.tokens.set_mood(Mood::Breaks);
        world.clock.advance(Duration::from_secs(5));
        let answer = |renewal, head| WatchRevocationsResponse { renewal, head, events: Vec::new() };
        sequence.send(&answer(early, 1));
        // The answer was taken in when what was sent after it is applied.
        let event = sequence.commit(OTHER);
        sequence.push(vec![event]);
        let late = sequence.applied(2).await;
        assert_eq!(world.refused(GOOD).await, "verification_unavailable");
        sequence.send(&answer(late, 2));
        world.leased().await;
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_pause_ends_the_lease_and_spoils_the_answer_that_was_under_way() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        world.call(GOOD).await.unwrap();
        world.tokens.sequence.answering.store(false, Ordering::SeqCst);
        world.clock.advance(Duration::from_mins(1));
        *world.tokens.meanwhile.lock().unwrap() = Some(Meanwhile::Paused(Duration::from_mins(1)));
        assert_eq!(world.refused(GOOD).await, "verification_unavailable");
        *world.tokens.meanwhile.lock().unwrap() = Some(Meanwhile::Paused(Duration::from_millis(3_999)));
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_when_it_expires_although_its_verdict_is_kept() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.leased().await;
        *world.tokens.expires_at.lock().unwrap() = Some(world.clock.now() + Duration::from_secs(2));
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_secs(2));
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn nothing_runs_when_the_token_service_is_silent_or_broken() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        for mood in [Mood::Hangs, Mood::Breaks] {
            *world.tokens.mood.lock().unwrap() = mood;
            assert_eq!(world.refused(GOOD).await, "verification_unavailable", "{mood:?}");
        }
        *world.tokens.mood.lock().unwrap() = Mood::Works;
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_none_by_its_form_is_refused_without_asking() {
    everywhere(async |mut world| {
        world.create(|_| {}).await.unwrap();
        let good = super::world::portal_token();
        let api = kit::credential::Plain::token("bk", kit::credential::Kind::Api, &[7; 32]);
        for bad in [
            String::new(),
            "Bearer".into(),
            format!("Basic {good}"),
            format!("Bearer {good}0"),
            format!("Bearer {}", api.expose()),
        ] {
            world.caller.authorization = bad.parse().ok();
            assert_eq!(world.refused(GOOD).await, "authentication_required", "{bad}");
        }
        assert_eq!(world.asked(), 0);
    })
    .await;
}
