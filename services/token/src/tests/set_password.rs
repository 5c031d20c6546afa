//! `SetPassword`.

use contracts::{directory::v1::SetPasswordRequest, token::v1::User};
use kit::error::Code;
use serde_json::json;
use tonic::Status;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    people::{audit_of, audited, count, first, operator, user},
    world::{World, at, everywhere, from_service, refusal},
};

/// A session of the user, made behind the service's back.
pub(super) async fn session(world: &World, user: &User) {
    let uuid = world.service.0.ambient.uuid();
    let insert = "INSERT INTO sessions (uuid, tag, key_id, user_uuid, created_at, last_seen_at) \
        VALUES ($1, $2, 'k1', $3, $4, $5)";
    let user = user.uuid.parse::<Uuid>().unwrap();
    let tag = uuid.as_bytes().repeat(2);
    world.tamper(insert, vec![uuid.into(), tag.into(), user.into(), at(0).into(), at(0).into()]).await;
}

async fn set(world: &World, email: &str, password: &str) -> Result<(), Status> {
    let request = SetPasswordRequest { email: email.into(), password: password.into() };
    operator(world).set_password(from_service(request, None)).await.map(drop)
}

#[tokio::test]
async fn another_password_counts_and_sessions_end() {
    everywhere(async |world| {
        let ada = first(world).await.to_string();
        let bob = user(world, "bob@example.com").await;
        for person in [&User { uuid: ada.clone(), ..bob.clone() }, &bob] {
            session(world, person).await;
        }
        set(world, "Ada@example.com", "another password").await.unwrap();
        let hash = "SELECT password_hash FROM users WHERE email = 'ada@example.com'";
        let hash: String = world.rows(hash).await[0].try_get("", "password_hash").unwrap();
        let matches = async |password: &str| {
            let password = Zeroizing::new(password.to_owned());
            world.service.0.slow_hash.verify(password, hash.clone()).await.unwrap().matches
        };
        assert!(matches("another password").await && !matches("correct horse").await);
        let left = world.rows("SELECT user_uuid FROM sessions").await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].try_get::<Uuid>("", "user_uuid").unwrap().to_string(), bob.uuid);
        let row = audit_of(world, "USER_PASSWORD_CHANGED", &ada).await;
        assert_eq!((row.organization, row.actor, row.data), (Uuid::nil(), None, json!({ "ended_sessions": 1 })));
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_not_found() {
    everywhere(async |world| {
        for email in ["bob@example.com", "no address"] {
            let refused = refusal(set(world, email, "another password").await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No user found"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_password_that_is_too_short_or_too_long_is_refused() {
    everywhere(async |world| {
        for password in ["elevenchars", &"x".repeat(1025)] {
            let refused = refusal(set(world, "ada@example.com", password).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            assert_eq!(refused.violations[0].field, "password");
        }
        assert_eq!(audited(world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn nothing_changes_without_the_audit_row() {
    everywhere(async |world| {
        let bob = user(world, "bob@example.com").await;
        session(world, &bob).await;
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(set(world, "bob@example.com", "another password").await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(count(world, "sessions").await, 1);
    })
    .await;
}
