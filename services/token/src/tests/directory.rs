//! What every RPC about an organization asks of its caller.

use std::{future::Future, pin::Pin};

use contracts::{
    directory::v1::{
        ApiSettings, CreateMemberRequest, DeleteMemberRequest, GetApiSettingsRequest, GetMemberRequest,
        ListApiTokensRequest, ListMembersRequest, RemoveApiTokenOrganizationRequest, UpdateApiSettingsRequest,
        UpdateMemberRequest,
    },
    token::v1::Role,
};
use kit::{error::Code, grpc::Refusal};
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, directory, join, make, member, member_with_token, token, unlimited, user, wanted},
    world::{ORGANIZATION, World, everywhere, everywhere_with, from_outside, from_service},
};
use crate::Limits;

type Answer<'a> = Pin<Box<dyn Future<Output = Result<(), Status>> + 'a>>;

/// An RPC about an organization, what it needs, and how it is called.
struct Guarded {
    name: &'static str,
    scope: &'static str,
    administrator: bool,
    call: for<'a> fn(&'a World, Option<&'a str>, Uuid) -> Answer<'a>,
}

macro_rules! guarded {
    ($($rpc:ident($request:ident { $($member:ident: $value:expr),* }) $scope:ident $administrator:literal;)*) => {
        [$(Guarded {
            name: stringify!($rpc),
            scope: stringify!($scope),
            administrator: $administrator,
            call: |world, token, organization| {
                let message = $request { organization_uuid: organization.to_string(), $($member: $value),* };
                Box::pin(async move { directory(world).$rpc(from_outside(message, token)).await.map(drop) })
            },
        }),*]
    };
}

fn all() -> [Guarded; 9] {
    guarded! {
        list_members(ListMembersRequest { page: 0, per_page: 0 }) read_organizations false;
        get_member(GetMemberRequest { user_uuid: nobody() }) read_organizations false;
        create_member(CreateMemberRequest { email: "x".into(), name: String::new(), role: 0 })
            write_organization_settings true;
        update_member(UpdateMemberRequest { user_uuid: nobody(), role: Role::Admin.into() })
            write_organization_settings true;
        delete_member(DeleteMemberRequest { user_uuid: nobody(), wait: false }) write_organization_settings true;
        list_api_tokens(ListApiTokensRequest { page: 0, per_page: 0 }) read_organization_settings true;
        remove_api_token_organization(RemoveApiTokenOrganizationRequest { token_uuid: nobody() })
            write_organization_settings true;
        get_api_settings(GetApiSettingsRequest {}) read_organization_settings false;
        update_api_settings(UpdateApiSettingsRequest { settings: Some(ApiSettings::default()), update_mask: None, allow_lockout: false })
            write_organization_settings true;
    }
}

/// Nobody's UUID.
fn nobody() -> String {
    Uuid::from_u128(0x99).to_string()
}

#[track_caller]
fn refused(answer: Result<(), Status>, class: Code, reason: &str, message: &str, name: &str) {
    let refusal = Refusal::of(&answer.expect_err(name));
    assert_eq!((refusal.class, refusal.reason.as_str(), refusal.message.as_str()), (class, reason, message), "{name}");
}

