//! `DeleteSecret`.

use kit::error::Code;
use sea_orm::QueryResult;
use serde_json::json;
use uuid::Uuid;

use super::world::{PORTAL, everywhere, refusal};

const OTHER: Uuid = Uuid::from_u128(0x0c);

#[tokio::test]
async fn a_removed_secret_is_refused_at_once_and_its_tokens_die() {
    everywhere(async |world| {
        let (removed, kept) = (world.secret(PORTAL).await, world.secret(PORTAL).await);
        let mut dead = Vec::new();
        for _ in 0..2 {
            dead.push(world.exchange_secret(PORTAL, &removed.plain).await.unwrap().token);
        }
        let alive = world.exchange_secret(PORTAL, &kept.plain).await.unwrap().token;
        assert_eq!(world.delete_secret(PORTAL, removed.uuid, false).await.unwrap(), 2);
        assert_eq!(refusal(world.exchange_secret(PORTAL, &removed.plain).await).reason, "invalid_client");
        for token in &dead {
            assert_eq!(refusal(world.verify(token).await).reason, "authentication_required");
        }
        world.verify(&alive).await.unwrap();
        world.exchange_secret(PORTAL, &kept.plain).await.unwrap();
        let listed: Vec<_> = world.list_secrets(PORTAL).await.into_iter().map(|secret| secret.uuid).collect();
        assert_eq!(listed, [kept.uuid.to_string()]);
    })
    .await;
}

#[tokio::test]
async fn the_removal_and_each_token_are_audited_and_one_revocation_is_announced() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        for _ in 0..2 {
            world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        }
        world.delete_secret(PORTAL, secret.uuid, false).await.unwrap();
        let audit = world.audit().await;
        let removed = audit.iter().find(|row| row.kind == "PORTAL_SECRET_DELETED").unwrap();
        assert_eq!((removed.actor.as_deref(), removed.subject), (Some("Ada"), secret.uuid));
        let data = json!({ "portal_uuid": PORTAL, "last_four": secret.plain.last_four(), "keep_tokens": false });
        assert_eq!(removed.data, data);
        let tokens: Vec<_> = audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_DELETED").collect();
        let data = json!({ "portal_uuid": PORTAL, "secret_uuid": secret.uuid });
        assert!(tokens.len() == 2 && tokens.iter().all(|row| row.data == data), "{tokens:?}");
        let events = world.rows("SELECT subject_uuid, kinds FROM revocations").await;
        let read = |row: &QueryResult| {
            (row.try_get::<Uuid>("", "subject_uuid").unwrap(), row.try_get::<String>("", "kinds").unwrap())
        };
        assert_eq!(events.iter().map(read).collect::<Vec<_>>(), [(secret.uuid, String::new())]);
    })
    .await;
}

#[tokio::test]
async fn kept_tokens_run_out_by_themselves() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let token = world.exchange_secret(PORTAL, &secret.plain).await.unwrap().token;
        assert_eq!(world.delete_secret(PORTAL, secret.uuid, true).await.unwrap(), 0);
        world.verify(&token).await.unwrap();
        assert_eq!(refusal(world.exchange_secret(PORTAL, &secret.plain).await).reason, "invalid_client");
        assert!(world.rows("SELECT sequence FROM revocations").await.is_empty());
        world.clock.pass(15 * 60);
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn tokens_that_ran_out_are_not_counted() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        world.clock.pass(15 * 60);
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        assert_eq!(world.delete_secret(PORTAL, secret.uuid, false).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    everywhere(async |world| {
        let (secret, other) = (world.secret(PORTAL).await, world.secret(OTHER).await);
        world.delete_secret(PORTAL, secret.uuid, false).await.unwrap();
        for missing in [secret.uuid, other.uuid, Uuid::from_u128(0xfe)] {
            let refused = refusal(world.delete_secret(PORTAL, missing, false).await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No secret found"));
        }
        world.exchange_secret(OTHER, &other.plain).await.unwrap();
    })
    .await;
}
