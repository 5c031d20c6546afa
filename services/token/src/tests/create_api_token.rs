//! `CreateApiToken`.

use contracts::{
    directory::v1::{CreateApiTokenRequest, CreateApiTokenResponse},
    token::v1::{Role, VerifyApiTokenRequest},
};
use kit::{
    credential::{Kind, Plain},
    error::Code,
    grpc::to_timestamp,
};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, audit_of, audited, count, join, make, member, operator, unlimited, user, wanted},
    world::{ORGANIZATION, World, at, everywhere, everywhere_with, from_service, refusal},
};

async fn create(world: &World, wanted: CreateApiTokenRequest) -> Result<CreateApiTokenResponse, Status> {
    Ok(operator(world).create_api_token(from_service(wanted, None)).await?.into_inner())
}

/// What the token verifies to: scopes and organizations.
async fn verified(world: &World, token: &str) -> Result<(Vec<String>, Vec<String>), Status> {
    let request = from_service(VerifyApiTokenRequest { organization_uuid: None }, Some(token));
    let reply = world.client().verify_api_token(request).await?.into_inner();
    let organizations = reply.memberships.into_iter().map(|place| place.organization_uuid).collect();
    Ok((reply.scopes, organizations))
}

#[tokio::test]
async fn a_token_is_what_was_asked_for() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let wanted = CreateApiTokenRequest {
            email: "BOB@example.com".into(),
            organization_uuids: vec![ELSEWHERE.to_string(), ELSEWHERE.to_string()],
            scopes: vec!["write_portals".into(), "read_user".into(), "read_user".into()],
            description: "CI".into(),
            expires_at: Some(to_timestamp(at(60))),
            never_expires: false,
            allowed_ip_addresses: Some("192.0.2.0/24  2001:db8::1".into()),
        };
        let made = create(world, wanted).await.unwrap();
        assert_eq!(Plain::parse(&made.value).unwrap().kind(), Kind::Api);
        let token = made.api_token.unwrap();
        assert_eq!(token.scopes, ["read_user", "write_portals"]);
        assert_eq!((token.description.as_str(), token.user), ("CI", Some(bob.clone())));
        assert!(made.value.ends_with(&token.last_four) && token.last_four.len() == 4);
        assert_eq!((token.created_at, token.expires_at), (Some(to_timestamp(at(0))), Some(to_timestamp(at(60)))));
        assert_eq!(token.allowed_ip_addresses.as_deref(), Some("192.0.2.0/24  2001:db8::1"));
        assert_eq!((token.last_used_at, token.last_used_ip), (None, None));
        let (scopes, organizations) = verified(world, &made.value).await.unwrap();
        assert_eq!((scopes, organizations), (token.scopes.clone(), vec![ELSEWHERE.to_string()]));
        let row = audit_of(world, "API_ACCESS_TOKEN_CREATED", &token.uuid).await;
        assert_eq!((row.organization, row.actor, row.context["type"].as_str()), (ELSEWHERE, None, Some("OPERATOR")));
        let data = json!({
            "user_uuid": bob.uuid, "last_four": token.last_four, "scopes": token.scopes, "reach": "chosen",
            "expires_at": at(60), "allowed_ip_addresses": "192.0.2.0/24  2001:db8::1",
        });
        assert_eq!(row.data, data);
        world.clock.pass(60);
        assert_eq!(refusal(verified(world, &made.value).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn without_wishes_a_token_lives_seven_days_and_reaches_what_the_user_does() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let (token, value) =
            make(world, CreateApiTokenRequest { never_expires: false, ..wanted("bob@example.com") }).await;
        assert_eq!(token.expires_at, Some(to_timestamp(at(7 * 86_400))));
        let (_, organizations) = verified(world, &value).await.unwrap();
        assert_eq!(organizations, [ORGANIZATION.to_string(), ELSEWHERE.to_string()]);
        let (token, _) = make(world, wanted("bob@example.com")).await;
        assert_eq!(token.expires_at, None);
        assert_eq!(audited(world).await.iter().filter(|kind| *kind == "API_ACCESS_TOKEN_CREATED").count(), 4);
    })
    .await;
}