#[tokio::test]
async fn who_presents_no_good_token_is_refused() {
    everywhere(async |world| {
        let message = "Authentication required. Please supply a valid API access token";
        let portal_token = world.issued(super::world::PORTAL).await.token;
        for Guarded { name, call, .. } in all() {
            for token in [None, Some("x"), Some(portal_token.as_str())] {
                let answer = call(world, token, ORGANIZATION).await;
                refused(answer, Code::Unauthenticated, "authentication_required", message, name);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_rpc_needs_its_scope() {
    everywhere_with(unlimited(), async |world| {
        for Guarded { name, scope, call, .. } in all() {
            let mut others = wanted("ada@example.com");
            others.scopes.retain(|other| other != scope);
            let (_, value) = make(world, others).await;
            let message = format!("Your access token doesn't have the {scope} scope");
            refused(call(world, Some(&value), ORGANIZATION).await, Code::Forbidden, "missing_scope", &message, name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_no_administrator_reads_only_what_members_may() {
    everywhere_with(unlimited(), async |world| {
        let (_, value) = member_with_token(world, "bob@example.com", Role::Member).await;
        for Guarded { name, administrator, call, .. } in all() {
            let answer = call(world, Some(&value), ORGANIZATION).await;
            if administrator {
                refused(answer, Code::Forbidden, "forbidden", "Forbidden", name);
            } else if let Err(status) = answer {
                assert_eq!(Refusal::of(&status).message, "No member found", "{name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_organization_that_the_caller_does_not_see_is_answered_as_if_it_were_not_there() {
    everywhere_with(unlimited(), async |world| {
        let other = user(world, "eve@example.com").await;
        join(world, &other, ELSEWHERE, Role::Admin).await;
        // A token of a member that doesn't reach the organization sees as little.
        let both = member(world, "bob@example.com", Role::Admin).await;
        join(world, &both, ELSEWHERE, Role::Admin).await;
        let mut narrow = wanted("bob@example.com");
        narrow.organization_uuids = vec![ORGANIZATION.to_string()];
        let (_, narrow) = make(world, narrow).await;
        for Guarded { name, call, .. } in all() {
            for (value, organization) in [
                (world.api_token.expose(), ELSEWHERE),
                (world.api_token.expose(), Uuid::from_u128(0x77)),
                (token(world, &other).await.as_str(), ORGANIZATION),
                (narrow.as_str(), ELSEWHERE),
            ] {
                let answer = call(world, Some(value), organization).await;
                refused(answer, Code::NotFound, "not_found", "No organization found", name);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_of_another_organization_is_no_member_here() {
    everywhere_with(unlimited(), async |world| {
        let other = user(world, "eve@example.com").await;
        join(world, &other, ELSEWHERE, Role::Member).await;
        let value = Some(world.api_token.expose());
        let mut answers = Vec::new();
        for user_uuid in [other.uuid, nobody()] {
            let organization_uuid = ORGANIZATION.to_string();
            let get = GetMemberRequest { organization_uuid: organization_uuid.clone(), user_uuid: user_uuid.clone() };
            let delete = DeleteMemberRequest {
                organization_uuid: organization_uuid.clone(),
                user_uuid: user_uuid.clone(),
                wait: false,
            };
            let update = UpdateMemberRequest { organization_uuid, user_uuid, role: Role::Member.into() };
            let mut client = directory(world);
            answers.push(client.get_member(from_outside(get, value)).await.unwrap_err());
            answers.push(client.delete_member(from_outside(delete, value)).await.unwrap_err());
            answers.push(client.update_member(from_outside(update, value)).await.unwrap_err());
        }
        for status in &answers {
            assert_eq!((status.message(), status.details()), (answers[0].message(), answers[0].details()));
        }
        assert_eq!(Refusal::of(&answers[0]).message, "No member found");
    })
    .await;
}

#[tokio::test]
async fn each_rpc_is_counted_and_refused_over_the_rate() {
    everywhere_with(Limits { rest_user_per_minute: 9, ..Limits::default() }, async |world| {
        for Guarded { call, .. } in all() {
            let _ = call(world, Some(world.api_token.expose()), ORGANIZATION).await;
        }
        for Guarded { name, call, .. } in all() {
            let status = call(world, Some(world.api_token.expose()), ORGANIZATION).await.unwrap_err();
            assert_eq!(Refusal::of(&status).reason, "rate_limited", "{name}");
            assert_eq!(status.metadata().get("ratelimit-user-remaining").unwrap(), "0", "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_with_a_list_is_good_from_its_addresses_only() {
    everywhere_with(unlimited(), async |world| {
        let admit = "UPDATE api_tokens SET allowed_ip_addresses = $1";
        let message = "Request IP is not allowed for this access token";
        for list in ["198.51.100.0/24", "nonsense"] {
            world.tamper(admit, vec![list.into()]).await;
            for Guarded { name, call, .. } in all() {
                let answer = call(world, Some(world.api_token.expose()), ORGANIZATION).await;
                refused(answer, Code::Forbidden, "ip_not_allowed", message, name);
            }
        }
        world.tamper(admit, vec!["192.0.2.0/24".into()]).await;
        let ask = || ListMembersRequest { organization_uuid: ORGANIZATION.to_string(), page: 0, per_page: 0 };
        // A part of the installation vouches for 192.0.2.1; from outside nothing is known.
        let value = Some(world.api_token.expose());
        directory(world).list_members(from_service(ask(), value)).await.unwrap();
        let answer = directory(world).list_members(from_outside(ask(), value)).await.map(drop);
        refused(answer, Code::Forbidden, "ip_not_allowed", message, "list_members");
    })
    .await;
}

#[tokio::test]
async fn a_token_that_can_not_be_looked_up_is_no_answer() {
    everywhere_with(unlimited(), async |world| {
        world.tamper("ALTER TABLE api_tokens RENAME TO gone", vec![]).await;
        for Guarded { name, call, .. } in all() {
            let answer = call(world, Some(world.api_token.expose()), ORGANIZATION).await;
            let message = "The credential can't be verified right now";
            refused(answer, Code::Unavailable, "verification_unavailable", message, name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_bad_uuid_names_its_field() {
    everywhere_with(unlimited(), async |world| {
        let value = Some(world.api_token.expose());
        let bad = ListMembersRequest { organization_uuid: "x".into(), page: 0, per_page: 0 };
        let status = directory(world).list_members(from_outside(bad, value)).await.unwrap_err();
        assert_eq!(Refusal::of(&status).violations[0].field, "organization_uuid");
        let bad = GetMemberRequest { organization_uuid: ORGANIZATION.to_string(), user_uuid: "x".into() };
        let status = directory(world).get_member(from_outside(bad, value)).await.unwrap_err();
        assert_eq!(Refusal::of(&status).violations[0].field, "user_uuid");
        let organization_uuid = ORGANIZATION.to_string();
        let bad = RemoveApiTokenOrganizationRequest { organization_uuid, token_uuid: "x".into() };
        let status = directory(world).remove_api_token_organization(from_outside(bad, value)).await.unwrap_err();
        assert_eq!(Refusal::of(&status).violations[0].field, "token_uuid");
        let bad = UpdateApiSettingsRequest {
            organization_uuid: ORGANIZATION.to_string(),
            settings: None,
            ..Default::default()
        };
        let status = directory(world).update_api_settings(from_outside(bad, value)).await.unwrap_err();
        assert_eq!(Refusal::of(&status).violations[0].field, "settings");
    })
    .await;
}
