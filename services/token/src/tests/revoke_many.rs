//! The end of more tokens than one transaction takes.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{
    revoke_portal::revoke,
    sweeps::copies,
    world::{PORTAL, World, at, everywhere, from_service, refusal},
};
use contracts::{
    credential::v1::RevokeLiveTokensRequest,
    token::v1::{PortalTokenKind, RevokePortalRequest},
};

const OTHER: Uuid = Uuid::from_u128(0x0c);
const HOUR: i64 = 3_600;
/// More than two transactions take.
const MANY: i64 = 1_200;
/// What a caller waits, whatever there is to be done.
const DEADLINE: Duration = Duration::from_secs(5);

async fn live(world: &World) -> usize {
    world.rows("SELECT 1 FROM portal_tokens WHERE description = 'copy' AND revoked_at IS NULL").await.len()
}

async fn deleted(world: &World) -> usize {
    world.rows("SELECT 1 FROM audit_events WHERE type = 'PORTAL_TOKEN_DELETED'").await.len()
}

async fn events(world: &World) -> usize {
    world.rows("SELECT 1 FROM revocations").await.len()
}

async fn revoked(world: &World, request: RevokePortalRequest) -> u32 {
    world.client().revoke_portal(from_service(request, None)).await.unwrap().into_inner().revoked_tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_portal_is_revoked_in_time_and_others_go_on_meanwhile() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        copies(world, 0, 5_000, Some(HOUR), None).await;
        copies(world, 10_000, 20_000, Some(0), None).await;
        let other = world.secret(OTHER).await;
        world.exchange_secret(OTHER, &other.plain).await.unwrap();
        let began = Instant::now();
        let exchanges = async {
            let (mut longest, mut many) = (Duration::ZERO, 0);
            while live(world).await > 20_000 {
                let one = Instant::now();
                world.exchange_secret(OTHER, &other.plain).await.unwrap();
                (longest, many) = (longest.max(one.elapsed()), many + 1);
            }
            (longest, many)
        };
        let (ended, (longest, many)) = tokio::join!(revoked(world, revoke(PORTAL)), exchanges);
        let took = began.elapsed();
        assert!(took < DEADLINE && longest < DEADLINE / 2 && many > 0, "{took:?}, {longest:?}, {many}");
        assert_eq!((ended, deleted(world).await, live(world).await), (5_001, 5_001, 20_000), "no expired one");
        assert_eq!(events(world).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_caller_no_longer_waits_for_is_finished() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        copies(world, 0, MANY, None, None).await;
        let mut client = world.client();
        let call = client.revoke_portal(from_service(revoke(PORTAL), None));
        let closed = "SELECT 1 FROM known_portals WHERE revoked_at IS NOT NULL";
        let is_closed = async { while world.rows(closed).await.is_empty() {} };
        // What is dropped here is the call, before it is answered.
        tokio::select! {
            done = call => panic!("too fast to be broken off: {done:?}"),
            () = is_closed => {}
        }
        tokio::time::timeout(DEADLINE, async { while live(world).await > 0 {} }).await.unwrap();
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
        assert_eq!(revoked(world, revoke(PORTAL)).await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_was_left_behind_counts_for_nothing_and_the_next_call_ends_it() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        world.tamper("UPDATE known_portals SET revoked_at = $1", vec![at(0).into()]).await;
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
        assert_eq!((revoked(world, revoke(PORTAL)).await, deleted(world).await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn each_transaction_of_a_kind_tells_of_its_own_tokens() {
    everywhere(async |world| {
        let service = world.issued(PORTAL).await.token;
        copies(world, 0, MANY, Some(HOUR), None).await;
        let request = RevokePortalRequest { kinds: vec![PortalTokenKind::Ephemeral.into()], ..revoke(PORTAL) };
        assert_eq!((revoked(world, request.clone()).await, deleted(world).await, live(world).await), (1_200, 1_200, 0));
        assert_eq!(events(world).await, 3);
        assert_eq!(revoked(world, request).await, 0);
        world.verify(&service).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn all_live_tokens_of_a_busy_portal_end() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        copies(world, 0, MANY, Some(HOUR), None).await;
        copies(world, 10_000, 10, Some(0), None).await;
        let request = RevokeLiveTokensRequest { portal: super::console::reference(PORTAL), wait: false };
        let request = from_service(request, Some(world.api_token.expose()));
        let ended = world.credentials().revoke_live_tokens(request).await.unwrap().into_inner().revoked_tokens;
        assert_eq!((ended, deleted(world).await, live(world).await), (1_200, 1_200, 10));
    })
    .await;
}

#[tokio::test]
async fn a_busy_secret_goes_with_the_last_of_its_tokens() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        copies(world, 0, MANY, Some(HOUR), None).await;
        let sql = "UPDATE portal_tokens SET secret_uuid = $1 WHERE description = 'copy'";
        world.tamper(sql, vec![secret.uuid.into()]).await;
        assert_eq!(world.delete_secret(PORTAL, secret.uuid, false).await.unwrap(), 1_200);
        assert_eq!((deleted(world).await, live(world).await, events(world).await), (1_200, 0, 3));
        assert!(world.list_secrets(PORTAL).await.is_empty());
    })
    .await;
}
