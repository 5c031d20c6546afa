//! Opening, and the first user.

use kit::{boot::Readiness, canary::WrongKeys, credential::Kind, db::Database, error::chain};

use serde_json::Value;
use uuid::Uuid;

use super::world::{ORGANIZATION, everywhere, first_user, random_token, root_key, write_keys};
use crate::{Config, Service, StartError};

#[tokio::test]
async fn an_opened_service_is_ready() {
    everywhere(async |world| assert_eq!(world.service.ready().await, Ok(()))).await;
}

#[tokio::test]
async fn another_key_file_is_refused_and_the_ids_are_named() {
    everywhere(async |world| {
        for (keys, given) in [
            (vec![root_key("k1", 9)], "holds k1"),
            (vec![root_key("k9", 1)], "holds k9"),
            (vec![root_key("k2", 2), root_key("k1", 9)], "holds k2, k1"),
        ] {
            write_keys(&world.config.keys_file, &keys);
            let error = world.reopened(world.config.clone()).await.err().unwrap();
            assert!(matches!(error, StartError::WrongKeys(WrongKeys::Stranger { .. })), "{error:?}");
            let sentence = error.to_string();
            assert!(sentence.contains("isn't the one that this database was made with"), "{sentence}");
            let named = format!("{} {given}, the database knows k1", world.config.keys_file.display());
            assert!(sentence.ends_with(&named), "{sentence}");
        }
        write_keys(&world.config.keys_file, &[root_key("k1", 1)]);
        world.reopened(world.config.clone()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_known_from_then_on() {
    everywhere(async |world| {
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        world.reopened(world.config.clone()).await.unwrap();
        write_keys(&world.config.keys_file, &[root_key("k2", 2)]);
        world.reopened(world.config.clone()).await.unwrap();
        write_keys(&world.config.keys_file, &[root_key("k2", 3)]);
        assert!(world.reopened(world.config.clone()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_is_not_this_versions_is_refused() {
    everywhere(async |world| {
        world.tamper("UPDATE token_migrations SET version = 'm9999_future' WHERE version LIKE 'm0002%'", vec![]).await;
        let error = world.reopened(world.config.clone()).await.err().unwrap();
        assert!(chain(&error).contains("made by another version of portals"), "{}", chain(&error));
        assert!(Service::migrate(&world.config).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn nothing_starts_without_schema_or_keys() {
    everywhere(async |world| {
        let empty = Database::sqlite_url(&world.directory.join("empty.db"));
        let error = world.reopened(Config { database_url: empty, ..world.config.clone() }).await.err().unwrap();
        assert!(chain(&error).contains("run `portals migrate` first"), "{}", chain(&error));
        let nowhere = world.directory.join("nowhere");
        let error = world.reopened(Config { keys_file: nowhere, ..world.config.clone() }).await.err().unwrap();
        assert!(chain(&error).contains("the key file can't be read"), "{}", chain(&error));
    })
    .await;
}

#[tokio::test]
async fn the_first_user_is_made_once() {
    everywhere(async |world| {
        assert!(world.service.has_users().await.unwrap());
        world.service.create_first_user(first_user(&random_token(Kind::Api))).await.unwrap();
        assert_eq!(world.rows("SELECT uuid FROM users").await.len(), 1);
        let audit = world.audit().await;
        assert_eq!(audit.len(), 3, "{audit:?}");
        for (kind, organization) in [
            ("USER_CREATED", Uuid::nil()),
            ("ORGANIZATION_MEMBER_CREATED", ORGANIZATION),
            ("API_ACCESS_TOKEN_CREATED", ORGANIZATION),
        ] {
            let row = audit.iter().find(|row| row.kind == kind).unwrap();
            assert_eq!((row.organization, &row.actor, &row.context), (organization, &None, &Value::Null));
        }
        world.tamper("DELETE FROM users", vec![]).await;
        assert!(!world.service.has_users().await.unwrap());
        assert_eq!(world.rows("SELECT uuid FROM api_tokens").await.len(), 0, "what belongs to a user goes with it");
    })
    .await;
}
