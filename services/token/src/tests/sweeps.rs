//! Rows whose time is over.

use contracts::token::v1::Role;
use sea_orm::Value;
use uuid::Uuid;

use super::{
    people::{make, member, wanted},
    revoke_portal::revoke,
    world::{PORTAL, World, at, everywhere, from_service},
};
use crate::{
    store::{BATCH, Swept},
    sweeps::Tally,
};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Copies the only row of `portal_tokens` that was made by itself so often, as `ephemeral` ones with these ends.
pub(super) async fn copies(world: &World, from: i64, many: i64, expires_at: Option<i64>, revoked_at: Option<i64>) {
    let sqlite = world.config.database_url.starts_with("sqlite:");
    let (uuid, tag) = if sqlite {
        ("randomblob(16)", "randomblob(32)")
    } else {
        ("gen_random_uuid()", "decode(md5(i::text) || md5(i::text), 'hex')")
    };
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $2) \
         INSERT INTO portal_tokens (uuid, tag, key_id, last_four, description, created_at, expires_at, revoked_at, \
         organization_uuid, portal_uuid, kind, created_by_uuid, created_by_name, created_by_email, created_by_created_at) \
         SELECT {uuid}, {tag}, key_id, last_four, 'copy', created_at, CAST($3 AS {time}), CAST($4 AS {time}), \
         organization_uuid, portal_uuid, 'ephemeral', created_by_uuid, created_by_name, created_by_email, \
         created_by_created_at FROM portal_tokens, n WHERE description = 'CI'",
        time = if sqlite { "TEXT" } else { "TIMESTAMPTZ" },
    );
    let time = |second: Option<i64>| Value::from(second.map(at));
    world.tamper(&sql, vec![from.into(), (from + many - 1).into(), time(expires_at), time(revoked_at)]).await;
}

async fn count(world: &World, table: &str) -> usize {
    world.rows(&format!("SELECT 1 FROM {table}")).await.len()
}

#[tokio::test]
async fn many_rows_go_in_several_small_transactions_and_live_ones_stay() {
    everywhere(async |world| {
        let live = world.issued(PORTAL).await.token;
        let many = i64::try_from(BATCH).unwrap() * 2 + 100;
        copies(world, 0, many, Some(0), None).await;
        copies(world, 10_000, 3, Some(DAY), None).await;
        copies(world, 20_000, 5, None, Some(0)).await;
        copies(world, 30_000, 2, None, Some(1)).await;
        world.clock.pass(DAY + 1);
        let expired = world.service.sweep_all(Swept::ExpiredTokens).await.unwrap();
        assert_eq!(expired, Tally { rows: BATCH * 2 + 100, transactions: 3 });
        let revoked = world.service.sweep_all(Swept::RevokedTokens).await.unwrap();
        assert_eq!(revoked, Tally { rows: 5, transactions: 1 });
        assert_eq!(count(world, "portal_tokens").await, 1 + 3 + 2);
        world.verify(&live).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn expired_service_tokens_stay_until_they_are_removed() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        world.tamper("UPDATE portal_tokens SET expires_at = $1", vec![at(0).into()]).await;
        world.clock.pass(30 * DAY);
        world.service.sweep().await;
        assert_eq!(count(world, "portal_tokens").await, 1);
        world.tamper("UPDATE portal_tokens SET revoked_at = $1", vec![at(0).into()]).await;
        world.service.sweep().await;
        assert_eq!(count(world, "portal_tokens").await, 0);
    })
    .await;
}

