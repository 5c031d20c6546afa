//! `ExchangeCode`, and the user tokens that it makes.

use contracts::{
    directory::v1::DeleteMemberRequest,
    token::v1::{CreateCodeResponse, ExchangeCodeRequest, PortalTokenKind, RevokePortalRequest},
};
use kit::{
    boot::Tasks,
    credential::{Kind, Plain},
    error::Code,
    grpc::{Refusal, to_timestamp},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    console::exchange_of,
    people::directory,
    revoke_portal::revoke,
    world::{
        ORGANIZATION, PORTAL, World, at, caller, everywhere, everywhere_with, from_service, random_token, refusal,
    },
};
use crate::Limits;

pub(super) const ADA: &str = "ada@example.com";

pub(super) fn unlimited() -> Limits {
    Limits { failures_per_minute: 0, codes_per_minute: 0, ..Limits::default() }
}

pub(super) fn wrong_secret(code: &CreateCodeResponse) -> CreateCodeResponse {
    CreateCodeResponse { secret: random_token(Kind::CodeSecret).expose().to_owned(), ..code.clone() }
}

pub(super) async fn reason(world: &World, code: &CreateCodeResponse) -> String {
    refusal(world.exchange(code).await).reason
}

pub(super) async fn state(world: &World) -> (String, i32) {
    let row = &world.rows("SELECT state, wrong_secrets FROM codes").await[0];
    (row.try_get("", "state").unwrap(), row.try_get("", "wrong_secrets").unwrap())
}

/// Sends requests at once and answers why those were refused that were.
pub(super) async fn all_at_once(
    world: &World,
    requests: impl IntoIterator<Item = ExchangeCodeRequest>,
) -> Vec<Option<String>> {
    let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
    for request in requests {
        let (mut client, outcome) = (world.client(), outcome.clone());
        tasks.spawn(async move {
            let answer = client.exchange_code(from_service(request, None)).await;
            outcome.send(answer.err().map(|status| Refusal::of(&status).reason)).unwrap();
        });
    }
    drop(outcome);
    let mut seen = Vec::new();
    while let Some(outcome) = outcomes.recv().await {
        seen.push(outcome);
    }
    seen
}

#[tokio::test]
async fn an_approved_code_makes_a_token_that_acts_as_the_user() {
    everywhere(async |world| {
        let code = world.approved_code().await;
        let made = world.exchange(&code).await.unwrap();
        assert_eq!(made.expires_at, Some(to_timestamp(at(720 * 60))));
        assert_eq!(Plain::parse(&made.token).unwrap().kind(), Kind::Portal);
        let verdict = world.verify(&made.token).await.unwrap();
        assert_eq!((verdict.kind(), verdict.portal_uuid), (PortalTokenKind::User, PORTAL.to_string()));
        let user = verdict.user.unwrap();
        assert_eq!((user.email.as_str(), verdict.depends_on), (ADA, vec![user.uuid.clone()]));
        assert_eq!(verdict.memberships[0].organization_uuid, ORGANIZATION.to_string());
        assert_eq!((verdict.expires_at, verdict.allowed_ip_addresses), (made.expires_at, None));
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.subject.to_string() == verdict.token_uuid).unwrap();
        assert_eq!((row.kind.as_str(), row.actor.as_deref()), ("PORTAL_TOKEN_CREATED", Some("Ada")));
        let code: Uuid = world.rows("SELECT uuid FROM codes").await[0].try_get("", "uuid").unwrap();
        assert_eq!(row.context, kit::audit::context(&caller(None), Some(code)));
    })
    .await;
}

