//! A root key that is retired while a process still makes what is new under it.

use std::time::Duration;

use contracts::{
    credential::v1::CreateServiceTokenRequest,
    token::v1::{CreateCodeRequest, CreateCodeResponse, VerifyPortalTokenRequest},
};
use kit::{boot::Tasks, db::Database, error::Code, grpc::Refusal};
use sea_orm::ConnectionTrait;
use tokio::time::timeout;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{operator, wanted},
    secrets::{Secret, create, portal},
    world::{
        ORGANIZATION, PORTAL, World, at, client, everywhere, from_outside, from_service, issue, refusal, root_key,
        write_keys,
    },
};
use crate::{Config, Error, keys::Desk};

const ADA: &str = "ada@example.com";
const PATIENCE: Duration = Duration::from_secs(20);
/// What carries a key's id.
const TABLES: [&str; 5] = ["portal_tokens", "api_tokens", "portal_secrets", "codes", "sessions"];

async fn desk(world: &World) -> Desk {
    Desk::open(&world.config, &world.service.0.ambient).await.unwrap()
}

/// Lets the service and the database know a second key.
async fn add(world: &World) {
    write_keys(&world.config.keys_file, &[root_key("k1", 1), root_key("k2", 2)]);
    world.service.reload_keys().await;
}

/// What another process does that retires a key.
async fn forget(world: &World, key: &str) {
    let gone = Vec::<u8>::new();
    world.tamper("UPDATE key_canaries SET canary = $1 WHERE key_id = $2", vec![gone.into(), key.into()]).await;
}

async fn count(world: &World) -> usize {
    let mut rows = 0;
    for table in TABLES {
        rows += world.rows(&format!("SELECT key_id FROM {table}")).await.len();
    }
    rows
}

fn none<T>(answer: Result<T, Status>) -> Result<(), Status> {
    answer.map(|_| ())
}

impl World {
    /// Everything that makes a row under a key, with the names for it.
    async fn make_all(&self, secret: &Secret, code: &CreateCodeResponse) -> Vec<(&'static str, Result<(), Status>)> {
        let service_token = CreateServiceTokenRequest {
            portal: Some(portal(PORTAL)),
            description: String::new(),
            expires_at: None,
            allowed_ip_addresses: None,
        };
        let service_token = from_outside(service_token, Some(self.api_token.expose()));
        let code_request =
            CreateCodeRequest { organization_uuid: ORGANIZATION.to_string(), portal_uuid: PORTAL.to_string() };
        let code_request = from_service(code_request, None);
        vec![
            ("issue", none(self.client().issue_service_token(from_service(issue(PORTAL), None)).await)),
            ("service token", none(self.credentials().create_service_token(service_token).await)),
            ("secret", none(self.ask_for_secret(create(PORTAL)).await)),
            ("exchange", none(self.exchange_secret(PORTAL, &secret.plain).await)),
            ("code", none(self.client().create_code(code_request).await)),
            ("exchange of a code", none(self.exchange(code).await)),
            ("session", none(self.sign_in(ADA, "correct horse").await)),
            ("api token", none(operator(self).create_api_token(from_service(wanted(ADA), None)).await)),
        ]
    }
}

#[tokio::test]
async fn nothing_is_made_under_a_key_that_is_retired_until_the_file_is_read_again() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let code = world.approved_code().await;
        add(world).await;
        forget(world, "k1").await;
        let before = count(world).await;
        for (what, made) in world.make_all(&secret, &code).await {
            let refused = refusal(made);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "key_retired"), "{what}");
            assert_eq!(refused.retry_after, Some(Duration::from_secs(1)), "{what}");
        }
        assert_eq!(count(world).await, before);
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        world.service.reload_keys().await;
        world.clock.pass(5);
        for (what, made) in world.make_all(&secret, &code).await {
            assert!(made.is_ok(), "{what}: {made:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_is_not_moved_to_a_key_that_is_retired() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await;
        let service = world.quiet().await;
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        service.reload_keys().await;
        let verify = from_service(VerifyPortalTokenRequest {}, Some(&issued.token));
        client(&service).verify_portal_token(verify).await.unwrap();
        forget(world, "k2").await;
        service.flush_rekeys().await;
        let keys = world.rows("SELECT key_id FROM portal_tokens").await;
        assert_eq!(keys[0].try_get::<String>("", "key_id").unwrap(), "k1");
    })
    .await;
}

#[tokio::test]
async fn exchanges_under_a_live_key_do_not_fail_with_one_under_a_retired_key() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        add(world).await;
        let under_old = world.to_write(&secret).await;
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        world.service.reload_keys().await;
        let under_new = world.to_write(&secret).await;
        forget(world, "k1").await;
        let outcomes = world.service.0.exchanges.write(vec![under_old, under_new]).await;
        assert!(matches!(outcomes[..], [Err(Error::KeyRetired), Ok(Ok(()))]), "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_rows_need_is_counted_and_stays() {
    everywhere(async |world| {
        let desk = desk(world).await;
        add(world).await;
        let token = world.issued(PORTAL).await.token;
        let needed = desk.forget("k1").await.unwrap();
        assert_eq!(needed.into_iter().collect::<Vec<_>>(), [("API access tokens", 1), ("portal tokens", 1)]);
        world.issued(PORTAL).await;
        world.verify(&token).await.unwrap();
        assert!(desk.forget("k2").await.unwrap().is_empty());
        assert_eq!(world.rows("SELECT key_id FROM key_canaries WHERE length(canary) > 0").await.len(), 1);
    })
    .await;
}

