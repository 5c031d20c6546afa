//! Verdicts about portal tokens: asked for once, kept for less than the time in which a revocation must arrive.

use std::{sync::atomic::Ordering, time::Duration};

use kit::ambient::Clock;

use super::world::{Mood, World, everywhere};

const GOOD: &str = r#"{"name":"x"}"#;

fn asked(world: &World) -> usize {
    world.tokens.verified.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_warm_token_is_verified_without_an_rpc() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        for _ in 0..50 {
            world.call(GOOD).await.unwrap();
        }
        assert_eq!(asked(&world), 1);
    })
    .await;
}

#[tokio::test]
async fn a_hundred_cold_calls_ask_once() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let world = std::sync::Arc::new(world);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let world = std::sync::Arc::clone(&world);
            calls.spawn(async move { world.call(GOOD).await.is_ok() });
        }
        assert!(calls.join_all().await.into_iter().all(|worked| worked));
        assert_eq!(asked(&world), 1);
    })
    .await;
}

#[tokio::test]
async fn a_verdict_counts_for_less_than_four_seconds_from_asking() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.call(GOOD).await.unwrap();
        *world.tokens.mood.lock().unwrap() = Mood::Refuses;
        world.clock.advance(Duration::from_millis(3_999));
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_when_it_expires_although_its_verdict_is_kept() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
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
        assert_eq!(asked(&world), 0);
    })
    .await;
}
