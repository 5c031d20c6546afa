//! `VerifyApiToken`.

use contracts::token::v1::{Role, VerifyApiTokenRequest, VerifyApiTokenResponse};
use kit::{
    credential::Kind,
    error::Code,
    grpc::{Caller, Refusal},
};
use tonic::{Response, Status, metadata::MetadataMap};
use uuid::Uuid;

use super::world::{
    ORGANIZATION, PORTAL, World, at, everywhere, everywhere_with, from_outside, from_service, random_token, refusal,
};
use crate::Limits;

const STRANGE: Uuid = Uuid::from_u128(0x99);

fn about(organization: Option<Uuid>) -> VerifyApiTokenRequest {
    VerifyApiTokenRequest { organization_uuid: organization.map(|uuid| uuid.to_string()) }
}

async fn verify(world: &World, organization: Option<Uuid>) -> Result<Response<VerifyApiTokenResponse>, Status> {
    let request = from_service(about(organization), Some(world.api_token.expose()));
    world.client().verify_api_token(request).await
}

fn figures<'a>(metadata: &'a MetadataMap, prefix: &str) -> Option<[&'a str; 3]> {
    let read = |name| metadata.get(format!("{prefix}-{name}"))?.to_str().ok();
    Some([read("limit")?, read("remaining")?, read("reset")?])
}

#[tokio::test]
async fn a_good_token_names_user_scopes_and_memberships() {
    everywhere(async |world| {
        let verdict = verify(world, None).await.unwrap().into_inner();
        let user = verdict.user.unwrap();
        assert_eq!((user.name.as_str(), user.email.as_str()), ("Ada", "ada@example.com"));
        assert_eq!(user.created_at, Some(kit::grpc::to_timestamp(at(0))));
        assert!(verdict.scopes.is_sorted() && verdict.scopes.len() == 14, "{:?}", verdict.scopes);
        let places: Vec<_> = verdict.memberships.iter().map(|m| (m.organization_uuid.clone(), m.role())).collect();
        assert_eq!(places, [(ORGANIZATION.to_string(), Role::Admin)]);
    })
    .await;
}

