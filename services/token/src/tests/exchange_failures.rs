//! Exchanges that fail: slowed down, and audited.

use std::time::Duration;

use chrono::TimeDelta;
use contracts::token::v1::ExchangeSecretRequest;
use kit::{ambient::Ambient, boot::Tasks, credential::Plain, error::Code};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    secrets::{exchange, send_to},
    world::{ORGANIZATION, PORTAL, World, at, everywhere, everywhere_with, refusal},
};
use crate::Limits;

const OUTSIDER: &str = "198.51.100.1";

fn unknown_secret() -> ExchangeSecretRequest {
    let ambient = Ambient::system();
    exchange(PORTAL, Plain::secret("bk", ambient.bytes(), &ambient.bytes()).expose())
}

fn three() -> Limits {
    Limits { failures_per_minute: 3, ..Limits::default() }
}

#[tokio::test]
async fn an_outsider_is_slowed_down_and_locks_nobody_out() {
    everywhere_with(three(), async |world| {
        let secret = world.secret(PORTAL).await;
        for request in [unknown_secret(), exchange(PORTAL, "garbage"), unknown_secret()] {
            assert_eq!(refusal(world.send_from(OUTSIDER, request).await).reason, "invalid_client");
        }
        let hashes = world.slow_hashes();
        for request in [unknown_secret(), exchange(PORTAL, "garbage"), exchange(PORTAL, secret.plain.expose())] {
            let refused = refusal(world.send_from(OUTSIDER, request).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Exhausted, "rate_limited"));
            assert_eq!(refused.retry_after, Some(Duration::from_secs(42)));
        }
        assert_eq!(world.slow_hashes(), hashes);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        world.clock.pass(42);
        assert_eq!(refusal(world.send_from(OUTSIDER, unknown_secret()).await).reason, "invalid_client");
    })
    .await;
}

#[tokio::test]
async fn an_owner_who_mistypes_is_not_slowed_down_by_outsiders() {
    everywhere_with(three(), async |world| {
        let secret = world.secret(PORTAL).await;
        for number in 0..20 {
            let request = unknown_secret();
            let refused = refusal(world.send_from(&format!("198.51.100.{number}"), request).await);
            assert_eq!(refused.reason, "invalid_client");
        }
        assert_eq!(refusal(world.send(unknown_secret()).await).reason, "invalid_client");
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
    })
    .await;
}

/// What the audit says of failures: client, address, count, minute.
async fn audited(world: &World) -> Vec<(Uuid, Value, Value)> {
    let rows = world.audit().await.into_iter().filter(|row| row.kind == "PORTAL_TOKEN_EXCHANGE_FAILED");
    let rows = rows.inspect(|row| assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, None)));
    let mut rows: Vec<_> = rows.map(|row| (row.subject, row.context["request_ip"].clone(), row.data)).collect();
    rows.sort_by_key(|(_, ip, _)| ip.to_string());
    rows
}

#[tokio::test]
async fn failures_are_audited_once_for_client_address_and_minute() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        for (ip, request) in [
            ("192.0.2.1", unknown_secret()),
            ("192.0.2.1", exchange(PORTAL, "garbage")),
            ("192.0.2.2", unknown_secret()),
            ("192.0.2.3", ExchangeSecretRequest { client_id: "ci".into(), ..unknown_secret() }),
            ("192.0.2.4", exchange(Uuid::from_u128(0xfe), unknown_secret().secret.as_str())),
        ] {
            assert_eq!(refusal(world.send_from(ip, request).await).reason, "invalid_client");
        }
        world.service.write_failures(at(41)).await;
        assert!(audited(world).await.is_empty(), "the minute isn't over");
        world.service.write_failures(at(42)).await;
        world.service.write_failures(at(42)).await;
        let minute = at(0) - TimeDelta::seconds(18);
        let row = |ip: &str, count: u32| {
            (PORTAL, json!(ip), json!({ "portal_uuid": PORTAL, "minute": minute, "count": count }))
        };
        assert_eq!(audited(world).await, [row("192.0.2.1", 2), row("192.0.2.2", 1)], "of known portals only");
    })
    .await;
}

#[tokio::test]
async fn a_stop_writes_failures_of_the_minute_under_way() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        let tasks = Tasks::default();
        let service = world.opened_among(&tasks).await;
        assert_eq!(refusal(send_to(&service, OUTSIDER, unknown_secret()).await).reason, "invalid_client");
        assert!(tasks.stop(Duration::from_secs(20)).await);
        assert_eq!(audited(world).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_stop_writes_failures_of_requests_that_it_waited_for() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        let tasks = Tasks::default();
        let service = world.opened_among(&tasks).await;
        let stopping = tasks.stopping();
        // A connection that outlives the beginning of the stop, and fails then.
        tasks.attend(async move {
            stopping.cancelled().await;
            let failed = send_to(&service, OUTSIDER, unknown_secret()).await;
            assert_eq!(refusal(failed).reason, "invalid_client");
        });
        assert!(tasks.stop(Duration::from_secs(20)).await);
        assert_eq!(audited(world).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_audited_now_is_audited_later() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        refusal(world.send(unknown_secret()).await);
        world.tamper("ALTER TABLE audit_events RENAME TO hidden", vec![]).await;
        world.service.write_failures(at(42)).await;
        world.tamper("ALTER TABLE hidden RENAME TO audit_events", vec![]).await;
        world.service.write_failures(at(42)).await;
        assert_eq!(audited(world).await.len(), 1);
    })
    .await;
}
