//! `ListMemberships`.

use contracts::{
    directory::v1::{ListMembershipsRequest, ListedMember, MembershipOrder, MembershipPlace, UserSet},
    token::v1::Role,
};
use kit::error::Code;
use tonic::Status;

use super::{
    people::{ELSEWHERE, join, member, operator, user},
    world::{ORGANIZATION, World, everywhere, from_outside, from_service, refusal},
};

fn asking() -> ListMembershipsRequest {
    ListMembershipsRequest { organization_uuid: ORGANIZATION.to_string(), limit: 10, ..Default::default() }
}

async fn ask(world: &World, request: ListMembershipsRequest) -> Result<(Vec<ListedMember>, u32), Status> {
    let reply = operator(world).list_memberships(from_service(request, None)).await?.into_inner();
    Ok((reply.members, reply.total))
}

fn name(listed: &ListedMember) -> String {
    listed.member.clone().unwrap().user.unwrap().name
}

async fn names(world: &World, request: ListMembershipsRequest) -> Vec<String> {
    ask(world, request).await.unwrap().0.iter().map(name).collect()
}

#[tokio::test]
async fn members_are_narrowed() {
    everywhere(async |world| {
        let zoe = member(world, "zoe@example.com", Role::Member).await;
        world.clock.pass(1);
        let bob = member(world, "bob@example.com", Role::Admin).await;
        let stranger = user(world, "carl@example.com").await;
        join(world, &stranger, ELSEWHERE, Role::Member).await;
        let set = |uuids: &[&String]| Some(UserSet { uuids: uuids.iter().copied().cloned().collect() });
        let by_name = || ListMembershipsRequest { order: MembershipOrder::Name.into(), count: true, ..asking() };
        for (request, expected) in [
            (by_name(), vec!["Ada", "bob", "zoe"]),
            (ListMembershipsRequest { users: set(&[&zoe.uuid, &stranger.uuid]), ..by_name() }, vec!["zoe"]),
            (ListMembershipsRequest { users: set(&[]), ..by_name() }, vec![]),
            (ListMembershipsRequest { except: set(&[&zoe.uuid]), ..by_name() }, vec!["Ada", "bob"]),
            (ListMembershipsRequest { roles: vec![Role::Admin.into()], ..by_name() }, vec!["Ada", "bob"]),
            (ListMembershipsRequest { search: Some("O".into()), ..by_name() }, vec!["bob", "zoe"]),
            (ListMembershipsRequest { search: Some("%".into()), ..by_name() }, vec![]),
            (ListMembershipsRequest { email: Some("BOB@example.com".into()), ..by_name() }, vec!["bob"]),
        ] {
            let (found, total) = ask(world, request.clone()).await.unwrap();
            assert_eq!(found.iter().map(name).collect::<Vec<_>>(), expected, "{request:?}");
            assert_eq!(usize::try_from(total).unwrap(), expected.len(), "{request:?}");
        }
        assert_eq!(names(world, asking()).await.first().unwrap(), &bob.name, "who came last comes first");
        let (none, total) = ask(world, ListMembershipsRequest { limit: 0, count: true, ..asking() }).await.unwrap();
        assert_eq!((none.len(), total), (0, 3));
    })
    .await;
}

#[tokio::test]
async fn every_member_is_on_one_page_in_either_order_and_direction() {
    everywhere(async |world| {
        for email in ["zoe@example.com", "Bob@example.com", "dan@example.com", "carl@example.com"] {
            member(world, email, Role::Member).await;
            // Two come at the same time.
            world.clock.pass(i64::from(email != "dan@example.com"));
        }
        for order in [MembershipOrder::Name, MembershipOrder::RecentlyJoined] {
            let whole = ListMembershipsRequest { order: order.into(), ..asking() };
            let all = names(world, whole.clone()).await;
            assert_eq!(all.len(), 5);
            for backwards in [false, true] {
                let mut found: Vec<String> = Vec::new();
                let mut place = None;
                loop {
                    let page = ListMembershipsRequest { limit: 2, backwards, ..whole.clone() };
                    let page = if backwards {
                        ListMembershipsRequest { before: place, ..page }
                    } else {
                        ListMembershipsRequest { after: place, ..page }
                    };
                    let (part, _) = ask(world, page).await.unwrap();
                    let Some(last) = part.last() else { break };
                    found.extend(part.iter().map(name));
                    let user_uuid = last.member.clone().unwrap().user.unwrap().uuid;
                    place = Some(MembershipPlace { user_uuid, name: name(last), joined_at: last.joined_at });
                }
                if backwards {
                    found.reverse();
                }
                assert_eq!(found, all, "{order:?} {backwards}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn services_alone_ask_and_a_bad_question_names_its_field() {
    everywhere(async |world| {
        let request = from_outside(asking(), Some(world.api_token.expose()));
        let refused = refusal(operator(world).list_memberships(request).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "service_key_required"));
        let place = MembershipPlace { user_uuid: ORGANIZATION.to_string(), name: String::new(), joined_at: None };
        for (request, field) in [
            (ListMembershipsRequest { organization_uuid: "x".into(), ..asking() }, "organization_uuid"),
            (ListMembershipsRequest { limit: 1_001, ..asking() }, "limit"),
            (ListMembershipsRequest { users: Some(UserSet { uuids: vec!["x".into()] }), ..asking() }, "users"),
            (
                ListMembershipsRequest { except: Some(UserSet { uuids: vec![String::new(); 1_001] }), ..asking() },
                "except",
            ),
            (ListMembershipsRequest { roles: vec![0], ..asking() }, "role"),
            (ListMembershipsRequest { search: Some("\0".into()), ..asking() }, "search"),
            (ListMembershipsRequest { after: Some(place), ..asking() }, "after"),
        ] {
            let refused = refusal(ask(world, request).await);
            assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, field));
        }
    })
    .await;
}