#[tokio::test]
async fn an_organization_joined_later_is_not_reached() {
    everywhere(async |world| {
        let bob = user(world, "bob@example.com").await;
        let (token, value) = make(world, wanted("bob@example.com")).await;
        assert_eq!(audit_of(world, "API_ACCESS_TOKEN_CREATED", &token.uuid).await.organization, Uuid::nil());
        join(world, &bob, ORGANIZATION, Role::Admin).await;
        assert_eq!(verified(world, &value).await.unwrap().1, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn what_is_not_valid_is_refused_with_its_fields() {
    everywhere(async |world| {
        let good = || wanted("ada@example.com");
        let past = CreateApiTokenRequest { never_expires: false, expires_at: Some(to_timestamp(at(0))), ..good() };
        let many = Some("10.0.0.1 ".repeat(25));
        for (field, wanted) in [
            ("scopes", CreateApiTokenRequest { scopes: vec![], ..good() }),
            ("scopes", CreateApiTokenRequest { scopes: vec!["write_everything".into()], ..good() }),
            ("description", CreateApiTokenRequest { description: "x".repeat(256), ..good() }),
            ("expires_at", past),
            ("never_expires", CreateApiTokenRequest { expires_at: Some(to_timestamp(at(1))), ..good() }),
            ("allowed_ip_addresses", CreateApiTokenRequest { allowed_ip_addresses: many, ..good() }),
            (
                "allowed_ip_addresses",
                CreateApiTokenRequest { allowed_ip_addresses: Some("10.0.0.1/8".into()), ..good() },
            ),
            ("organization_uuids", CreateApiTokenRequest { organization_uuids: vec![ELSEWHERE.to_string()], ..good() }),
        ] {
            let refused = refusal(create(world, wanted).await);
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
            assert_eq!(refused.violations[0].field, field);
        }
        assert_eq!((count(world, "api_tokens").await, audited(world).await), (1, vec![]));
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_read_names_its_field() {
    everywhere(async |world| {
        let good = || wanted("ada@example.com");
        let no_time = contracts::directory::v1::CreateApiTokenRequest {
            expires_at: to_timestamp(at(0)).into(),
            organization_uuids: vec!["x".into()],
            ..good()
        };
        let refused = refusal(create(world, no_time).await);
        assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, "organization_uuids"));
        let mut time = to_timestamp(at(0));
        time.nanos = -1;
        let refused = refusal(create(world, CreateApiTokenRequest { expires_at: Some(time), ..good() }).await);
        assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, "expires_at"));
    })
    .await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_not_found() {
    everywhere(async |world| {
        for email in ["bob@example.com", "no address"] {
            let refused = refusal(create(world, wanted(email)).await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No user found"));
        }
    })
    .await;
}

#[tokio::test]
async fn no_token_is_made_without_the_audit_row() {
    everywhere(async |world| {
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(create(world, wanted("ada@example.com")).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(count(world, "api_tokens").await, 1);
    })
    .await;
}

#[tokio::test]
async fn the_list_of_addresses_is_asked_on_every_use() {
    everywhere_with(unlimited(), async |world| {
        for (list, admitted) in [("192.0.2.1", true), ("192.0.2.0/24 ::1", true), ("192.0.2.2", false), ("::/0", false)]
        {
            let wanted = CreateApiTokenRequest { allowed_ip_addresses: Some(list.into()), ..wanted("ada@example.com") };
            let (_, value) = make(world, wanted).await;
            match verified(world, &value).await {
                Ok(_) => assert!(admitted, "{list}"),
                refused => {
                    let refused = refusal(refused);
                    assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "ip_not_allowed"));
                    assert!(!admitted, "{list}");
                }
            }
        }
    })
    .await;
}