#[tokio::test]
async fn a_token_lives_as_many_minutes_as_asked_for_and_no_more() {
    everywhere(async |world| {
        let code = world.approved_code().await;
        let asked = |minutes| ExchangeCodeRequest { expires_in_minutes: Some(minutes), ..exchange_of(&code) };
        for minutes in [0, 721, u32::MAX] {
            let refused = refusal(world.attempt(asked(minutes)).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Invalid, "invalid_request"));
            assert_eq!(refused.violations[0].field, "expires_in");
        }
        let made = world.attempt(asked(1)).await.unwrap();
        assert_eq!(made.expires_at, Some(to_timestamp(at(60))));
        world.clock.pass(59);
        world.verify(&made.token).await.unwrap();
        world.clock.pass(1);
        assert_eq!(refusal(world.verify(&made.token).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_requester_waits_five_seconds_between_tries() {
    everywhere(async |world| {
        let code = world.code().await;
        let pending = refusal(world.exchange(&code).await);
        assert_eq!((pending.class, pending.reason.as_str()), (Code::Invalid, "authorization_pending"));
        world.clock.pass(4);
        let slowed = refusal(world.exchange(&code).await);
        assert_eq!((slowed.class, slowed.reason.as_str()), (Code::Invalid, "slow_down"));
        assert_eq!(slowed.message, "Please wait 5 seconds between tries");
        world.clock.pass(4);
        assert_eq!(reason(world, &code).await, "slow_down", "a try that was too soon counts as one");
        world.clock.pass(5);
        assert_eq!(reason(world, &code).await, "authorization_pending");
        let ada = world.signed_in(ADA).await;
        world.decide(&ada, &code.code, true).await.unwrap();
        world.exchange(&code).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_tries_at_once_one_is_told_to_wait_and_the_others_to_slow_down() {
    everywhere(async |world| {
        let code = world.code().await;
        let outcomes = all_at_once(world, std::iter::repeat_n(exchange_of(&code), 10)).await;
        let count = |reason| outcomes.iter().filter(|outcome| outcome.as_deref() == Some(reason)).count();
        assert_eq!((count("authorization_pending"), count("slow_down")), (1, 9));
    })
    .await;
}

#[tokio::test]
async fn a_denied_and_an_expired_code_say_so_to_who_holds_the_secret() {
    everywhere(async |world| {
        let (code, ada) = (world.code().await, world.signed_in(ADA).await);
        world.decide(&ada, &code.code, false).await.unwrap();
        let denied = refusal(world.exchange(&code).await);
        assert_eq!((denied.class, denied.reason.as_str()), (Code::Invalid, "access_denied"));
        for state in ["pending", "approved"] {
            world.tamper("DELETE FROM codes", vec![]).await;
            let code = world.code().await;
            if state == "approved" {
                world.decide(&world.signed_in(ADA).await, &code.code, true).await.unwrap();
            }
            world.clock.pass(300);
            let expired = refusal(world.exchange(&code).await);
            assert_eq!((expired.class, expired.reason.as_str()), (Code::Invalid, "expired_token"), "{state}");
            assert_eq!(reason(world, &wrong_secret(&code)).await, "invalid_grant");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_exchanges_at_once_one_gets_the_token() {
    everywhere_with(unlimited(), async |world| {
        let code = world.approved_code().await;
        let outcomes = all_at_once(world, std::iter::repeat_n(exchange_of(&code), 100)).await;
        assert_eq!(outcomes.iter().filter(|refused| refused.is_none()).count(), 1);
        assert_eq!(outcomes.iter().filter(|refused| refused.as_deref() == Some("invalid_grant")).count(), 99);
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens WHERE kind = 'user'").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_left_gets_no_token_and_the_token_of_who_left_does_not_verify() {
    everywhere(async |world| {
        let (one, two) = (world.approved_code().await, world.approved_code().await);
        let token = world.exchange(&one).await.unwrap().token;
        world.tamper("UPDATE memberships SET organization_uuid = $1", vec![Uuid::from_u128(0x99).into()]).await;
        assert_eq!(reason(world, &two).await, "invalid_grant");
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
        world.tamper("UPDATE memberships SET organization_uuid = $1", vec![ORGANIZATION.into()]).await;
        world.verify(&token).await.unwrap();
        world.tamper("DELETE FROM users", vec![]).await;
        assert_eq!(reason(world, &two).await, "invalid_grant");
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_code_of_a_revoked_portal_makes_no_token() {
    everywhere(async |world| {
        for kinds in [vec![PortalTokenKind::User.into()], Vec::new()] {
            let (pending, code) = (world.code().await, world.approved_code().await);
            let revoke = RevokePortalRequest { kinds, ..revoke(PORTAL) };
            world.client().revoke_portal(from_service(revoke, None)).await.unwrap();
            assert_eq!(reason(world, &code).await, "invalid_grant");
            assert_eq!(reason(world, &pending).await, "invalid_grant");
        }
        assert_eq!(world.rows("SELECT uuid FROM codes WHERE state = 'burnt'").await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn codes_for_other_kinds_of_tokens_go_on() {
    everywhere(async |world| {
        let code = world.approved_code().await;
        let kinds = vec![PortalTokenKind::Ephemeral.into()];
        let revoke = RevokePortalRequest { kinds, ..revoke(PORTAL) };
        world.client().revoke_portal(from_service(revoke, None)).await.unwrap();
        world.exchange(&code).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_leaves_no_code_and_no_token_whatever_comes_first() {
    everywhere_with(unlimited(), async |world| {
        let bo = Uuid::from_u128(8);
        world.make_user(bo, "bo@example.com").await;
        for _ in 0..8 {
            world.join(bo, ORGANIZATION).await;
            let (one, two) = (world.code().await, world.code().await);
            let who = world.signed_in("bo@example.com").await;
            world.decide(&who, &one.code, true).await.unwrap();
            world.decide(&who, &two.code, true).await.unwrap();
            let leave = DeleteMemberRequest {
                organization_uuid: ORGANIZATION.to_string(),
                user_uuid: bo.to_string(),
                wait: false,
            };
            let leave = from_service(leave, Some(world.api_token.expose()));
            let mut directory = directory(world);
            let (left, made) = tokio::join!(directory.delete_member(leave), world.exchange(&one));
            left.unwrap();
            if let Ok(made) = made {
                assert_eq!(refusal(world.verify(&made.token).await).reason, "authentication_required");
            }
            world.join(bo, ORGANIZATION).await;
            assert_eq!(reason(world, &two).await, "invalid_grant", "though they are back");
            let live = "SELECT uuid FROM portal_tokens WHERE kind = 'user' AND revoked_at IS NULL";
            assert_eq!(world.rows(live).await.len(), 0);
            world.tamper("DELETE FROM memberships WHERE user_uuid = $1", vec![bo.into()]).await;
            world.tamper("DELETE FROM portal_tokens WHERE kind = 'service'", vec![]).await;
        }
    })
    .await;
}
