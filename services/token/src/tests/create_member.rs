//! `CreateMember`.

use contracts::{
    directory::v1::{CreateMemberRequest, Member},
    token::v1::Role,
};
use kit::error::Code;
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{audit_of, audited, count, directory, told, user},
    world::{ORGANIZATION, World, everywhere, from_outside, refusal},
};

fn wanted(email: &str, name: &str) -> CreateMemberRequest {
    CreateMemberRequest {
        organization_uuid: ORGANIZATION.to_string(),
        email: email.into(),
        name: name.into(),
        role: Role::Member.into(),
    }
}

async fn create(world: &World, wanted: CreateMemberRequest) -> Result<Member, Status> {
    let request = from_outside(wanted, Some(world.api_token.expose()));
    Ok(directory(world).create_member(request).await?.into_inner().member.unwrap())
}

#[tokio::test]
async fn somebody_new_is_made_and_joins() {
    everywhere(async |world| {
        let made = create(world, wanted(" Bob@Example.com", "Bob")).await.unwrap();
        let bob = made.user.clone().unwrap();
        assert_eq!((bob.email.as_str(), bob.name.as_str(), made.role()), ("bob@example.com", "Bob", Role::Member));
        assert_eq!(audited(world).await, ["ORGANIZATION_MEMBER_CREATED", "USER_CREATED"]);
        let row = audit_of(world, "USER_CREATED", &bob.uuid).await;
        assert_eq!((row.organization, row.actor.as_deref()), (Uuid::nil(), Some("Ada")));
        let row = audit_of(world, "ORGANIZATION_MEMBER_CREATED", &bob.uuid).await;
        assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, Some("Ada")));
        assert_eq!(row.data, json!({ "role": "member", "email": "bob@example.com" }));
        assert_eq!(row.context["type"], "API");
        assert!(row.context["credential_uuid"].is_string());
        assert_eq!(told(world).await, [(bob.uuid.parse().unwrap(), "user".into())]);
    })
    .await;
}

#[tokio::test]
async fn somebody_who_is_there_joins_as_they_are() {
    everywhere(async |world| {
        let bob = user(world, "bob@example.com").await;
        let made = create(world, wanted("bob@example.com", "Robert")).await.unwrap();
        assert_eq!(made.user.unwrap(), bob);
        assert_eq!(count(world, "users").await, 2);
        assert_eq!(audited(world).await, ["ORGANIZATION_MEMBER_CREATED", "USER_CREATED"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_its_fields() {
    everywhere(async |world| {
        let good = || wanted("bob@example.com", "Bob");
        for (fields, wanted) in [
            (vec!["email"], CreateMemberRequest { email: "bob".into(), ..good() }),
            (vec!["name"], CreateMemberRequest { name: " ".into(), ..good() }),
            (vec!["role"], CreateMemberRequest { role: 0, ..good() }),
            (vec!["name"], wanted("ada@example.com", "")),
            (vec!["email", "role"], CreateMemberRequest { email: "@".into(), role: 7, ..good() }),
            (vec!["email"], CreateMemberRequest { email: "ada@example.com".into(), ..good() }),
        ] {
            let refused = refusal(create(world, wanted).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            let named: Vec<_> = refused.violations.iter().map(|fault| fault.field.as_str()).collect();
            assert_eq!(named, fields);
        }
        assert_eq!((count(world, "users").await, count(world, "memberships").await), (1, 1));
        assert_eq!(audited(world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_made_without_its_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(create(world, wanted("bob@example.com", "Bob")).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!((count(world, "users").await, count(world, "memberships").await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn many_at_once_make_one_user_and_one_membership() {
    everywhere(async |world| {
        let requests = (0..8).map(|_| create(world, wanted("bob@example.com", "Bob")));
        let outcomes = super::people::all_at_once(requests).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for refused in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(refusal(refused).reason, "validation_failed");
        }
        assert_eq!((count(world, "users").await, count(world, "memberships").await), (2, 2));
    })
    .await;
}