#[tokio::test]
async fn expired_service_tokens_of_a_revoked_portal_go_a_day_after_both_ends() {
    everywhere(async |world| {
        let other = Uuid::from_u128(0x0c);
        for portal in [PORTAL, PORTAL, other] {
            world.issued(portal).await;
        }
        world.tamper("UPDATE portal_tokens SET expires_at = $1", vec![at(1).into()]).await;
        world.clock.pass(DAY);
        world.client().revoke_portal(from_service(revoke(PORTAL), None)).await.unwrap();
        world.clock.pass(DAY);
        world.service.sweep().await;
        assert_eq!(count(world, "portal_tokens").await, 3, "the portal was revoked not longer than a day ago");
        world.clock.pass(1);
        world.service.sweep().await;
        let left = world.rows("SELECT portal_uuid FROM portal_tokens").await;
        let left: Vec<Uuid> = left.iter().map(|row| row.try_get("", "portal_uuid").unwrap()).collect();
        assert_eq!(left, [other], "who has the portal sees that its token has expired");
    })
    .await;
}

#[tokio::test]
async fn old_revocations_go_but_never_the_newest() {
    everywhere(async |world| {
        let put = async |sequence: i64, second: i64| {
            let values = vec![sequence.into(), PORTAL.into(), at(second).into()];
            world.tamper("INSERT INTO revocations VALUES ($1, $2, '', $3)", values).await;
            world.tamper("UPDATE revocation_head SET head = $1", vec![sequence.into()]).await;
        };
        for sequence in 1..=5 {
            put(sequence, 0).await;
        }
        world.clock.pass(HOUR);
        assert_eq!(world.service.sweep_all(Swept::Revocations).await.unwrap().rows, 0, "not yet old");
        world.clock.pass(1);
        assert_eq!(world.service.sweep_all(Swept::Revocations).await.unwrap().rows, 4);
        put(6, HOUR).await;
        world.service.sweep().await;
        let left = world.service.0.store.revocations(0, 6, 100).await.unwrap();
        assert_eq!(left.iter().map(|event| event.sequence).collect::<Vec<_>>(), [6]);
    })
    .await;
}

#[tokio::test]
async fn ended_codes_and_sessions_go() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let user: Uuid = world.rows("SELECT uuid FROM users").await[0].try_get("", "uuid").unwrap();
        for (number, second) in [(1_u8, 0), (2, 1)] {
            let (uuid, tag) = (Value::from(Uuid::from_u128(number.into())), Value::from(vec![number; 32]));
            let code = "INSERT INTO codes (uuid, code_tag, secret_tag, key_id, organization_uuid, portal_uuid, state, \
                        wrong_secrets, created_at, expires_at) VALUES ($1, $2, $2, 'k1', $3, $3, 'pending', 0, $4, $4)";
            let values = vec![uuid.clone(), tag.clone(), PORTAL.into(), at(second).into()];
            world.tamper(code, values).await;
            let session = "INSERT INTO sessions (uuid, tag, key_id, user_uuid, created_at, last_seen_at) \
                           VALUES ($1, $2, 'k1', $3, $4, $4)";
            world.tamper(session, vec![uuid, tag, user.into(), at(second).into()]).await;
        }
        world.clock.pass(HOUR + 1);
        world.service.sweep().await;
        assert_eq!((count(world, "codes").await, count(world, "sessions").await), (1, 2));
        world.clock.pass(12 * HOUR);
        world.service.sweep().await;
        assert_eq!((count(world, "codes").await, count(world, "sessions").await), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn api_access_tokens_go_thirty_days_after_their_end() {
    everywhere(async |world| {
        let user = member(world, "grace@example.com", Role::Member).await;
        for column in ["expires_at", "revoked_at"] {
            let (made, _) = make(world, wanted(&user.email)).await;
            let end = format!("UPDATE api_tokens SET {column} = $1 WHERE uuid = $2");
            world.tamper(&end, vec![at(0).into(), Uuid::parse_str(&made.uuid).unwrap().into()]).await;
        }
        world.clock.pass(30 * DAY);
        world.service.sweep().await;
        assert_eq!((count(world, "api_tokens").await, count(world, "api_token_organizations").await), (3, 3));
        world.clock.pass(1);
        world.service.sweep().await;
        assert_eq!((count(world, "api_tokens").await, count(world, "api_token_organizations").await), (1, 1));
    })
    .await;
}
