//! `CreateServiceToken`, `ListServiceTokens`, `DeleteServiceToken`, and who may do what to a portal's tokens.

use contracts::{
    credential::v1::{
        CreateServiceTokenRequest, CreateServiceTokenResponse, DeleteLiveTokenRequest, DeleteServiceTokenRequest,
        ListLiveTokensRequest, ListServiceTokensRequest, ListServiceTokensResponse, PortalReference,
        RevokeLiveTokensRequest,
    },
    token::v1::PortalTokenKind,
};
use kit::{
    error::Code,
    grpc::{Refusal, to_timestamp},
};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    console::reference,
    revoke_portal::revoke,
    world::{ORGANIZATION, PORTAL, World, at, caller, everywhere, everywhere_with, from_service, issue, refusal},
};
use crate::Limits;

const OTHER: Uuid = Uuid::from_u128(0x0c);
const STRANGE: Uuid = Uuid::from_u128(0x99);

fn unlimited() -> Limits {
    Limits { rest_user_per_minute: 0, ..Limits::default() }
}

fn wish(portal: Uuid) -> CreateServiceTokenRequest {
    CreateServiceTokenRequest {
        portal: reference(portal),
        description: "Nightly".into(),
        expires_at: None,
        allowed_ip_addresses: None,
    }
}

async fn create(world: &World, request: CreateServiceTokenRequest) -> Result<CreateServiceTokenResponse, Status> {
    let request = from_service(request, Some(world.api_token.expose()));
    Ok(world.credentials().create_service_token(request).await?.into_inner())
}

async fn list(world: &World, page: u32, per_page: u32) -> ListServiceTokensResponse {
    let request = ListServiceTokensRequest { portal: reference(PORTAL), page, per_page };
    let request = from_service(request, Some(world.api_token.expose()));
    world.credentials().list_service_tokens(request).await.unwrap().into_inner()
}

async fn delete(world: &World, portal: Uuid, token: &str) -> Result<(), Status> {
    let request = DeleteServiceTokenRequest { portal: reference(portal), token_uuid: token.into(), wait: false };
    let request = from_service(request, Some(world.api_token.expose()));
    world.credentials().delete_service_token(request).await.map(|_done| ())
}

/// What each of the RPCs about a portal's tokens says to who presents `token`, those that only read first.
async fn every_rpc(world: &World, token: &str, portal: Option<PortalReference>) -> Vec<Option<Refusal>> {
    let (mut client, bearer, uuid) = (world.credentials(), Some(token), Uuid::nil().to_string());
    let lists = ListServiceTokensRequest { portal: portal.clone(), page: 0, per_page: 0 };
    let lives = ListLiveTokensRequest { portal: portal.clone(), page: 0, per_page: 0 };
    let ends = DeleteServiceTokenRequest { portal: portal.clone(), token_uuid: uuid.clone(), wait: false };
    let ends_live = DeleteLiveTokenRequest { portal: portal.clone(), token_uuid: uuid, wait: false };
    let ends_all = RevokeLiveTokensRequest { portal: portal.clone(), wait: false };
    let makes = CreateServiceTokenRequest { portal, ..wish(PORTAL) };
    let refused = |answer: Option<Status>| answer.map(|status| Refusal::of(&status));
    vec![
        refused(client.list_service_tokens(from_service(lists, bearer)).await.err()),
        refused(client.list_live_tokens(from_service(lives, bearer)).await.err()),
        refused(client.create_service_token(from_service(makes, bearer)).await.err()),
        refused(client.delete_service_token(from_service(ends, bearer)).await.err()),
        refused(client.delete_live_token(from_service(ends_live, bearer)).await.err()),
        refused(client.revoke_live_tokens(from_service(ends_all, bearer)).await.err()),
    ]
}

fn reasons(outcomes: Vec<Option<Refusal>>) -> Vec<String> {
    outcomes.into_iter().map(|refused| refused.map_or_else(String::new, |refused| refused.reason)).collect()
}

