//! `ListMembers` and `GetMember`.

use contracts::{
    directory::v1::{GetMemberRequest, ListMembersRequest},
    token::v1::Role,
};

use super::{
    people::{ELSEWHERE, directory, join, member, user},
    world::{ORGANIZATION, World, everywhere, from_outside},
};

async fn names(world: &World, page: u32, per_page: u32) -> (Vec<String>, u32) {
    let ask = ListMembersRequest { organization_uuid: ORGANIZATION.to_string(), page, per_page };
    let request = from_outside(ask, Some(world.api_token.expose()));
    let reply = directory(world).list_members(request).await.unwrap().into_inner();
    (reply.members.into_iter().map(|member| member.user.unwrap().name).collect(), reply.total)
}

#[tokio::test]
async fn members_are_listed_by_name_in_pages() {
    everywhere(async |world| {
        for email in ["zoe@example.com", "bob@example.com"] {
            member(world, email, Role::Member).await;
        }
        let stranger = user(world, "carl@example.com").await;
        join(world, &stranger, ELSEWHERE, Role::Member).await;
        assert_eq!(names(world, 0, 0).await, (vec!["Ada".into(), "bob".into(), "zoe".into()], 3));
        assert_eq!(names(world, 2, 2).await, (vec!["zoe".into()], 3));
        assert_eq!(names(world, 3, 2).await, (vec![], 3));
    })
    .await;
}

#[tokio::test]
async fn a_member_is_shown_with_the_role_here() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Admin).await;
        let ask = GetMemberRequest { organization_uuid: ORGANIZATION.to_string(), user_uuid: bob.uuid.clone() };
        let request = from_outside(ask, Some(world.api_token.expose()));
        let reply = directory(world).get_member(request).await.unwrap();
        assert_eq!(reply.metadata().get("ratelimit-remaining").unwrap(), "199");
        let found = reply.into_inner().member.unwrap();
        assert_eq!((found.role(), found.user.unwrap()), (Role::Member, bob));
    })
    .await;
}
