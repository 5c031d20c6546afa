//! `UpdateMember`.

use contracts::{
    directory::v1::{Member, UpdateMemberRequest},
    token::v1::Role,
};
use kit::error::Code;
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{audit_of, audited, directory, first, member_with_token, told},
    world::{ORGANIZATION, World, everywhere, from_outside, refusal},
};

async fn update(world: &World, token: &str, user_uuid: &str, role: i32) -> Result<Member, Status> {
    let organization_uuid = ORGANIZATION.to_string();
    let request = UpdateMemberRequest { organization_uuid, user_uuid: user_uuid.to_owned(), role };
    Ok(directory(world).update_member(from_outside(request, Some(token))).await?.into_inner().member.unwrap())
}

#[tokio::test]
async fn a_role_is_changed_and_verifiers_are_told() {
    everywhere(async |world| {
        let (bob, token) = member_with_token(world, "bob@example.com", Role::Member).await;
        let before = told(world).await.len();
        let ada = world.api_token.expose();
        let changed = update(world, ada, &bob.uuid, Role::Admin.into()).await.unwrap();
        assert_eq!((changed.role(), changed.user.unwrap().uuid), (Role::Admin, bob.uuid.clone()));
        let row = audit_of(world, "ORGANIZATION_MEMBER_UPDATED", &bob.uuid).await;
        assert_eq!((row.actor.as_deref(), row.data), (Some("Ada"), json!({ "role": ["member", "admin"] })));
        assert_eq!(told(world).await[before..], [(bob.uuid.parse::<Uuid>().unwrap(), "user".to_owned())]);
        // Bob is an administrator at once.
        let ada = first(world).await.to_string();
        assert_eq!(update(world, &token, &ada, Role::Member.into()).await.unwrap().role(), Role::Member);
    })
    .await;
}

#[tokio::test]
async fn the_role_that_one_has_changes_nothing() {
    everywhere(async |world| {
        let ada = first(world).await.to_string();
        let same = update(world, world.api_token.expose(), &ada, Role::Admin.into()).await.unwrap();
        assert_eq!(same.role(), Role::Admin);
        assert_eq!(audited(world).await, Vec::<String>::new());
        assert_eq!(told(world).await, []);
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    everywhere(async |world| {
        let ada = first(world).await.to_string();
        let refused = refusal(update(world, world.api_token.expose(), &ada, Role::Member.into()).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "last_administrator"));
        assert_eq!(audited(world).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_role_that_there_is_not_is_refused() {
    everywhere(async |world| {
        let ada = first(world).await.to_string();
        for role in [0, 3, -1] {
            let refused = refusal(update(world, world.api_token.expose(), &ada, role).await);
            assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("validation_failed", "role"));
        }
    })
    .await;
}