#[tokio::test]
async fn a_token_is_made_as_asked_for_and_calls_its_portal() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        world.clock.pass(1);
        let wish = CreateServiceTokenRequest {
            expires_at: Some(to_timestamp(at(60))),
            allowed_ip_addresses: Some(" 192.0.2.0/24  2001:db8::1".into()),
            ..wish(PORTAL)
        };
        let made = create(world, wish).await.unwrap();
        let token = made.service_token.unwrap();
        assert!(made.value.ends_with(&token.last_four));
        assert_eq!((token.kind(), token.description.as_str()), (PortalTokenKind::Service, "Nightly"));
        assert_eq!(token.created_by.as_ref().unwrap().name, "Ada");
        assert_eq!((token.created_at, token.expires_at), (Some(to_timestamp(at(1))), Some(to_timestamp(at(60)))));
        assert_eq!(list(world, 0, 0).await.service_tokens[1], token, "the list shows the same");
        let verdict = world.verify(&made.value).await.unwrap();
        assert_eq!(verdict.allowed_ip_addresses.as_deref(), Some(" 192.0.2.0/24  2001:db8::1"), "byte for byte");
        assert_eq!((verdict.portal_uuid, verdict.depends_on), (PORTAL.to_string(), Vec::<String>::new()));
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.subject.to_string() == token.uuid).unwrap();
        assert_eq!((row.kind.as_str(), row.actor.as_deref()), ("PORTAL_TOKEN_CREATED", Some("Ada")));
        let data = json!({
            "portal_uuid": PORTAL, "kind": "service", "last_four": token.last_four, "expires_at": at(60),
            "allowed_ip_addresses": " 192.0.2.0/24  2001:db8::1",
        });
        assert_eq!(row.data, data);
        let credential: Uuid = world.rows("SELECT uuid FROM api_tokens").await[0].try_get("", "uuid").unwrap();
        assert_eq!(row.context, kit::audit::context(&caller(None), Some(credential)));
    })
    .await;
}

#[tokio::test]
async fn every_fault_of_a_wish_is_named() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let bad = CreateServiceTokenRequest {
            description: "\0".repeat(256),
            expires_at: Some(to_timestamp(at(0))),
            allowed_ip_addresses: Some("10.0.0.1/8".into()),
            ..wish(PORTAL)
        };
        let refused = refusal(create(world, bad).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
        let fields: Vec<_> = refused.violations.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["description", "description", "expires_at", "allowed_ip_addresses"]);
        let longest = CreateServiceTokenRequest { description: "é".repeat(255), ..wish(PORTAL) };
        create(world, longest).await.unwrap();
        let many = CreateServiceTokenRequest { allowed_ip_addresses: Some("::1 ".repeat(25)), ..wish(PORTAL) };
        assert_eq!(refusal(create(world, many).await).reason, "validation_failed");
        let mut never = to_timestamp(at(0));
        never.seconds = i64::MAX;
        let never = CreateServiceTokenRequest { expires_at: Some(never), ..wish(PORTAL) };
        let refused = refusal(create(world, never).await);
        assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, "expires_at"));
    })
    .await;
}

