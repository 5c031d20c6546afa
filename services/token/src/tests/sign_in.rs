//! `SignIn`, `GetSession`, `SignOut`: a session's life.

use contracts::{
    directory::v1::{SignInRequest, SignOutRequest},
    token::v1::Role,
};
use kit::{
    boot::Tasks,
    credential::{Kind, Plain},
    error::Code,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    console::{from_address, seen},
    world::{ORGANIZATION, at, everywhere, everywhere_with, from_outside, from_service, random_token, refusal},
};
use crate::{
    Limits,
    domain::{session::NewSession, tag::Class, trail::Trail, user::User},
    store::PasswordHash,
};

use super::sessions::get;

pub(super) const ADA: &str = "ada@example.com";
/// The password of everybody here, hashed in a thousand rounds.
const OLD: &str = "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$yRTMTwbMbo9G0VfjobWqerzuuxe7BETNTErBbKKumGQ";

#[tokio::test]
async fn a_password_begins_a_session_of_its_user() {
    everywhere(async |world| {
        let begun = world.sign_in(" Ada@Example.com ", "correct horse").await.unwrap();
        assert_eq!(Plain::parse(&begun.session).unwrap().kind(), Kind::Session);
        assert_eq!(begun.user.as_ref().unwrap().name, "Ada");
        let session = get(world, &begun.session).await.unwrap();
        assert_eq!(session.user, begun.user);
        let places: Vec<_> = session.memberships.iter().map(|m| (m.organization_uuid.clone(), m.role())).collect();
        assert_eq!(places, [(ORGANIZATION.to_string(), Role::Admin)]);
        assert_eq!(session.csrf_token.len(), 64);
        let row = &world.rows("SELECT client_ip, client_agent, tag FROM sessions").await[0];
        let text = |column| row.try_get::<String>("", column).unwrap();
        assert_eq!((text("client_ip").as_str(), text("client_agent").as_str()), ("192.0.2.1", "curl"));
        assert_eq!(row.try_get::<Vec<u8>>("", "tag").unwrap().len(), 32);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_alike_and_cost_the_same() {
    everywhere(async |world| {
        world.make_user(Uuid::from_u128(8), "bo@example.com").await;
        let none = "UPDATE users SET password_hash = 'none' WHERE email = $1";
        world.tamper(none, vec!["bo@example.com".into()]).await;
        let wrong = seen(world.sign_in(ADA, "correct horsf").await);
        assert_eq!(
            (wrong.0, wrong.1.as_str()),
            (Code::Unauthenticated.grpc(), "The e-mail address or the password is wrong")
        );
        for (email, password) in [("nobody@example.com", "correct horse"), ("bo@example.com", "none"), (ADA, "")] {
            let begun = world.service.0.sign_in_hash.begun();
            assert_eq!(seen(world.sign_in(email, password).await), wrong, "{email}");
            assert_eq!(world.service.0.sign_in_hash.begun() - begun, 1, "{email}");
        }
        for (email, password) in [("", "correct horse"), ("ada", "correct horse"), (ADA, &"x".repeat(1025))] {
            assert_eq!(seen(world.sign_in(email, password).await), wrong);
        }
        assert_eq!(world.rows("SELECT uuid FROM sessions").await.len(), 0);
        assert_eq!(refusal(world.sign_in(ADA, "wrong").await).reason, "invalid_credentials");
    })
    .await;
}

#[tokio::test]
async fn who_fails_too_often_waits_and_nobody_else_does() {
    everywhere_with(Limits { failures_per_minute: 2, ..Limits::default() }, async |world| {
        for _ in 0..2 {
            assert_eq!(refusal(world.sign_in(ADA, "wrong").await).reason, "invalid_credentials");
        }
        let begun = world.service.0.sign_in_hash.begun();
        let slowed = refusal(world.sign_in(ADA, "correct horse").await);
        assert_eq!((slowed.class, slowed.reason.as_str()), (Code::Exhausted, "rate_limited"));
        assert_eq!(world.service.0.sign_in_hash.begun(), begun, "refused before any work");
        let request = SignInRequest { email: ADA.into(), password: "correct horse".into() };
        world.sessions().sign_in(from_address(world, request, "192.0.2.2")).await.unwrap();
        world.clock.pass(42);
        world.sign_in(ADA, "correct horse").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tries_at_once_are_no_more_tries() {
    everywhere_with(Limits { failures_per_minute: 3, ..Limits::default() }, async |world| {
        let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
        for _ in 0..64 {
            let (mut client, outcome) = (world.sessions(), outcome.clone());
            let request = from_service(SignInRequest { email: ADA.into(), password: "wrong".into() }, None);
            tasks.spawn(async move { outcome.send(refusal(client.sign_in(request).await).reason).unwrap() });
        }
        drop(outcome);
        let mut told = Vec::new();
        while let Some(reason) = outcomes.recv().await {
            told.push(reason);
        }
        assert_eq!((told.len(), told.iter().filter(|reason| *reason == "rate_limited").count() >= 61), (64, true));
        assert!(world.service.0.sign_in_hash.begun() <= 3);
    })
    .await;
}

#[tokio::test]
async fn a_right_password_costs_no_try_and_no_time_of_secrets() {
    everywhere_with(Limits { failures_per_minute: 1, ..Limits::default() }, async |world| {
        for _ in 0..3 {
            world.sign_in(ADA, "correct horse").await.unwrap();
        }
        assert_eq!(refusal(world.sign_in(ADA, "wrong").await).reason, "invalid_credentials");
        assert_eq!(refusal(world.sign_in(ADA, "correct horse").await).reason, "rate_limited");
        assert_eq!((world.service.0.sign_in_hash.begun(), world.service.0.slow_hash.begun()), (4, 0));
    })
    .await;
}

#[tokio::test]
async fn sessions_leave_audit_rows_and_without_them_there_are_none() {
    everywhere(async |world| {
        let session = world.signed_in(ADA).await;
        let hide = "ALTER TABLE audit_events RENAME TO hidden";
        world.tamper(hide, vec![]).await;
        assert_eq!(refusal(world.sign_in(ADA, "correct horse").await).reason, "database_unavailable");
        let leave = || from_service(SignOutRequest { csrf_token: session.csrf_token.clone() }, Some(&session.session));
        assert_eq!(refusal(world.sessions().sign_out(leave()).await).reason, "database_unavailable");
        get(world, &session.session).await.unwrap();
        world.tamper("ALTER TABLE hidden RENAME TO audit_events", vec![]).await;
        world.sessions().sign_out(leave()).await.unwrap();
        assert!(world.rows("SELECT uuid FROM sessions").await.is_empty());
        let audit = world.audit().await;
        for kind in ["USER_SIGNED_IN", "USER_SIGNED_OUT"] {
            let rows: Vec<_> = audit.iter().filter(|row| row.kind == kind).collect();
            assert_eq!((rows.len(), rows[0].actor.as_deref(), rows[0].organization), (1, Some("Ada"), Uuid::nil()));
        }
    })
    .await;
}

#[tokio::test]
async fn outdated_parameters_are_raised_by_the_right_password_only() {
    everywhere(async |world| {
        let hash = async || world.rows("SELECT password_hash FROM users").await[0].try_get("", "password_hash");
        world.tamper("UPDATE users SET password_hash = $1", vec![OLD.into()]).await;
        world.sign_in(ADA, "wrong").await.unwrap_err();
        assert_eq!(hash().await, Ok(OLD.to_owned()));
        world.sign_in(ADA, "correct horse").await.unwrap();
        let raised: String = hash().await.unwrap();
        assert!(raised.starts_with("$pbkdf2-sha256$i=600000,l=32$"), "{raised}");
        world.sign_in(ADA, "correct horse").await.unwrap();
        assert_eq!(hash().await, Ok(raised));
    })
    .await;
}

#[tokio::test]
async fn no_session_begins_with_a_password_that_was_changed_meanwhile() {
    everywhere(async |world| {
        let service = &world.service.0;
        let user = world.rows("SELECT uuid, password_hash FROM users").await;
        let person = User { uuid: Uuid::nil(), name: String::new(), email: String::new(), created_at: at(0) };
        let session = |number| NewSession {
            uuid: Uuid::from_u128(number),
            tag: service.tagger.tag(Class::Session, &random_token(Kind::Session)),
            user: user[0].try_get("", "uuid").unwrap(),
            created_at: at(0),
            client_ip: None,
            client_agent: None,
        };
        let event = || Trail::system().signed_in(&person, Uuid::nil());
        let stale = PasswordHash { checked: "stale".into(), raised: Some("stolen".into()) };
        assert!(!service.store.create_session(session(1), stale, event()).await.unwrap());
        let fresh = PasswordHash { checked: user[0].try_get("", "password_hash").unwrap(), raised: None };
        assert!(service.store.create_session(session(2), fresh, event()).await.unwrap());
        assert_eq!(world.rows("SELECT uuid FROM sessions").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_services_may_sign_in() {
    everywhere(async |world| {
        let request = SignInRequest { email: ADA.into(), password: "correct horse".into() };
        let refused = refusal(world.sessions().sign_in(from_outside(request, None)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "service_key_required"));
    })
    .await;
}
