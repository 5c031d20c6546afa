//! `DeleteMember`.

use contracts::{
    directory::v1::{CreateApiTokenRequest, DeleteMemberRequest},
    token::v1::{Role, User},
};
use kit::error::Code;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{
        ELSEWHERE, all_at_once, approved_code, audit_of, count, directory, first, join, live, make, member,
        member_with_token, operator, token, told, unlimited, user, user_token, wanted,
    },
    world::{ORGANIZATION, World, everywhere, everywhere_with, from_outside, from_service, refusal},
};

async fn delete(world: &World, token: &str, organization: Uuid, user_uuid: &str) -> Result<(), Status> {
    let (organization_uuid, user_uuid) = (organization.to_string(), user_uuid.to_owned());
    let request = DeleteMemberRequest { organization_uuid, user_uuid, wait: false };
    directory(world).delete_member(from_outside(request, Some(token))).await.map(drop)
}

#[tokio::test]
async fn what_acts_for_the_user_there_ends_with_the_membership() {
    everywhere(async |world| {
        let (bob, value) = member_with_token(world, "bob@example.com", Role::Member).await;
        let carl = member(world, "carl@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let everywhere_else = token(world, &bob).await;
        let tokens = [
            user_token(world, &bob, ORGANIZATION).await,
            user_token(world, &bob, ELSEWHERE).await,
            user_token(world, &carl, ORGANIZATION).await,
        ];
        let codes = [
            approved_code(world, &bob, ORGANIZATION).await,
            approved_code(world, &bob, ELSEWHERE).await,
            approved_code(world, &carl, ORGANIZATION).await,
        ];
        let before = told(world).await.len();
        delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await.unwrap();

        assert_eq!(live(world, &tokens).await, [false, true, true]);
        let burnt = world.rows("SELECT uuid FROM codes WHERE state = 'burnt'").await;
        assert_eq!(burnt.iter().map(|row| row.try_get("", "uuid").unwrap()).collect::<Vec<Uuid>>(), [codes[0]]);
        assert_eq!(told(world).await[before..], [(bob.uuid.parse::<Uuid>().unwrap(), "user".to_owned())]);
        for value in [value, everywhere_else] {
            let refused = refusal(delete(world, &value, ORGANIZATION, &carl.uuid).await);
            assert_eq!(refused.message, "No organization found");
        }
        let reached = world
            .rows(
                "SELECT organization_uuid FROM api_token_organizations WHERE token_uuid <> (SELECT \
            uuid FROM api_tokens WHERE description LIKE 'Made at%')",
            )
            .await;
        let reached: Vec<Uuid> = reached.iter().map(|row| row.try_get("", "organization_uuid").unwrap()).collect();
        assert_eq!(reached, [ELSEWHERE]);
    })
    .await;
}

#[tokio::test]
async fn each_thing_that_ends_has_its_audit_row() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        let (api_token, _) = make(world, wanted("bob@example.com")).await;
        let portal_token = user_token(world, &bob, ORGANIZATION).await;
        delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await.unwrap();
        for (kind, subject) in [
            ("ORGANIZATION_MEMBER_DELETED", bob.uuid),
            ("API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED", api_token.uuid),
            ("PORTAL_TOKEN_DELETED", portal_token.to_string()),
        ] {
            let row = audit_of(world, kind, &subject).await;
            assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, Some("Ada")));
        }
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_finds_nothing_of_theirs_alive() {
    everywhere(async |world| {
        let (bob, value) = member_with_token(world, "bob@example.com", Role::Admin).await;
        let old = user_token(world, &bob, ORGANIZATION).await;
        delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await.unwrap();
        join(world, &bob, ORGANIZATION, Role::Admin).await;
        assert_eq!(live(world, &[old]).await, [false]);
        let refused = refusal(delete(world, &value, ORGANIZATION, &bob.uuid).await);
        assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No organization found"));
    })
    .await;
}

#[tokio::test]
async fn removing_twice_finds_nobody() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Admin).await;
        delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await.unwrap();
        let refused = refusal(delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await);
        assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No member found"));
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        user_token(world, &bob, ORGANIZATION).await;
        let ada = first(world).await.to_string();
        let refused = refusal(delete(world, world.api_token.expose(), ORGANIZATION, &ada).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "last_administrator"));
        assert_eq!(refused.message, "Validation failed: An organization needs an administrator");
        assert_eq!(count(world, "memberships").await, 2);
        join(world, &bob, ORGANIZATION, Role::Admin).await;
        delete(world, world.api_token.expose(), ORGANIZATION, &ada).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nothing_ends_without_its_audit_row() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        let token = user_token(world, &bob, ORGANIZATION).await;
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!((count(world, "memberships").await, live(world, &[token]).await), (2, vec![true]));
    })
    .await;
}

/// Two administrators of an organization of their own.
async fn couple(world: &World, number: u128) -> (Uuid, [(User, String); 2]) {
    let organization = Uuid::from_u128(0x1000 + number);
    let mut couple = Vec::new();
    for who in ["a", "b"] {
        let user = user(world, &format!("{who}{number}@example.com")).await;
        join(world, &user, organization, Role::Admin).await;
        let token = token(world, &user).await;
        couple.push((user, token));
    }
    (organization, couple.try_into().unwrap())
}

#[tokio::test]
async fn two_who_remove_each_other_at_once_leave_one() {
    everywhere_with(unlimited(), async |world| {
        let mut couples = Vec::new();
        for number in 0..10 {
            couples.push(couple(world, number).await);
        }
        let mut requests = Vec::new();
        for (organization, [a, b]) in &couples {
            requests.push(delete(world, &a.1, *organization, &b.0.uuid));
            requests.push(delete(world, &b.1, *organization, &a.0.uuid));
        }
        let outcomes = all_at_once(requests).await;
        for (pair, (organization, _)) in outcomes.chunks(2).zip(&couples) {
            assert_eq!(pair.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{pair:?}");
            let left = world.rows("SELECT organization_uuid FROM memberships WHERE role = 'admin'").await;
            let left = left.iter().filter(|row| row.try_get::<Uuid>("", "organization_uuid").unwrap() == *organization);
            assert_eq!(left.count(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_made_while_the_membership_ends_does_not_reach_the_organization() {
    everywhere_with(unlimited(), async |world| {
        for round in 0..10 {
            let bob = member(world, &format!("bob{round}@example.com"), Role::Member).await;
            let create = || async {
                let request = CreateApiTokenRequest { description: "late".into(), ..wanted(&bob.email) };
                operator(world).create_api_token(from_service(request, None)).await.map(drop)
            };
            let delete = delete(world, world.api_token.expose(), ORGANIZATION, &bob.uuid);
            let (before, deleted, after) = tokio::join!(create(), delete, create());
            deleted.unwrap();
            before.unwrap();
            after.unwrap();
            let reaching = "SELECT 1 AS one FROM api_token_organizations r JOIN api_tokens t ON t.uuid = r.token_uuid \
                WHERE t.description = 'late'";
            assert_eq!(world.rows(reaching).await.len(), 0);
        }
    })
    .await;
}
