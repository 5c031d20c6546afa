//! When a secret is hashed, and what becomes of its row then.

use super::{
    secrets::{Secret, exchange, send_to},
    world::{PORTAL, at, everywhere, refusal, root_key, write_keys},
};
use crate::domain::password;

use super::exchange_secret::{OTHER, bytes, random_secret};

#[tokio::test]
async fn a_wrong_secret_that_slips_through_the_gate_is_refused_by_the_slow_hash_each_time() {
    everywhere(async |world| {
        let (secret, wrong) = (world.secret(PORTAL).await, random_secret());
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        let form = bytes(&world.exchange_secret(PORTAL, &random_secret()).await.unwrap_err());
        world.disguise(&secret, &wrong, true).await;
        let hashes = world.slow_hashes();
        for _ in 0..2 {
            assert_eq!(bytes(&world.exchange_secret(PORTAL, &wrong).await.unwrap_err()), form);
        }
        assert_eq!(world.slow_hashes(), hashes + 2);
    })
    .await;
}

#[tokio::test]
async fn a_good_client_pays_for_the_slow_hash_once_in_ten_minutes() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let hashes = world.slow_hashes();
        let (one, two) =
            tokio::join!(world.exchange_secret(PORTAL, &secret.plain), world.exchange_secret(PORTAL, &secret.plain));
        assert_ne!(one.unwrap().token, two.unwrap().token);
        world.clock.pass(599);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        assert_eq!(world.slow_hashes(), hashes + 1);
        world.clock.pass(1);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        assert_eq!(world.slow_hashes(), hashes + 2);
    })
    .await;
}

#[tokio::test]
async fn a_warm_secret_is_refused_as_soon_as_it_expires_or_its_portal_is_revoked() {
    everywhere(async |world| {
        let (secret, other) = (world.secret(PORTAL).await, world.secret(OTHER).await);
        for (portal, secret) in [(PORTAL, &secret), (OTHER, &other)] {
            world.exchange_secret(portal, &secret.plain).await.unwrap();
        }
        let values = vec![at(5).into(), secret.uuid.into()];
        world.tamper("UPDATE portal_secrets SET expires_at = $1 WHERE uuid = $2", values).await;
        world.clock.pass(4);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        world.clock.pass(1);
        assert_eq!(refusal(world.exchange_secret(PORTAL, &secret.plain).await).reason, "invalid_client");
        let values = vec![at(5).into(), OTHER.into()];
        world.tamper("UPDATE known_portals SET revoked_at = $1 WHERE portal_uuid = $2", values).await;
        assert_eq!(refusal(world.exchange_secret(OTHER, &other.plain).await).reason, "invalid_client");
    })
    .await;
}

#[tokio::test]
async fn a_use_under_an_old_key_makes_the_gate_anew() {
    everywhere(async |world| {
        let (used, unused) = (world.secret(PORTAL).await, world.secret(PORTAL).await);
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        let both = world.reopened(world.config.clone()).await.unwrap();
        let send = async |service, secret: &Secret| {
            send_to(service, "192.0.2.1", exchange(PORTAL, secret.plain.expose())).await
        };
        send(&both, &used).await.unwrap();
        let ids = world.rows("SELECT key_id FROM portal_secrets ORDER BY key_id").await;
        let ids: Vec<String> = ids.iter().map(|row| row.try_get("", "key_id").unwrap()).collect();
        assert_eq!(ids, ["k1", "k2"]);
        write_keys(&world.config.keys_file, &[root_key("k2", 2)]);
        let new = world.reopened(world.config.clone()).await.unwrap();
        send(&new, &used).await.unwrap();
        assert_eq!(refusal(send(&new, &unused).await).reason, "invalid_client");
    })
    .await;
}

#[tokio::test]
async fn weak_parameters_are_raised_on_use() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let weak = password::weak_hash(secret.plain.expose());
        world.tamper("UPDATE portal_secrets SET hash = $1", vec![weak.into()]).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        let hash: String = world.rows("SELECT hash FROM portal_secrets").await[0].try_get("", "hash").unwrap();
        assert!(hash.starts_with("$pbkdf2-sha256$i=600000,"), "{hash}");
        assert!(password::verify(secret.plain.expose(), &hash).matches);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
    })
    .await;
}
