//! `DeleteUser`.

use contracts::{directory::v1::DeleteUserRequest, token::v1::Role};
use kit::error::Code;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{
        ELSEWHERE, approved_code, audit_of, count, join, live, make, member, operator, told, user, user_token, wanted,
    },
    world::{ORGANIZATION, World, at, everywhere, from_service, refusal},
};

async fn delete(world: &World, email: &str) -> Result<(), Status> {
    let request = DeleteUserRequest { email: email.into(), wait: false };
    operator(world).delete_user(from_service(request, None)).await.map(drop)
}

#[tokio::test]
async fn everything_of_the_user_goes_and_nothing_else() {
    everywhere(async |world| {
        let (bob, carl) = (
            member(world, "bob@example.com", Role::Member).await,
            member(world, "carl@example.com", Role::Member).await,
        );
        join(world, &bob, ELSEWHERE, Role::Admin).await;
        let (token, _) = make(world, wanted("bob@example.com")).await;
        let tokens = [
            user_token(world, &bob, ORGANIZATION).await,
            user_token(world, &bob, ELSEWHERE).await,
            user_token(world, &carl, ORGANIZATION).await,
        ];
        approved_code(world, &bob, ELSEWHERE).await;
        approved_code(world, &carl, ORGANIZATION).await;
        for person in [&bob, &carl] {
            super::set_password::session(world, person).await;
        }
        let before = told(world).await.len();
        delete(world, " BOB@example.com").await.unwrap();

        assert_eq!(live(world, &tokens).await, [false, false, true]);
        assert_eq!(world.rows("SELECT uuid FROM codes WHERE state = 'approved'").await.len(), 1);
        for (table, left) in [("users", 2), ("memberships", 2), ("api_tokens", 1), ("sessions", 1)] {
            assert_eq!(count(world, table).await, left, "{table}");
        }
        assert_eq!(told(world).await[before..], [(bob.uuid.parse::<Uuid>().unwrap(), "user".to_owned())]);
        let row = audit_of(world, "USER_DELETED", &bob.uuid).await;
        assert_eq!((row.organization, row.actor, row.context["type"].as_str()), (Uuid::nil(), None, Some("OPERATOR")));
        let mut of: Vec<_> = world.audit().await.into_iter().filter(|row| row.kind.ends_with("_DELETED")).collect();
        of.sort_unstable_by_key(|row| (row.kind.clone(), row.organization));
        let of: Vec<_> = of.iter().map(|row| (row.kind.as_str(), row.organization)).collect();
        assert_eq!(
            of,
            [
                ("API_ACCESS_TOKEN_DELETED", ORGANIZATION),
                ("API_ACCESS_TOKEN_DELETED", ELSEWHERE),
                ("ORGANIZATION_MEMBER_DELETED", ORGANIZATION),
                ("ORGANIZATION_MEMBER_DELETED", ELSEWHERE),
                ("PORTAL_TOKEN_DELETED", ORGANIZATION),
                ("PORTAL_TOKEN_DELETED", ELSEWHERE),
                ("USER_DELETED", Uuid::nil()),
            ]
        );
        assert_eq!(audit_of(world, "USER_DELETED", &bob.uuid).await.data["email"], "bob@example.com");
        assert!(world.audit().await.iter().any(|row| row.subject.to_string() == token.uuid));
    })
    .await;
}

#[tokio::test]
async fn the_operator_may_remove_the_last_administrator() {
    everywhere(async |world| {
        delete(world, "ada@example.com").await.unwrap();
        assert_eq!((count(world, "users").await, count(world, "api_tokens").await), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_reaches_nothing_is_audited_too_and_a_revoked_one_not_again() {
    everywhere(async |world| {
        user(world, "bob@example.com").await;
        let (alive, _) = make(world, wanted("bob@example.com")).await;
        let (dead, _) = make(world, wanted("bob@example.com")).await;
        let revoke = "UPDATE api_tokens SET revoked_at = $1 WHERE uuid = $2";
        world.tamper(revoke, vec![at(0).into(), dead.uuid.parse::<Uuid>().unwrap().into()]).await;
        delete(world, "bob@example.com").await.unwrap();
        let row = audit_of(world, "API_ACCESS_TOKEN_DELETED", &alive.uuid).await;
        assert_eq!((row.organization, row.data["reason"].as_str()), (Uuid::nil(), Some("user_left")));
        let deleted = world.audit().await.into_iter().filter(|row| row.kind == "API_ACCESS_TOKEN_DELETED").count();
        assert_eq!(deleted, 1);
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_not_found() {
    everywhere(async |world| {
        for email in ["bob@example.com", "no address", ""] {
            let refused = refusal(delete(world, email).await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No user found"));
        }
    })
    .await;
}

#[tokio::test]
async fn no_user_goes_without_the_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(delete(world, "ada@example.com").await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(count(world, "users").await, 1);
    })
    .await;
}
