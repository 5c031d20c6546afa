//! `ListApiTokens` and `RemoveApiTokenOrganization`.

use contracts::{
    directory::v1::{
        ApiToken, CreateApiTokenRequest, ExportApiTokensRequest, ListApiTokensRequest,
        RemoveApiTokenOrganizationRequest,
    },
    token::v1::{Role, VerifyApiTokenRequest},
};
use kit::{error::Code, grpc::to_timestamp};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, all_at_once, audit_of, audited, directory, join, make, member, user, wanted},
    world::{ORGANIZATION, World, at, everywhere, from_outside, from_service, refusal},
};

async fn list(world: &World, page: u32, per_page: u32) -> (Vec<ApiToken>, u32) {
    let request = ListApiTokensRequest { organization_uuid: ORGANIZATION.to_string(), page, per_page };
    let request = from_outside(request, Some(world.api_token.expose()));
    let reply = directory(world).list_api_tokens(request).await.unwrap().into_inner();
    (reply.api_tokens, reply.total)
}

/// Every part of an export.
async fn export(world: &World) -> Vec<Vec<ApiToken>> {
    let request = ExportApiTokensRequest { organization_uuid: ORGANIZATION.to_string() };
    let request = from_outside(request, Some(world.api_token.expose()));
    let mut stream = directory(world).export_api_tokens(request).await.unwrap().into_inner();
    let mut parts = Vec::new();
    while let Some(part) = stream.message().await.unwrap() {
        parts.push(part.api_tokens);
    }
    parts
}

async fn remove(world: &World, token_uuid: &str) -> Result<(), Status> {
    let organization_uuid = ORGANIZATION.to_string();
    let request = RemoveApiTokenOrganizationRequest { organization_uuid, token_uuid: token_uuid.into() };
    let request = from_outside(request, Some(world.api_token.expose()));
    directory(world).remove_api_token_organization(request).await.map(drop)
}

#[tokio::test]
async fn tokens_that_count_and_reach_the_organization_are_listed_newest_first() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Member).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        world.clock.pass(1);
        let (second, value) = make(world, wanted("bob@example.com")).await;
        world.clock.pass(1);
        let expires_at = Some(to_timestamp(at(9)));
        let ending = CreateApiTokenRequest { never_expires: false, expires_at, ..wanted("bob@example.com") };
        let (third, _) = make(world, ending).await;
        let elsewhere =
            CreateApiTokenRequest { organization_uuids: vec![ELSEWHERE.to_string()], ..wanted("bob@example.com") };
        make(world, elsewhere).await;
        let (tokens, total) = list(world, 0, 0).await;
        assert_eq!((total, &tokens[..2]), (3, &[third.clone(), second.clone()][..]));
        assert_eq!(tokens[2].user.as_ref().unwrap().email, "ada@example.com");
        assert_eq!(list(world, 2, 2).await, (tokens[2..].to_vec(), 3));
        assert_eq!(export(world).await, [tokens[..2].to_vec(), tokens[2..].to_vec()], "in parts of two");
        assert!(!format!("{tokens:?}").contains(&value[10..40]), "no value is ever shown again");
        world.clock.pass(7);
        assert_eq!(list(world, 0, 0).await.1, 2, "an expired one reaches nothing");
        let revoke = "UPDATE api_tokens SET revoked_at = $1 WHERE uuid = $2";
        world.tamper(revoke, vec![at(9).into(), second.uuid.parse::<Uuid>().unwrap().into()]).await;
        assert_eq!(list(world, 0, 0).await.1, 1, "and so does a revoked one");
    })
    .await;
}

#[tokio::test]
async fn a_removed_organization_is_out_of_reach_for_good() {
    everywhere(async |world| {
        let bob = member(world, "bob@example.com", Role::Admin).await;
        join(world, &bob, ELSEWHERE, Role::Member).await;
        let (token, value) = make(world, wanted("bob@example.com")).await;
        remove(world, &token.uuid).await.unwrap();
        let row = audit_of(world, "API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED", &token.uuid).await;
        assert_eq!((row.organization, row.actor.as_deref()), (ORGANIZATION, Some("Ada")));
        let data = json!({ "user_uuid": bob.uuid, "last_four": token.last_four, "reason": "asked" });
        assert_eq!(row.data, data);
        join(world, &bob, ORGANIZATION, Role::Member).await;
        let request = from_service(VerifyApiTokenRequest { organization_uuid: None }, Some(&value));
        let places = world.client().verify_api_token(request).await.unwrap().into_inner().memberships;
        let places: Vec<_> = places.into_iter().map(|place| place.organization_uuid).collect();
        assert_eq!(places, [ELSEWHERE.to_string()]);
        let refused = refusal(remove(world, &token.uuid).await);
        assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No API access token found"));
    })
    .await;
}

#[tokio::test]
async fn a_token_that_reaches_nothing_more_stays_its_users() {
    everywhere(async |world| {
        member(world, "bob@example.com", Role::Member).await;
        let (token, value) = make(world, wanted("bob@example.com")).await;
        remove(world, &token.uuid).await.unwrap();
        let request = from_service(VerifyApiTokenRequest { organization_uuid: None }, Some(&value));
        assert_eq!(world.client().verify_api_token(request).await.unwrap().into_inner().memberships, []);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_does_not_reach_the_organization_is_answered_as_if_it_were_not_there() {
    everywhere(async |world| {
        user(world, "bob@example.com").await;
        let (token, _) = make(world, wanted("bob@example.com")).await;
        let answers = [
            remove(world, &token.uuid).await.unwrap_err(),
            remove(world, &Uuid::from_u128(0x99).to_string()).await.unwrap_err(),
        ];
        assert_eq!((answers[0].message(), answers[0].details()), (answers[1].message(), answers[1].details()));
        assert_eq!(refusal(Err::<(), _>(answers[0].clone())).message, "No API access token found");
    })
    .await;
}

#[tokio::test]
async fn of_many_removals_at_once_one_counts() {
    everywhere(async |world| {
        member(world, "bob@example.com", Role::Member).await;
        let (token, _) = make(world, wanted("bob@example.com")).await;
        let outcomes = all_at_once((0..8).map(|_| remove(world, &token.uuid))).await;
        assert_eq!(outcomes.into_iter().flatten().count(), 1);
        let removed = audited(world).await.into_iter().filter(|kind| kind.ends_with("ACCESS_REVOKED")).count();
        assert_eq!(removed, 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_removed_without_the_audit_row() {
    everywhere(async |world| {
        member(world, "bob@example.com", Role::Member).await;
        let (token, _) = make(world, wanted("bob@example.com")).await;
        world.tamper("ALTER TABLE audit_events RENAME TO gone", vec![]).await;
        let refused = refusal(remove(world, &token.uuid).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(list(world, 0, 0).await.1, 2);
    })
    .await;
}
