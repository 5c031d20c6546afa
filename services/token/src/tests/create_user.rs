//! `CreateUser` and `ListUsers`.

use contracts::{
    directory::v1::{CreateUserRequest, ListUsersRequest},
    token::v1::User,
};
use kit::error::Code;
use serde_json::{Value, json};
use tonic::Status;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    people::{all_at_once, audit_of, audited, count, operator, user},
    world::{World, everywhere, from_outside, from_service, refusal},
};

const PASSWORD: &str = "a long password";

fn wanted(email: &str) -> CreateUserRequest {
    CreateUserRequest { email: email.into(), name: "Bob".into(), password: None }
}

async fn create(world: &World, wanted: CreateUserRequest) -> Result<User, Status> {
    Ok(operator(world).create_user(from_service(wanted, None)).await?.into_inner().user.unwrap())
}

async fn hash(world: &World) -> String {
    let rows = world.rows("SELECT password_hash FROM users WHERE email = 'bob@example.com'").await;
    rows[0].try_get("", "password_hash").unwrap()
}

#[tokio::test]
async fn a_user_is_made_with_a_password_that_only_its_hash_tells() {
    everywhere(async |world| {
        let with_password = CreateUserRequest { password: Some(PASSWORD.into()), ..wanted("Bob@example.com ") };
        let bob = create(world, with_password).await.unwrap();
        assert_eq!((bob.name.as_str(), bob.email.as_str()), ("Bob", "bob@example.com"));
        let hash = hash(world).await;
        let slow = &world.service.0.slow_hash;
        assert!(slow.verify(Zeroizing::new(PASSWORD.into()), hash.clone()).await.unwrap().matches);
        assert!(!slow.verify(Zeroizing::new("another password".into()), hash).await.unwrap().matches);
    })
    .await;
}

#[tokio::test]
async fn without_a_password_none_matches() {
    everywhere(async |world| {
        create(world, wanted("bob@example.com")).await.unwrap();
        let hash = hash(world).await;
        for guess in ["", "!", PASSWORD, &hash] {
            let verified = world.service.0.slow_hash.verify(Zeroizing::new(guess.into()), hash.clone()).await.unwrap();
            assert!(!verified.matches, "{guess:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_audit_tells_of_the_operator() {
    everywhere(async |world| {
        let bob = create(world, CreateUserRequest { password: Some(PASSWORD.into()), ..wanted("bob@example.com") });
        let row = audit_of(world, "USER_CREATED", &bob.await.unwrap().uuid).await;
        assert_eq!((row.organization, row.actor, row.data), (Uuid::nil(), None, json!({ "email": "bob@example.com" })));
        let context = json!({
            "type": "OPERATOR",
            "request_id": "r-1",
            "request_ip": "192.0.2.1",
            "request_user_agent": "curl",
            "credential_uuid": Value::Null,
        });
        assert_eq!(row.context, context);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_its_fields() {
    everywhere(async |world| {
        let hashed = world.service.0.slow_hash.begun();
        for (fields, wanted) in [
            (vec!["email"], wanted("bob")),
            (vec!["name"], CreateUserRequest { name: "\0".into(), ..wanted("bob@example.com") }),
            (vec!["password"], CreateUserRequest { password: Some("short".into()), ..wanted("bob@example.com") }),
            (
                vec!["email", "name", "password"],
                CreateUserRequest { email: "@".into(), name: String::new(), password: Some("x".repeat(1025)) },
            ),
            (vec!["email"], wanted("ADA@example.com")),
        ] {
            let refused = refusal(create(world, wanted).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            let named: Vec<_> = refused.violations.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!(named, fields);
        }
        assert_eq!((count(world, "users").await, audited(world).await), (1, vec![]));
        assert_eq!(world.service.0.slow_hash.begun(), hashed, "what isn't valid is never hashed");
    })
    .await;
}

#[tokio::test]
async fn many_at_once_of_one_address_make_one() {
    everywhere(async |world| {
        let outcomes = all_at_once((0..8).map(|_| create(world, wanted("bob@example.com")))).await;
        assert_eq!(outcomes.into_iter().flatten().count(), 1);
        assert_eq!((count(world, "users").await, audited(world).await), (2, vec!["USER_CREATED".into()]));
    })
    .await;
}

#[tokio::test]
async fn users_are_listed_by_address_in_pages() {
    everywhere(async |world| {
        for email in ["zoe@example.com", "bob@example.com"] {
            user(world, email).await;
        }
        let list = async |page, per_page| {
            let request = from_service(ListUsersRequest { page, per_page }, None);
            let reply = operator(world).list_users(request).await.unwrap().into_inner();
            let name = |user: User| user.email.split('@').next().unwrap().to_owned();
            let emails: Vec<_> = reply.users.into_iter().map(name).collect();
            (emails.join(" "), reply.total)
        };
        assert_eq!(list(0, 0).await, ("ada bob zoe".into(), 3));
        assert_eq!(list(2, 2).await, ("zoe".into(), 3));
    })
    .await;
}

#[tokio::test]
async fn no_user_is_made_without_the_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(create(world, wanted("bob@example.com")).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(count(world, "users").await, 1);
    })
    .await;
}

/// Whoever lacks the service key is no operator, however good the token.
#[tokio::test]
async fn only_the_operator_may_call_any_of_it() {
    use contracts::directory::v1::{
        CreateApiTokenRequest, DeleteUserRequest, SetMembershipRequest, SetPasswordRequest,
    };
    everywhere(async |world| {
        macro_rules! refused {
            ($($rpc:ident($request:ident))*) => {
                $(let request = from_outside($request::default(), Some(world.api_token.expose()));
                let refused = refusal(operator(world).$rpc(request).await);
                assert_eq!(
                    (refused.class, refused.reason.as_str()),
                    (Code::Forbidden, "service_key_required"),
                    stringify!($rpc)
                );)*
            };
        }
        refused! {
            create_user(CreateUserRequest)
            list_users(ListUsersRequest)
            delete_user(DeleteUserRequest)
            set_password(SetPasswordRequest)
            set_membership(SetMembershipRequest)
            create_api_token(CreateApiTokenRequest)
        }
    })
    .await;
}
