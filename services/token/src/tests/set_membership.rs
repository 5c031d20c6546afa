//! `SetMembership`.

use contracts::{directory::v1::SetMembershipRequest, token::v1::Role};
use kit::error::Code;
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, audit_of, audited, first, operator, told, user},
    world::{ORGANIZATION, World, everywhere, from_service, refusal},
};

async fn set(world: &World, email: &str, organization: Uuid, role: i32) -> Result<(), Status> {
    let request = SetMembershipRequest { email: email.into(), organization_uuid: organization.to_string(), role };
    operator(world).set_membership(from_service(request, None)).await.map(drop)
}

async fn roles(world: &World, organization: Uuid) -> Vec<String> {
    let rows = world.rows("SELECT organization_uuid, role FROM memberships ORDER BY role").await;
    let here = rows.iter().filter(|row| row.try_get::<Uuid>("", "organization_uuid").unwrap() == organization);
    here.map(|row| row.try_get("", "role").unwrap()).collect()
}

#[tokio::test]
async fn a_user_joins_then_changes_role_and_the_same_again_is_nothing() {
    everywhere(async |world| {
        let bob = user(world, "bob@example.com").await;
        for (role, so_far, events) in
            [(Role::Member, "member", 1), (Role::Admin, "admin", 2), (Role::Admin, "admin", 2)]
        {
            set(world, "Bob@example.com", ELSEWHERE, role.into()).await.unwrap();
            assert_eq!(roles(world, ELSEWHERE).await, [so_far]);
            assert_eq!(told(world).await, vec![(bob.uuid.parse::<Uuid>().unwrap(), "user".to_owned()); events]);
        }
        let row = audit_of(world, "ORGANIZATION_MEMBER_CREATED", &bob.uuid).await;
        assert_eq!((row.organization, row.actor, row.context["type"].as_str()), (ELSEWHERE, None, Some("OPERATOR")));
        let row = audit_of(world, "ORGANIZATION_MEMBER_UPDATED", &bob.uuid).await;
        assert_eq!((row.organization, row.data), (ELSEWHERE, json!({ "role": ["member", "admin"] })));
    })
    .await;
}

#[tokio::test]
async fn the_operator_may_demote_the_last_administrator() {
    everywhere(async |world| {
        set(world, "ada@example.com", ORGANIZATION, Role::Member.into()).await.unwrap();
        assert_eq!(roles(world, ORGANIZATION).await, ["member"]);
        audit_of(world, "ORGANIZATION_MEMBER_UPDATED", &first(world).await.to_string()).await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_not_found() {
    everywhere(async |world| {
        for email in ["bob@example.com", "no address"] {
            let refused = refusal(set(world, email, ORGANIZATION, Role::Admin.into()).await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No user found"));
        }
        assert_eq!(audited(world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    everywhere(async |world| {
        let refused = refusal(set(world, "ada@example.com", ORGANIZATION, 0).await);
        assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Unprocessable, "role"));
        let request = SetMembershipRequest { email: "ada@example.com".into(), organization_uuid: "x".into(), role: 1 };
        let refused = refusal(operator(world).set_membership(from_service(request, None)).await);
        assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, "organization_uuid"));
    })
    .await;
}
