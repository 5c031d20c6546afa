//! From where an organization lets itself be managed, and who may have tokens made.

use contracts::{
    directory::v1::{
        ApiSettings, ClearAllowedAddressesRequest, CreateApiTokenRequest, ListMembersRequest, UpdateApiSettingsRequest,
        UpdateApiSettingsResponse,
    },
    token::v1::{Role, VerifyApiTokenRequest},
};
use kit::{error::Code, grpc::Caller};
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::{Response, Status};

use super::{
    people::{ELSEWHERE, audit_of, directory, join, make, member_with_token, operator, unlimited, user, wanted},
    world::{ORGANIZATION, World, caller, everywhere, everywhere_with, from_outside, from_service, refusal},
};

fn change(settings: ApiSettings, name: &str) -> UpdateApiSettingsRequest {
    let update_mask = Some(FieldMask { paths: vec![name.to_owned()] });
    let organization_uuid = ORGANIZATION.to_string();
    UpdateApiSettingsRequest { organization_uuid, settings: Some(settings), update_mask, allow_lockout: false }
}

fn listing(list: &str) -> UpdateApiSettingsRequest {
    let settings = ApiSettings { allowed_ip_addresses: Some(list.to_owned()), ..ApiSettings::default() };
    change(settings, "allowed_ip_addresses")
}

async fn update(
    world: &World,
    message: UpdateApiSettingsRequest,
) -> Result<Response<UpdateApiSettingsResponse>, Status> {
    let request = from_service(message, Some(world.api_token.expose()));
    directory(world).update_api_settings(request).await
}

/// What a request about the organization comes to from there, or why it is refused; and how many organizations the token
/// reaches from there.
async fn from(world: &World, token: &str, address: Option<&str>) -> (String, usize) {
    let caller = Caller { client_ip: address.map(|ip| ip.parse().unwrap()), ..caller(Some(token)) };
    let key = "s".repeat(32).parse().unwrap();
    let message = ListMembersRequest { organization_uuid: ORGANIZATION.to_string(), ..Default::default() };
    let listed = directory(world).list_members(caller.onward(message, &key)).await;
    let listed = listed.map_or_else(|status| refusal(Err::<(), _>(status)).reason, |_| "ok".to_owned());
    let verified = world.client().verify_api_token(caller.onward(VerifyApiTokenRequest::default(), &key)).await;
    (listed, verified.unwrap().into_inner().memberships.len())
}