#[tokio::test]
async fn a_portal_has_ten_tokens_at_most() {
    everywhere_with(unlimited(), async |world| {
        for _ in 0..10 {
            world.issued(PORTAL).await;
        }
        let refused = refusal(create(world, wish(PORTAL)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "too_many_tokens"));
        let first = list(world, 1, 1).await.service_tokens[0].uuid.clone();
        delete(world, PORTAL, &first).await.unwrap();
        create(world, wish(PORTAL)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn lists_show_the_portals_tokens_oldest_first_and_expired_ones_too() {
    everywhere(async |world| {
        let (first, _) = (world.issued(PORTAL).await, world.issued(OTHER).await);
        let (ends, mut expected) = (Some(to_timestamp(at(3))), vec![first.token_uuid]);
        for _ in 0..3 {
            world.clock.pass(1);
            let expires_at = ends.filter(|_| expected.len() == 1);
            let made = create(world, CreateServiceTokenRequest { expires_at, ..wish(PORTAL) }).await.unwrap();
            expected.push(made.service_token.unwrap().uuid);
        }
        let uuids = |page: ListServiceTokensResponse| page.service_tokens.into_iter().map(|token| token.uuid);
        assert_eq!(uuids(list(world, 0, 0).await).collect::<Vec<_>>(), expected);
        let page = list(world, 2, 3).await;
        assert_eq!(page.total, 4);
        assert_eq!(uuids(page).collect::<Vec<_>>(), expected[3..]);
        assert_eq!(uuids(list(world, 3, 3).await).count(), 0);
        delete(world, PORTAL, &expected[1]).await.unwrap();
        assert_eq!(list(world, 0, 0).await.total, 3);
        let used = vec![at(1).into(), "192.0.2.7".into()];
        world.tamper("UPDATE portal_tokens SET last_used_at = $1, last_used_ip = $2", used).await;
        let shown = &list(world, 0, 0).await.service_tokens[0];
        assert_eq!((shown.last_used_at, shown.last_used_ip.as_deref()), (Some(to_timestamp(at(1))), Some("192.0.2.7")));
    })
    .await;
}

#[tokio::test]
async fn a_removed_token_is_refused_and_its_end_announced() {
    everywhere(async |world| {
        let (one, other) = (world.issued(PORTAL).await, world.issued(PORTAL).await);
        delete(world, PORTAL, &one.token_uuid).await.unwrap();
        assert_eq!(refusal(world.verify(&one.token).await).reason, "authentication_required");
        world.verify(&other.token).await.unwrap();
        let events = world.rows("SELECT subject_uuid, kinds FROM revocations").await;
        let subject: Uuid = events[0].try_get("", "subject_uuid").unwrap();
        let kinds: String = events[0].try_get("", "kinds").unwrap();
        assert_eq!((events.len(), subject.to_string(), kinds.as_str()), (1, one.token_uuid.clone(), ""));
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.kind == "PORTAL_TOKEN_DELETED").unwrap();
        assert_eq!((row.actor.as_deref(), row.subject.to_string()), (Some("Ada"), one.token_uuid.clone()));
        assert_eq!(row.data, json!({ "portal_uuid": PORTAL }));
        let again = refusal(delete(world, PORTAL, &one.token_uuid).await);
        assert_eq!((again.class, again.message.as_str()), (Code::NotFound, "No service token found"));
        assert_eq!(world.rows("SELECT sequence FROM revocations").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_service_tokens_of_that_portal_are_removed() {
    everywhere(async |world| {
        let (mine, theirs) = (world.issued(PORTAL).await, world.issued(OTHER).await);
        for uuid in ["", "x", &Uuid::nil().to_string(), &theirs.token_uuid] {
            assert_eq!(refusal(delete(world, PORTAL, uuid).await).message, "No service token found", "{uuid}");
        }
        world.tamper("UPDATE portal_tokens SET kind = 'ephemeral' WHERE portal_uuid = $1", vec![PORTAL.into()]).await;
        assert_eq!(refusal(delete(world, PORTAL, &mine.token_uuid).await).message, "No service token found");
        world.verify(&mine.token).await.unwrap();
        world.verify(&theirs.token).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_the_caller_lacks_is_said_before_anything_is_done() {
    everywhere_with(unlimited(), async |world| {
        let token = world.issued(PORTAL).await.token;
        let api = world.api_token.expose();
        let asked = async |token: &str| reasons(every_rpc(world, token, reference(PORTAL)).await);
        assert_eq!(asked(&token).await, ["authentication_required"; 6]);
        world.tamper("UPDATE memberships SET role = 'member'", vec![]).await;
        let outcomes = asked(api).await;
        assert_eq!(outcomes, ["", "", "forbidden", "forbidden", "forbidden", "forbidden"]);
        world.tamper("UPDATE api_tokens SET scopes = 'read_user'", vec![]).await;
        let outcomes = every_rpc(world, api, reference(PORTAL)).await;
        let said: Vec<_> = outcomes.into_iter().flatten().map(|refused| refused.message).collect();
        assert_eq!(said[..2], ["Your access token doesn't have the read_portals scope"; 2]);
        assert_eq!(said[2..], ["Your access token doesn't have the write_portals scope"; 4]);
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_portal_that_is_not_there_and_one_of_strangers_look_alike() {
    everywhere_with(unlimited(), async |world| {
        world.issued(PORTAL).await;
        let (api, mine) = (world.api_token.expose(), ORGANIZATION.to_string());
        let at = |organization: Uuid, portal: Uuid| {
            Some(PortalReference { organization_uuid: organization.to_string(), portal_uuid: portal.to_string() })
        };
        let strangers =
            contracts::token::v1::IssueServiceTokenRequest { organization_uuid: STRANGE.to_string(), ..issue(OTHER) };
        world.client().issue_service_token(from_service(strangers, None)).await.unwrap();
        let portals = [at(ORGANIZATION, OTHER), at(ORGANIZATION, Uuid::nil()), at(STRANGE, OTHER), at(STRANGE, PORTAL)];
        for portal in portals {
            for refused in every_rpc(world, api, portal.clone()).await {
                let refused = refused.unwrap();
                assert_eq!(
                    (refused.class, refused.message.as_str()),
                    (Code::NotFound, "No portal found"),
                    "{portal:?}"
                );
            }
        }
        let nowhere = PortalReference { organization_uuid: mine, portal_uuid: "x".into() };
        assert_eq!(reasons(every_rpc(world, api, Some(nowhere)).await), ["invalid_request"; 6]);
        assert_eq!(reasons(every_rpc(world, api, None).await), ["invalid_request"; 6]);
        world.client().revoke_portal(from_service(revoke(PORTAL), None)).await.unwrap();
        assert_eq!(reasons(every_rpc(world, api, reference(PORTAL)).await), ["not_found"; 6]);
    })
    .await;
}

#[tokio::test]
async fn a_caller_over_the_rate_waits() {
    everywhere_with(Limits { rest_user_per_minute: 1, ..Limits::default() }, async |world| {
        world.issued(PORTAL).await;
        let outcomes = reasons(every_rpc(world, world.api_token.expose(), reference(PORTAL)).await);
        assert_eq!(outcomes, ["", "rate_limited", "rate_limited", "rate_limited", "rate_limited", "rate_limited"]);
    })
    .await;
}
