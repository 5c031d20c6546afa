//! Root keys that change while the service runs.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use kit::{boot::Tasks, keys::RootKey};
use uuid::Uuid;

use super::world::{ORGANIZATION, PORTAL, World, at, client, everywhere, from_service, issue, root_key, write_keys};
use crate::{Service, keys::Desk};
use contracts::token::v1::{VerifyApiTokenRequest, VerifyPortalTokenRequest};

const PATIENCE: Duration = Duration::from_secs(20);

fn old() -> RootKey {
    root_key("k1", 1)
}

fn new() -> RootKey {
    root_key("k2", 2)
}

async fn turn(world: &World, keys: &[RootKey]) {
    write_keys(&world.config.keys_file, keys);
    world.service.reload_keys().await;
}

async fn ids(world: &World, table: &str) -> Vec<String> {
    let rows = world.rows(&format!("SELECT key_id FROM {table} ORDER BY key_id")).await;
    rows.iter().map(|row| row.try_get("", "key_id").unwrap()).collect()
}

fn live(world: &World) -> Vec<String> {
    world.service.0.keyring.live().iter().map(|key| key.id().to_owned()).collect()
}

async fn verify_api_token(world: &World) {
    let request = VerifyApiTokenRequest { organization_uuid: None };
    world.client().verify_api_token(from_service(request, Some(world.api_token.expose()))).await.unwrap();
}

async fn desk(world: &World) -> Desk {
    Desk::open(&world.config, &world.service.0.ambient).await.unwrap()
}

/// Rows under a key, by what they are.
async fn needs(world: &World, key: &str) -> Vec<(&'static str, u64)> {
    desk(world).await.count_rows_under(key).await.unwrap().into_iter().collect()
}

#[tokio::test]
async fn rows_move_to_the_key_in_use_as_they_are_used_and_the_old_one_can_go() {
    everywhere(async |world| {
        let (used, unused) = (world.issued(PORTAL).await, world.issued(PORTAL).await);
        turn(world, &[old(), new()]).await;
        world.verify(&used.token).await.unwrap();
        world.service.flush_rekeys().await;
        assert_eq!(ids(world, "portal_tokens").await, ["k1", "k1"], "the new key isn't used before it is first");
        turn(world, &[new(), old()]).await;
        world.issued(PORTAL).await;
        world.verify(&used.token).await.unwrap();
        verify_api_token(world).await;
        world.service.flush_rekeys().await;
        assert_eq!(
            (ids(world, "portal_tokens").await, ids(world, "api_tokens").await),
            (vec!["k1".into(), "k2".into(), "k2".into()], vec!["k2".to_owned()])
        );
        world.verify(&used.token).await.unwrap();
        assert_eq!(needs(world, "k1").await, [("portal tokens", 1)]);
        world.verify(&unused.token).await.unwrap();
        world.service.flush_rekeys().await;
        assert_eq!(needs(world, "k1").await, []);
        turn(world, &[new()]).await;
        for token in [&used.token, &unused.token] {
            world.verify(token).await.unwrap();
        }
        verify_api_token(world).await;
    })
    .await;
}

#[tokio::test]
async fn verifiers_forget_what_they_keep_when_another_key_is_in_use() {
    everywhere(async |world| {
        // It would read the file too, and tell them once more.
        assert!(world.service.0.tasks.stop(PATIENCE).await);
        let service = world.quiet().await;
        let turned = async |keys: &[RootKey]| {
            write_keys(&world.config.keys_file, keys);
            service.reload_keys().await;
            let head = service.0.store.revocation_head().await.unwrap();
            let events = service.0.store.revocations(0, head, 100).await.unwrap();
            (head, events.into_iter().map(|event| (event.sequence, event.subject)).collect::<Vec<_>>())
        };
        assert_eq!(turned(&[old(), new()]).await, (0, vec![]), "the old one is still in use");
        let gap = vec![(2, Uuid::nil())];
        assert_eq!(turned(&[new(), old()]).await, (2, gap.clone()), "a verifier that has applied 0 has missed 1");
        assert_eq!(turned(&[new(), old()]).await, (2, gap.clone()), "once");
        let again = vec![(2, Uuid::nil()), (4, Uuid::nil())];
        assert_eq!(turned(&[new()]).await, (4, again), "what the lost key made has ended");
    })
    .await;
}