#[tokio::test]
async fn an_organization_is_out_of_reach_from_where_its_list_does_not_admit() {
    everywhere_with(unlimited(), async |world| {
        let (bob, token) = member_with_token(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let (_, both) = make(world, wanted("bob@example.com")).await;
        update(world, listing(" 192.0.2.0/24  2001:db8::/32")).await.unwrap();
        for (address, expected) in [
            (Some("192.0.2.7"), "ok"),
            (Some("::ffff:192.0.2.7"), "ok"),
            (Some("2001:db8::1"), "ok"),
            (Some("198.51.100.1"), "ip_not_allowed"),
            (None, "ip_not_allowed"),
        ] {
            let reached = usize::from(expected == "ok");
            assert_eq!(from(world, &token, address).await, (expected.to_owned(), reached), "{address:?}");
            assert_eq!(from(world, &both, address).await, (expected.to_owned(), reached + 1), "{address:?}");
        }
        // It is a list of this organization's, and the change counts with the next request.
        update(world, change(ApiSettings::default(), "allowed_ip_addresses")).await.unwrap();
        assert_eq!(from(world, &token, None).await, ("ok".to_owned(), 1));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_spends_nothing() {
    everywhere(async |world| {
        update(world, listing("192.0.2.1")).await.unwrap();
        let left = async |address: &str| {
            let caller = Caller { client_ip: address.parse().ok(), ..caller(Some(world.api_token.expose())) };
            let message = ListMembersRequest { organization_uuid: ORGANIZATION.to_string(), ..Default::default() };
            let answer = directory(world).list_members(caller.onward(message, &"s".repeat(32).parse().unwrap())).await;
            let metadata = answer.map_or_else(|status| status.metadata().clone(), |reply| reply.metadata().clone());
            metadata.get("ratelimit-remaining").map(|left| left.to_str().unwrap().to_owned())
        };
        let before = left("192.0.2.1").await.unwrap();
        assert_eq!(left("192.0.2.2").await, None);
        assert_eq!(left("192.0.2.1").await.unwrap().parse::<u32>().unwrap() + 1, before.parse::<u32>().unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_list_that_shuts_its_maker_out_must_be_meant_and_the_operator_can_take_it_away() {
    everywhere(async |world| {
        for list in ["198.51.100.0/24", "10.0.0.1/8", &"192.0.2.1 ".repeat(25)] {
            let refused = refusal(update(world, listing(list)).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            assert_eq!(refused.violations[0].field, "allowed_ip_addresses");
        }
        // Who asks from outside this installation has no address that is known.
        let request = from_outside(listing("192.0.2.1"), Some(world.api_token.expose()));
        assert_eq!(refusal(directory(world).update_api_settings(request).await).reason, "validation_failed");
        update(world, UpdateApiSettingsRequest { allow_lockout: true, ..listing("198.51.100.1") }).await.unwrap();
        assert_eq!(refusal(update(world, listing("192.0.2.1")).await).reason, "ip_not_allowed");
        let clear = || ClearAllowedAddressesRequest { organization_uuid: ORGANIZATION.to_string() };
        let refused = operator(world).clear_allowed_addresses(from_outside(clear(), None)).await;
        assert_eq!(refusal(refused).reason, "service_key_required");
        operator(world).clear_allowed_addresses(from_service(clear(), None)).await.unwrap();
        let reply = update(world, listing("192.0.2.1")).await.unwrap().into_inner();
        assert_eq!(reply.settings.unwrap().allowed_ip_addresses.as_deref(), Some("192.0.2.1"));
        let rows = world.audit().await;
        let changes: Vec<_> = rows.iter().filter(|row| row.kind == "ORGANIZATION_API_SETTINGS_UPDATED").collect();
        let data: Vec<_> = changes.iter().map(|row| row.data["allowed_ip_addresses"].clone()).collect();
        assert!(data.contains(&json!([Value::Null, "198.51.100.1"])) && data.contains(&json!(["198.51.100.1", null])));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_named_stays_and_strange_names_are_refused() {
    everywhere(async |world| {
        update(world, listing("192.0.2.1")).await.unwrap();
        let settings = ApiSettings { revoke_inactive_tokens_after_days: Some(30), ..ApiSettings::default() };
        let reply = update(world, change(settings, "revoke_inactive_tokens_after_days")).await.unwrap().into_inner();
        let after = reply.settings.unwrap();
        assert_eq!(after.revoke_inactive_tokens_after_days, Some(30));
        assert_eq!(after.allowed_ip_addresses.as_deref(), Some("192.0.2.1"));
        let refused = refusal(update(world, change(ApiSettings::default(), "url")).await);
        assert_eq!(
            (refused.reason.as_str(), refused.violations[0].field.as_str()),
            ("validation_failed", "update_mask")
        );
    })
    .await;
}

#[tokio::test]
async fn a_restricting_organization_lets_administrators_alone_have_tokens_made() {
    everywhere(async |world| {
        let (bob, _) = member_with_token(world, "bob@example.com", Role::Member).await;
        let settings = ApiSettings { restrict_user_api_token_creation: true, ..ApiSettings::default() };
        update(world, change(settings, "restrict_user_api_token_creation")).await.unwrap();
        let row = audit_of(world, "ORGANIZATION_API_SETTINGS_UPDATED", &ORGANIZATION.to_string()).await;
        assert_eq!(row.data, json!({"restrict_user_api_token_creation": [false, true]}));
        let create = async |wanted: CreateApiTokenRequest| {
            operator(world).create_api_token(from_service(wanted, None)).await.map(tonic::Response::into_inner)
        };
        let named = CreateApiTokenRequest { organization_uuids: vec![ORGANIZATION.to_string()], ..wanted(&bob.email) };
        for refused in [create(wanted(&bob.email)).await, create(named.clone()).await] {
            let refused = refusal(refused);
            assert_eq!(
                (refused.reason.as_str(), refused.violations[0].field.as_str()),
                ("validation_failed", "organization_uuids")
            );
            assert!(refused.message.contains("administrators alone"), "{}", refused.message);
        }
        create(wanted("ada@example.com")).await.unwrap();
        join(world, &bob, ELSEWHERE, Role::Member).await;
        // Of all organizations those are meant that let them.
        let (_, value) = make(world, wanted(&bob.email)).await;
        assert_eq!(from(world, &value, Some("192.0.2.1")).await, ("not_found".to_owned(), 1));
        assert_eq!(refusal(create(named).await).reason, "validation_failed");
        user(world, "nowhere@example.com").await;
        create(wanted("nowhere@example.com")).await.unwrap();
    })
    .await;
}