/// The race itself: a row is being made, and isn't committed, when the key is to be retired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_being_made_is_waited_for_and_counted() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        world.tamper("UPDATE portal_tokens SET revoked_at = created_at", vec![]).await;
        world.tamper("UPDATE api_tokens SET revoked_at = created_at", vec![]).await;
        let (desk, database) = (desk(world).await, Database::open(&world.config.database_url).await.unwrap());
        assert!(desk.count_rows_under("k1").await.unwrap().is_empty());
        let making = database.begin().await.unwrap();
        assert!(kit::canary::hold(&making, &["k1"].into()).await.unwrap());
        making.execute_unprepared("UPDATE portal_tokens SET revoked_at = NULL").await.unwrap();
        let mut forgetting = std::pin::pin!(desk.forget("k1"));
        assert!(timeout(Duration::from_millis(300), &mut forgetting).await.is_err(), "it waits");
        making.commit().await.unwrap();
        let needed = timeout(PATIENCE, forgetting).await.unwrap().unwrap();
        assert_eq!(needed.into_iter().collect::<Vec<_>>(), [("portal tokens", 1)]);
        assert!(kit::canary::hold(&database.begin().await.unwrap(), &["k1"].into()).await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_row_is_left_behind_whatever_comes_first() {
    everywhere(async |world| {
        world.tamper("UPDATE api_tokens SET revoked_at = created_at", vec![]).await;
        add(world).await;
        let desk = desk(world).await;
        let tasks = Tasks::default();
        for number in 0..8_u128 {
            let mut client = client(&world.service);
            tasks.spawn(async move {
                for round in 0..16 {
                    let issued = issue(Uuid::from_u128(0x1000 + number * 100 + round));
                    if let Err(status) = client.issue_service_token(from_service(issued, None)).await {
                        assert_eq!(Refusal::of(&status).reason, "key_retired");
                        return;
                    }
                }
            });
        }
        // Until the moment before, nothing needs the key: what is there is ended again and again.
        let end = "UPDATE portal_tokens SET revoked_at = created_at WHERE revoked_at IS NULL";
        let forget = async {
            loop {
                world.tamper(end, vec![]).await;
                if desk.forget("k1").await.unwrap().is_empty() {
                    return;
                }
            }
        };
        timeout(PATIENCE, forget).await.unwrap();
        assert!(tasks.stop(PATIENCE).await);
        assert!(timeout(Duration::ZERO, tasks.broken()).await.is_err());
        assert!(desk.count_rows_under("k1").await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_process_says_which_keys_it_has_read_and_that_it_ends() {
    everywhere(async |world| {
        let desk = desk(world).await;
        let late = async |id: &str| {
            let late = desk.wait_for_readers(Duration::ZERO, |reader| reader.knows(id)).await.unwrap();
            late.into_iter().map(|reader| reader.key_ids.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(late("k1").await, [""; 0]);
        let (copy, tasks) = (world.directory.join("copy.key"), Tasks::default());
        write_keys(&copy, &[root_key("k1", 1)]);
        let config = Config { keys_file: copy.clone(), ..world.config.clone() };
        let elsewhere = world.reopened_in(config, &tasks).await.unwrap();
        assert_eq!(late("k2").await, ["k1", "k1"]);
        add(world).await;
        assert_eq!(late("k2").await, ["k1"], "one hasn't read its file yet");
        write_keys(&copy, &[root_key("k1", 1), root_key("k2", 2)]);
        let is_empty = timeout(PATIENCE, desk.wait_for_readers(PATIENCE, |reader| reader.knows("k2"))).await;
        assert!(is_empty.unwrap().unwrap().is_empty(), "it reads it by itself, and is waited for");
        assert!(desk.readers().await.unwrap().iter().all(|reader| reader.uses("k1")));
        drop(elsewhere);
        assert!(tasks.stop(PATIENCE).await);
        assert_eq!(desk.readers().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_process_that_was_killed_is_forgotten_after_an_hour_and_a_running_one_is_not() {
    everywhere(async |world| {
        let killed =
            "INSERT INTO key_readers (uuid, name, key_ids, beats, seen_at) VALUES ($1, 'killed/1', 'k1', 7, $2)";
        world.tamper(killed, vec![PORTAL.into(), at(0).into()]).await;
        world.clock.pass(3_601);
        world.service.say_keys().await.unwrap();
        world.service.sweep().await;
        let left = desk(world).await.readers().await.unwrap();
        assert!(left.len() == 1 && left[0].name != "killed/1", "{left:?}");
    })
    .await;
}