#[tokio::test]
async fn only_what_lives_needs_its_key() {
    everywhere(async |world| {
        let (_live, expired, revoked) = (world.issued(PORTAL).await, world.issued(PORTAL).await, world.issued(PORTAL).await);
        let uuid = |text: &str| Uuid::parse_str(text).unwrap().into();
        let end = |column| format!("UPDATE portal_tokens SET {column} = $1 WHERE uuid = $2");
        world.tamper(&end("expires_at"), vec![at(9).into(), uuid(&expired.token_uuid)]).await;
        world.tamper(&end("revoked_at"), vec![at(9).into(), uuid(&revoked.token_uuid)]).await;
        let user: Uuid = world.rows("SELECT uuid FROM users").await[0].try_get("", "uuid").unwrap();
        for (number, state) in [(1_u8, "pending"), (2, "denied")] {
            let code = "INSERT INTO codes (uuid, code_tag, secret_tag, key_id, organization_uuid, portal_uuid, state, \
                        wrong_secrets, created_at, expires_at) VALUES ($1, $2, $2, 'k1', $3, $3, $4, 0, $5, $6)";
            let (id, tag) = (Uuid::from_u128(number.into()), vec![number; 32]);
            let values = vec![id.into(), tag.into(), PORTAL.into(), state.into(), at(0).into(), at(300).into()];
            world.tamper(code, values).await;
        }
        let session = "INSERT INTO sessions (uuid, tag, key_id, user_uuid, created_at, last_seen_at) \
                       VALUES ($1, $2, 'k1', $1, $3, $3)";
        world.tamper(session, vec![user.into(), vec![1_u8; 32].into(), at(0).into()]).await;
        let secret = "INSERT INTO portal_secrets (uuid, organization_uuid, portal_uuid, slot, selector, hash, gate, \
                      key_id, last_four, description, created_at, created_by_uuid, created_by_name, created_by_email, \
                      created_by_created_at) VALUES ($1, $2, $1, 0, 's', 'h', 1, 'k1', 'abcd', '', $3, $1, 'n', 'e', $3)";
        world.tamper(secret, vec![PORTAL.into(), ORGANIZATION.into(), at(0).into()]).await;
        let all = [("API access tokens", 1), ("codes", 1), ("portal secrets", 1), ("portal tokens", 2), ("sessions", 1)];
        assert_eq!(needs(world, "k1").await, all);
        assert_eq!(needs(world, "k2").await, []);
        world.clock.pass(13 * 3_600);
        assert_eq!(
            needs(world, "k1").await,
            [("API access tokens", 1), ("portal secrets", 1), ("portal tokens", 1)],
            "they have ended by themselves"
        );
    })
    .await;
}

#[tokio::test]
async fn a_bad_or_strange_file_changes_nothing() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        for strange in [vec![root_key("k1", 9)], vec![root_key("k9", 9)], vec![root_key("k1", 9), root_key("k9", 9)]] {
            turn(world, &strange).await;
            assert_eq!(live(world), ["k1"]);
            world.verify(&token).await.unwrap();
        }
        for broken in ["", "k1 abc\n", "no key at all"] {
            fs::write(&world.config.keys_file, broken).unwrap();
            world.service.reload_keys().await;
            world.verify(&token).await.unwrap();
        }
        fs::remove_file(&world.config.keys_file).unwrap();
        world.service.reload_keys().await;
        world.verify(&token).await.unwrap();
        turn(world, &[old(), new()]).await;
        assert_eq!(live(world), ["k1", "k2"], "a good file is used again");
        assert_eq!(world.rows("SELECT key_id FROM key_canaries").await.len(), 2, "no stranger is known from then on");
    })
    .await;
}

#[tokio::test]
async fn forms_of_a_session_outlive_the_rotation() {
    everywhere(async |world| {
        let session = super::world::random_token(kit::credential::Kind::Session);
        let form = world.service.csrf().token(&session);
        for keys in [vec![old(), new()], vec![new(), old()]] {
            turn(world, &keys).await;
            assert!(world.service.csrf().accepts(&session, &form));
        }
        let form = world.service.csrf().token(&session);
        turn(world, &[new()]).await;
        assert!(world.service.csrf().accepts(&session, &form));
    })
    .await;
}

