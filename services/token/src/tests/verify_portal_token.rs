//! `VerifyPortalToken`.

use contracts::token::v1::{PortalTokenKind, VerifyPortalTokenRequest};
use kit::{credential::Kind, credential::Plain, error::Code};
use sea_orm::Value;
use uuid::Uuid;

use super::world::{
    PORTAL, World, at, client, everywhere, from_outside, from_service, random_token, refusal, root_key, write_keys,
};
use crate::domain::tag::{Class, Tag};

async fn assert_refused(world: &World, token: &str) {
    let refusal = refusal(world.verify(token).await);
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unauthenticated, "authentication_required"), "{token}");
    assert_eq!(refusal.message, "Authentication required. Please supply a valid portal token");
    assert_eq!(refusal.facts.len(), 1, "nothing but the class: {:?}", refusal.facts);
}

async fn retag(world: &World, uuid: &str, tag: Tag) {
    let values = vec![Value::from(tag.bytes), tag.key_id.into(), Uuid::parse_str(uuid).unwrap().into()];
    world.tamper("UPDATE portal_tokens SET tag = $1, key_id = $2 WHERE uuid = $3", values).await;
}

#[tokio::test]
async fn a_good_token_names_its_portal() {
    everywhere(async |world| {
        let issued = world.issued(PORTAL).await;
        let verdict = world.verify(&issued.token).await.unwrap();
        assert_eq!((verdict.token_uuid, verdict.portal_uuid), (issued.token_uuid, PORTAL.to_string()));
        assert_eq!((verdict.kind, verdict.expires_at), (PortalTokenKind::Service.into(), None));
    })
    .await;
}

#[tokio::test]
async fn the_vector_of_the_specification_is_found_by_its_tag() {
    everywhere(async |world| {
        let vector = Plain::parse("bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx").unwrap();
        let issued = world.issued(PORTAL).await;
        assert_refused(world, vector.expose()).await;
        retag(world, &issued.token_uuid, world.service.0.tagger.tag(Class::Portal, &vector)).await;
        assert_eq!(world.verify(vector.expose()).await.unwrap().token_uuid, issued.token_uuid);
        assert_refused(world, &issued.token).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_good_portal_token_is_refused_alike() {
    everywhere(async |world| {
        let request = from_service(VerifyPortalTokenRequest {}, None);
        assert_eq!(refusal(world.client().verify_portal_token(request).await).reason, "authentication_required");
        let typo = world.issued(PORTAL).await.token.replace("bkpat_", "bkpat_0");
        for token in ["", "x", &typo, world.api_token.expose(), random_token(Kind::Portal).expose()] {
            assert_refused(world, token).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_counts_until_it_expires_or_is_revoked() {
    everywhere(async |world| {
        let (one, other) = (world.issued(PORTAL).await, world.issued(PORTAL).await);
        let ends = vec![at(60).into(), Uuid::parse_str(&one.token_uuid).unwrap().into()];
        world.tamper("UPDATE portal_tokens SET expires_at = $1 WHERE uuid = $2", ends).await;
        world.clock.pass(59);
        let verdict = world.verify(&one.token).await.unwrap();
        assert_eq!(verdict.expires_at, Some(kit::grpc::to_timestamp(at(60))));
        world.clock.pass(1);
        assert_refused(world, &one.token).await;
        world.verify(&other.token).await.unwrap();
        world.tamper("UPDATE portal_tokens SET revoked_at = $1", vec![at(0).into()]).await;
        assert_refused(world, &other.token).await;
    })
    .await;
}

#[tokio::test]
async fn a_row_with_a_wrong_tag_or_of_another_class_does_not_verify() {
    everywhere(async |world| {
        let (issued, plain) = (world.issued(PORTAL).await, random_token(Kind::Portal));
        let tagger = &world.service.0.tagger;
        let good = tagger.tag(Class::Portal, &plain);
        let forged = [
            tagger.tag(Class::Api, &plain),
            Tag { bytes: vec![0; 32], ..good.clone() },
            Tag { bytes: plain.expose().as_bytes().to_vec(), ..good.clone() },
            Tag { key_id: "k2".into(), ..good.clone() },
        ];
        for tag in forged {
            retag(world, &issued.token_uuid, tag).await;
            assert_refused(world, plain.expose()).await;
        }
        retag(world, &issued.token_uuid, good).await;
        world.verify(plain.expose()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_of_the_retiring_key_still_verifies() {
    everywhere(async |world| {
        let old = world.issued(PORTAL).await.token;
        write_keys(&world.config.keys_file, &[root_key("k2", 2), root_key("k1", 1)]);
        let service = world.reopened(world.config.clone()).await.unwrap();
        let verify = async |token: &str| {
            client(&service).verify_portal_token(from_service(VerifyPortalTokenRequest {}, Some(token))).await
        };
        verify(&old).await.unwrap();
        write_keys(&world.config.keys_file, &[root_key("k2", 2)]);
        let service = world.reopened(world.config.clone()).await.unwrap();
        let request = from_service(VerifyPortalTokenRequest {}, Some(&old));
        assert!(client(&service).verify_portal_token(request).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn only_services_may_ask() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        let request = from_outside(VerifyPortalTokenRequest {}, Some(&token));
        let refusal = refusal(world.client().verify_portal_token(request).await);
        assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Forbidden, "service_key_required"));
    })
    .await;
}