#[tokio::test]
async fn only_memberships_that_the_token_reaches_count() {
    everywhere(async |world| {
        let copy = "INSERT INTO memberships SELECT user_uuid, $1, role, created_at FROM memberships";
        world.tamper(copy, vec![STRANGE.into()]).await;
        assert_eq!(verify(world, None).await.unwrap().into_inner().memberships.len(), 1);
        let reach = "INSERT INTO api_token_organizations SELECT token_uuid, $1 FROM api_token_organizations";
        world.tamper(reach, vec![STRANGE.into()]).await;
        assert_eq!(verify(world, None).await.unwrap().into_inner().memberships.len(), 2);
        world.tamper("DELETE FROM memberships", vec![]).await;
        assert_eq!(verify(world, None).await.unwrap().into_inner().memberships, []);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_good_api_token_is_refused_alike() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await.token;
        for token in ["", "x", &issued, random_token(Kind::Api).expose()] {
            let refusal = refusal(world.client().verify_api_token(from_service(about(None), Some(token))).await);
            assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unauthenticated, "authentication_required"));
            assert_eq!(refusal.message, "Authentication required. Please supply a valid API access token");
        }
        assert_eq!(refusal(world.client().verify_api_token(from_service(about(None), None)).await).facts.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_or_expired_token_is_refused() {
    everywhere(async |world| {
        world.tamper("UPDATE api_tokens SET expires_at = $1", vec![at(1).into()]).await;
        verify(world, None).await.unwrap();
        world.clock.pass(1);
        assert_eq!(refusal(verify(world, None).await).reason, "authentication_required");
        world.tamper("UPDATE api_tokens SET expires_at = NULL, revoked_at = $1", vec![at(0).into()]).await;
        assert_eq!(refusal(verify(world, None).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn the_organization_is_counted_when_user_and_token_reach_it() {
    everywhere(async |world| {
        let metadata = verify(world, None).await.unwrap().metadata().clone();
        assert_eq!(figures(&metadata, "ratelimit-user"), Some(["50", "49", "42"]));
        assert_eq!((figures(&metadata, "ratelimit"), metadata.get("ratelimit-scope")), (None, None));
        let metadata = verify(world, Some(ORGANIZATION)).await.unwrap().metadata().clone();
        assert_eq!(figures(&metadata, "ratelimit-user"), Some(["50", "48", "42"]));
        assert_eq!(figures(&metadata, "ratelimit"), Some(["200", "199", "42"]));
        assert_eq!(metadata.get("ratelimit-scope").unwrap(), "rest");
        let metadata = verify(world, Some(STRANGE)).await.unwrap().metadata().clone();
        assert_eq!(figures(&metadata, "ratelimit"), None);
        world.tamper("DELETE FROM api_token_organizations", vec![]).await;
        let metadata = verify(world, Some(ORGANIZATION)).await.unwrap().metadata().clone();
        assert_eq!(figures(&metadata, "ratelimit"), None);
    })
    .await;
}

#[tokio::test]
async fn a_user_over_the_rate_waits_for_the_next_minute() {
    everywhere_with(Limits { rest_user_per_minute: 2, ..Limits::default() }, async |world| {
        verify(world, None).await.unwrap();
        verify(world, None).await.unwrap();
        let status = verify(world, Some(ORGANIZATION)).await.unwrap_err();
        assert_eq!(figures(status.metadata(), "ratelimit-user"), Some(["2", "0", "42"]));
        let Refusal { class, reason, message, facts, retry_after, .. } = Refusal::of(&status);
        assert_eq!((class, reason.as_str()), (Code::Exhausted, "rate_limited"));
        let said = "You have exceeded your API rate limit. Please wait 42 seconds before making more requests.";
        assert_eq!(message, said);
        for (name, value) in
            [("scope", "rest"), ("limit", "2"), ("current", "3"), ("reset", "42"), ("retry_after", "42")]
        {
            assert_eq!(facts.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(retry_after.map(|after| after.as_secs()), Some(42));
        world.clock.pass(42);
        verify(world, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_organization_over_the_rate_is_refused_but_not_the_user_elsewhere() {
    everywhere_with(Limits { rest_per_minute: 1, rest_user_per_minute: 0, ..Limits::default() }, async |world| {
        let metadata = verify(world, Some(ORGANIZATION)).await.unwrap().metadata().clone();
        assert_eq!(figures(&metadata, "ratelimit-user"), None);
        let status = verify(world, Some(ORGANIZATION)).await.unwrap_err();
        assert_eq!(figures(status.metadata(), "ratelimit"), Some(["1", "0", "42"]));
        assert_eq!(Refusal::of(&status).reason, "rate_limited");
        verify(world, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_refused_token_spends_nothing() {
    everywhere_with(Limits { rest_user_per_minute: 1, ..Limits::default() }, async |world| {
        world.tamper("UPDATE api_tokens SET revoked_at = $1", vec![at(0).into()]).await;
        assert_eq!(refusal(verify(world, None).await).reason, "authentication_required");
        world.tamper("UPDATE api_tokens SET revoked_at = NULL", vec![]).await;
        verify(world, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_and_a_caller_without_the_key_are_refused() {
    everywhere(async |world| {
        let bad = VerifyApiTokenRequest { organization_uuid: Some("my-organization".into()) };
        let answer = world.client().verify_api_token(from_service(bad, Some(world.api_token.expose()))).await;
        let bad = refusal(answer);
        assert_eq!((bad.class, bad.reason.as_str()), (Code::Invalid, "invalid_request"));
        assert_eq!(bad.violations[0].field, "organization_uuid");
        let outside = from_outside(about(None), Some(world.api_token.expose()));
        assert_eq!(refusal(world.client().verify_api_token(outside).await).reason, "service_key_required");
        let nobody = Caller::default().onward(about(None), &"x".repeat(32).parse().unwrap());
        assert_eq!(refusal(world.client().verify_api_token(nobody).await).reason, "service_key_required");
    })
    .await;
}