#[tokio::test]
async fn no_row_moves_to_a_key_that_was_replaced_meanwhile() {
    everywhere(async |world| {
        let (issued, service) = (world.issued(PORTAL).await, world.quiet().await);
        write_keys(&world.config.keys_file, &[new(), old()]);
        service.reload_keys().await;
        assert!(verify(&mut client(&service), &issued.token).await);
        write_keys(&world.config.keys_file, &[old(), new()]);
        service.reload_keys().await;
        service.flush_rekeys().await;
        assert_eq!(ids(world, "portal_tokens").await, ["k1"]);
        write_keys(&world.config.keys_file, &[new(), old()]);
        service.reload_keys().await;
        assert!(verify(&mut client(&service), &issued.token).await);
        service.flush_rekeys().await;
        assert_eq!(ids(world, "portal_tokens").await, ["k2"]);
    })
    .await;
}

/// What verifies and issues without a pause, and whether any of it failed.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    tasks: Tasks,
}

impl Load {
    fn on(service: &Service, tokens: Vec<String>) -> Self {
        let load = Self { stop: Arc::default(), done: Arc::default(), failed: Arc::default(), tasks: Tasks::default() };
        for (number, token) in (0_u128..).zip(tokens) {
            let (stop, done, failed) = (Arc::clone(&load.stop), Arc::clone(&load.done), Arc::clone(&load.failed));
            let mut client = client(service);
            load.tasks.spawn(async move {
                let mut portal = 0x1000 * (number + 1);
                while !stop.load(Ordering::SeqCst) {
                    portal += 1;
                    let verified = verify(&mut client, &token).await;
                    let issued = client.issue_service_token(from_service(issue(Uuid::from_u128(portal)), None)).await;
                    let ok = verified && verify(&mut client, &issued.unwrap().into_inner().token).await;
                    done.fetch_add(1, Ordering::SeqCst);
                    failed.fetch_add(u64::from(!ok), Ordering::SeqCst);
                }
            });
        }
        load
    }

    /// Lets it do some more.
    async fn goes_on(&self) {
        let enough = self.done.load(Ordering::SeqCst) + 12;
        let more = async {
            while self.done.load(Ordering::SeqCst) < enough {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, more).await.expect("the load goes on");
    }

    async fn ends(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        assert!(self.tasks.stop(PATIENCE).await);
        self.failed.load(Ordering::SeqCst)
    }
}

async fn verify(
    client: &mut contracts::token::v1::token_service_client::TokenServiceClient<kit::grpc::Peer>,
    token: &str,
) -> bool {
    client.verify_portal_token(from_service(VerifyPortalTokenRequest {}, Some(token))).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_rotated_under_load_and_nothing_fails() {
    everywhere(async |world| {
        let mut tokens = Vec::new();
        for number in 0..4 {
            tokens.push(world.issued(Uuid::from_u128(number)).await.token);
        }
        let load = Load::on(&world.service, tokens);
        load.goes_on().await;
        for keys in [vec![old(), new()], vec![new(), old()]] {
            // The service itself sees that the file has changed.
            write_keys(&world.config.keys_file, &keys);
            let ids: Vec<_> = keys.iter().map(|key| key.id().to_owned()).collect();
            let seen = async {
                while live(world) != ids {
                    load.goes_on().await;
                }
            };
            tokio::time::timeout(PATIENCE, seen).await.expect("the file is read again");
            load.goes_on().await;
        }
        // What was issued under the old key and isn't used is what retiring would lose: it is counted.
        assert!(needs(world, "k1").await.iter().any(|(what, _)| *what == "portal tokens"));
        world
            .tamper(
                "UPDATE portal_tokens SET revoked_at = $1 WHERE key_id = 'k1' AND portal_uuid > $2",
                vec![at(0).into(), Uuid::from_u128(3).into()],
            )
            .await;
        verify_api_token(world).await;
        let moved = async {
            while !needs(world, "k1").await.is_empty() {
                load.goes_on().await;
            }
        };
        tokio::time::timeout(PATIENCE, moved).await.expect("rows that are used move");
        turn(world, &[new()]).await;
        load.goes_on().await;
        assert_eq!(load.ends().await, 0, "no request failed");
    })
    .await;
}
