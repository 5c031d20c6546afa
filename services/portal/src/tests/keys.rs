//! Root keys that change while the service runs.

use std::fs;

use contracts::webhook::v1::DeliveryState;
use kit::keys::RootKey;

use super::{
    api::Api,
    receiver::Receiver,
    upstreams::{HEADER, SDL, abroad, create, fault_of, refresh},
    webhook_calls::{self, hooked},
    webhook_deliveries::{come_to, ping, tried},
    world::World,
};
use crate::count_rows_under;

/// Writes the key file: the keys of these numbers, the first in use.
fn write(world: &World, keys: &[u8]) {
    let line = |number: &u8| RootKey::new(format!("k{number}"), [*number; 32]).to_line().as_str().to_owned();
    let lines: Vec<_> = keys.iter().map(line).collect();
    fs::write(&world.service.0.config.keys_file, lines.join("\n")).unwrap();
}

async fn needed(world: &World, key: &str) -> Vec<(&'static str, u64)> {
    count_rows_under(world.service.0.store.database().read(), key).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn headers_move_to_the_key_in_use_and_the_old_one_may_go() {
    abroad(async |world| {
        let (api, parts) = (Api::start(SDL).await, &world.service.0);
        for slug in ["away", "b", "c"] {
            create(&world, &api, |asked| asked.slug = slug.into()).await.unwrap();
        }
        assert_eq!(needed(&world, "k1").await, [("headers of upstreams", 3)]);
        for keys in [&[1, 2][..], &[2, 1]] {
            write(&world, keys);
            parts.reload_keys().await;
            parts.reseal().await.unwrap();
        }
        assert_eq!((needed(&world, "k1").await, needed(&world, "k2").await.len()), (Vec::new(), 1));
        write(&world, &[2]);
        parts.reload_keys().await;
        let refreshed = refresh(&world).await.unwrap().upstream.unwrap();
        assert_eq!(fault_of(&refreshed), "");
        assert!(api.last_head().contains(&HEADER.to_lowercase()));
    })
    .await;
}

#[tokio::test]
async fn tokens_of_notification_services_move_to_the_key_in_use() {
    hooked(async |world| {
        let (receiver, parts) = (Receiver::start().await, &world.service.0);
        let mut hooks = Vec::new();
        for _ in 0..3 {
            hooks.push(webhook_calls::create(&world, &receiver.url(), |_| {}).await.unwrap());
        }
        assert_eq!(needed(&world, "k1").await, [("tokens of notification services", 3)]);
        for keys in [&[1, 2][..], &[2, 1]] {
            write(&world, keys);
            parts.reload_keys().await;
            parts.reseal().await.unwrap();
        }
        assert_eq!(needed(&world, "k2").await, [("tokens of notification services", 3)]);
        write(&world, &[2]);
        parts.reload_keys().await;
        ping(&world, &hooks[2]).await;
        come_to(&world, &hooks[2], DeliveryState::Delivered, 1).await;
        assert_eq!(receiver.letters()[0].header("x-buildkite-token"), Some(webhook_calls::TOKEN));
        // One whose key isn't in the file is told nothing, and its deliveries say why.
        world.sql("UPDATE notification_services SET key_id = 'k9'").await;
        ping(&world, &hooks[1]).await;
        let fault = tried(&world, &hooks[1], 1).await.fault;
        assert!(fault.starts_with("The token can't be read"), "{fault}");
        assert_eq!(receiver.letters().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_file_that_is_not_this_database_s_changes_nothing() {
    abroad(async |world| {
        let (api, parts) = (Api::start(SDL).await, &world.service.0);
        create(&world, &api, |_| {}).await.unwrap();
        for strange in ["no key".to_owned(), RootKey::new("k9".into(), [9; 32]).to_line().as_str().to_owned()] {
            fs::write(&parts.config.keys_file, strange).unwrap();
            parts.reload_keys().await;
            parts.reseal().await.unwrap();
            assert_eq!(fault_of(&refresh(&world).await.unwrap().upstream.unwrap()), "");
        }
        assert_eq!(needed(&world, "k1").await.len(), 1);
    })
    .await;
}

/// A key that was taken out by hand, because it leaked, ends what was kept under it.
#[tokio::test]
async fn headers_under_a_lost_key_are_sent_to_nobody() {
    abroad(async |world| {
        let (api, parts) = (Api::start(SDL).await, &world.service.0);
        create(&world, &api, |_| {}).await.unwrap();
        write(&world, &[1, 2]);
        parts.reload_keys().await;
        let asked = api.asked();
        write(&world, &[2]);
        parts.reload_keys().await;
        parts.reseal().await.unwrap();
        assert!(fault_of(&refresh(&world).await.unwrap().upstream.unwrap()).contains("key"));
        assert_eq!(api.asked(), asked);
    })
    .await;
}
