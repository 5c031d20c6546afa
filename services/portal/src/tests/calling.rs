//! What a call meets between its token and its answer.

use std::{sync::atomic::Ordering, time::Duration};

use kit::grpc::Refusal;
use serde_json::{Value, json};

use super::world::{World, everywhere, everywhere_with};

const GOOD: &str = r#"{"name":"x"}"#;

#[tokio::test]
async fn variables_are_fitted_and_what_is_not_declared_is_named() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let reply =
            world.call(r#"{"name":"x","times":2.0,"query":"{ a }","extensions":{}}"#).await.unwrap().into_inner();
        let result: Value = serde_json::from_slice(&reply.result_json).unwrap();
        assert_eq!(result["data"]["variables"], json!({ "name": "x", "times": 2 }));
        assert_eq!(
            reply.ignored_variables,
            ["query", "extensions"].map(String::from).into_iter().rev().collect::<Vec<_>>()
        );
    })
    .await;
}

#[tokio::test]
async fn however_many_variables_are_not_declared_the_answer_stays_short() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let undeclared: String = (0..20_000).map(|n| format!(",\"v{n:05}\":0,\"é{n}\":0")).collect();
        let reply = world.call(&format!("{{\"name\":\"x\"{undeclared}}}")).await.unwrap().into_inner();
        let named: Vec<String> = (0..20).map(|n| format!("v{n:05}")).collect();
        assert_eq!((reply.ignored_variables, reply.more_ignored_variables), (named, 39_980));
    })
    .await;
}

#[tokio::test]
async fn strict_portals_refuse_what_is_not_declared() {
    everywhere(async |world| {
        world.create(|portal| portal.strict_variables = true).await.unwrap();
        let refusal = Refusal::of(&world.call(r#"{"name":"x","nmae":"y"}"#).await.unwrap_err());
        assert_eq!(refusal.message, "Validation failed: nmae is not declared by the operation");
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_address_outside_the_list_or_unknown_is_refused_and_audited_once_a_minute() {
    everywhere(async |mut world| {
        world.create(|_| {}).await.unwrap();
        for address in ["198.51.100.1", "198.51.100.1", "::1", "not an address"] {
            world.caller.client_ip = address.parse().ok();
            assert_eq!(world.refused(GOOD).await, "ip_not_allowed", "{address}");
        }
        assert_eq!(world.audited("PORTAL_ACCESS_DENIED").await, 3);
        // A row that can't be written is written with the next refusal.
        world.caller.client_ip = "198.51.100.2".parse().ok();
        world.lose_audit_trail().await;
        assert_eq!(world.refused(GOOD).await, "ip_not_allowed");
        world.sql("ALTER TABLE elsewhere RENAME TO audit_events").await;
        for _ in 0..2 {
            assert_eq!(world.refused(GOOD).await, "ip_not_allowed");
        }
        assert_eq!(world.audited("PORTAL_ACCESS_DENIED").await, 4);
        world.caller.client_ip = "::ffff:192.0.2.77".parse().ok();
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_tokens_own_list_is_checked_too_and_its_refusals_are_audited() {
    everywhere(async |mut world| {
        world.create(|_| {}).await.unwrap();
        *world.tokens.allowed.lock().unwrap() = Some("192.0.2.128/25".into());
        for address in ["192.0.2.1", "192.0.2.1", "198.51.100.1"] {
            world.caller.client_ip = address.parse().ok();
            assert_eq!(world.refused(GOOD).await, "ip_not_allowed", "{address}");
        }
        assert_eq!(world.audited("PORTAL_ACCESS_DENIED").await, 2);
        world.caller.client_ip = "192.0.2.200".parse().ok();
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_rate_is_counted_after_the_address_and_before_anything_runs() {
    everywhere_with(
        |config| config.limits.requests_per_minute = 2,
        async |mut world| {
            world.create(|_| {}).await.unwrap();
            let address = world.caller.client_ip.take();
            assert_eq!(world.refused(GOOD).await, "ip_not_allowed");
            world.caller.client_ip = address;
            assert_eq!(world.call(GOOD).await.unwrap().metadata().get("ratelimit-remaining").unwrap(), "1");
            // An operation that can't run counts all the same.
            let status = world.call("{}").await.unwrap_err();
            assert_eq!(status.metadata().get("ratelimit-remaining").unwrap(), "0");
            let status = world.call(GOOD).await.unwrap_err();
            let refusal = Refusal::of(&status);
            assert_eq!(status.metadata().get("ratelimit-scope").unwrap(), "portal");
            assert_eq!(
                refusal.message,
                "You have exceeded your API rate limit. Please wait 42 seconds before making more requests."
            );
            assert_eq!((refusal.retry_after, refusal.facts["current"].as_str()), (Some(Duration::from_secs(42)), "3"));
            world.clock.advance(Duration::from_secs(42));
            world.call(GOOD).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn a_portal_takes_no_more_calls_at_once_than_it_may_and_gives_up_on_a_silent_upstream() {
    everywhere_with(
        |config| {
            config.limits.in_flight_per_portal = 1;
            config.upstream.timeout = Duration::from_millis(300);
        },
        async |world| {
            world.create(|_| {}).await.unwrap();
            world.echo.silent.store(true, Ordering::SeqCst);
            let second = async {
                while world.echo.unanswered.load(Ordering::SeqCst) == 0 {
                    tokio::task::yield_now().await;
                }
                world.refused(GOOD).await
            };
            let (first, second) = tokio::join!(world.refused(GOOD), second);
            assert_eq!([first.as_str(), second.as_str()], ["upstream_timeout", "portal_busy"]);
            world.echo.silent.store(false, Ordering::SeqCst);
            world.call(GOOD).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn the_first_calls_of_a_portal_share_its_places_when_they_come_together() {
    everywhere_with(
        |config| {
            config.limits.in_flight_per_portal = 1;
            config.upstream.timeout = Duration::from_millis(300);
        },
        async |world| {
            world.create(|_| {}).await.unwrap();
            world.echo.silent.store(true, Ordering::SeqCst);
            let (a, b, c) = tokio::join!(world.refused(GOOD), world.refused(GOOD), world.refused(GOOD));
            let mut reasons = [a, b, c];
            reasons.sort_unstable();
            assert_eq!(reasons, ["portal_busy", "portal_busy", "upstream_timeout"]);
        },
    )
    .await;
}

#[tokio::test]
async fn bodies_are_checked_before_anything_is_looked_up() {
    everywhere(async |world: World| {
        for body in ["[]", "{", "3", &format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64))] {
            assert_eq!(world.refused(body).await, "invalid_variables", "{body}");
        }
        assert_eq!(world.tokens.verified.load(Ordering::SeqCst), 0);
    })
    .await;
}
