//! On whose behalf operations run at upstreams, as these can check it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::{registry::v1::GetAssertionKeysRequest, token::v1::PortalTokenKind};
use kit::{
    grpc::Refusal,
    keys::{RootKey, RootKeys},
};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use tonic::Request;
use uuid::Uuid;

use super::{
    recorder::Recorder,
    tokens::TOKEN,
    world::{World, everywhere_with, write_keys},
};
use crate::{Config, upstream::assertion::Assertions};

const GOOD: &str = r#"{"name":"x"}"#;

fn near(config: &mut Config) {
    config.upstream.allowed_networks = "127.0.0.0/8".parse().unwrap();
}

/// Makes the portal token Ada's.
fn act_as_ada(world: &World) {
    let acme = world.tokens.organization.lock().unwrap().parse().unwrap();
    *world.tokens.kind.lock().unwrap() = PortalTokenKind::User.into();
    *world.tokens.memberships.lock().unwrap() = vec![acme];
}

/// The assertions that came with a request.
fn assertions(request: &str) -> Vec<String> {
    let value = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("portal-user-assertion").then(|| value.to_owned())
    };
    request.lines().filter_map(value).collect()
}

async fn keys(world: &World) -> Value {
    let reply = world.registry().get_assertion_keys(world.request(GetAssertionKeysRequest {})).await.unwrap();
    serde_json::from_str(&reply.into_inner().jwks_json).unwrap()
}

fn part(assertion: &str, number: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(assertion.split('.').nth(number).unwrap()).unwrap()
}

fn read(assertion: &str, number: usize) -> Value {
    serde_json::from_slice(&part(assertion, number)).unwrap()
}

/// Whether the key of its `kid` made an assertion's signature.
fn is_signed(assertion: &str, keys: &Value) -> bool {
    let kid = &read(assertion, 0)["kid"];
    let Some(key) = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid) else { return false };
    let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let (signed, _signature) = assertion.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ED25519, x).verify(signed.as_bytes(), &part(assertion, 2)).is_ok()
}

#[tokio::test]
async fn an_upstream_learns_on_whose_behalf_it_is_called_and_can_check_it() {
    everywhere_with(near, async |world| {
        let far = Recorder::upstream_of(&world).await;
        let portal = world.create(|portal| {
            portal.upstream = Some("far".into());
            portal.user_invokable = true;
        });
        let portal = portal.await.unwrap().portal.unwrap();
        act_as_ada(&world);
        world.call(GOOD).await.unwrap();
        let requests = far.requests();
        let assertion = assertions(&requests[0]).pop().unwrap();
        let keys = keys(&world).await;
        let key = &keys["keys"][0];
        let header = json!({ "alg": "EdDSA", "kid": key["kid"], "typ": "portal-user-assertion+jwt" });
        assert_eq!(read(&assertion, 0), header);
        assert!(is_signed(&assertion, &keys));
        let mut claims = read(&assertion, 1);
        let id: Uuid = claims["jti"].take().as_str().unwrap().parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(
            claims,
            json!({
                "iss": "https://portals.test",
                "aud": far.origin(),
                "sub": Uuid::from_u128(7),
                "iat": 1_767_225_618,
                "exp": 1_767_225_678,
                "jti": null,
                "name": "Ada",
                "email": "ada@example.com",
                "organization": { "uuid": portal.organization_uuid, "slug": "acme" },
                "portal": { "uuid": portal.uuid, "slug": "hello", "version": 1 },
                "token_uuid": TOKEN,
            })
        );
        let token = super::world::portal_token();
        assert!(!requests[0].contains(&token), "the credential itself goes nowhere");
    })
    .await;
}

#[tokio::test]
async fn each_call_has_an_assertion_of_its_own_and_of_its_time() {
    everywhere_with(near, async |world| {
        let far = Recorder::upstream_of(&world).await;
        let portal = world.create(|portal| {
            portal.upstream = Some("far".into());
            portal.user_invokable = true;
        });
        portal.await.unwrap();
        act_as_ada(&world);
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_millis(1_999));
        world.call(GOOD).await.unwrap();
        let claims: Vec<_> = far.requests().iter().map(|request| read(&assertions(request)[0], 1)).collect();
        assert_eq!([&claims[0]["iat"], &claims[1]["iat"]], [1_767_225_618, 1_767_225_619], "whole seconds that passed");
        assert_ne!(claims[0]["jti"], claims[1]["jti"]);
    })
    .await;
}

#[tokio::test]
async fn only_users_are_vouched_for() {
    everywhere_with(near, async |world| {
        let far = Recorder::upstream_of(&world).await;
        world.create(|portal| portal.upstream = Some("far".into())).await.unwrap();
        for kind in [PortalTokenKind::Service, PortalTokenKind::Ephemeral] {
            *world.tokens.kind.lock().unwrap() = kind.into();
            world.call(GOOD).await.unwrap();
        }
        let requests = far.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests.iter().all(|request| assertions(request).is_empty()), "{requests:?}");
    })
    .await;
}

#[tokio::test]
async fn the_keys_are_for_services_only_and_hold_nothing_private() {
    everywhere_with(near, async |world| {
        let status = world.registry().get_assertion_keys(Request::new(GetAssertionKeysRequest {})).await.unwrap_err();
        assert_eq!(Refusal::of(&status).reason, "service_key_required");
        let keys = keys(&world).await;
        let [key] = keys["keys"].as_array().unwrap().as_slice() else { panic!("{keys:#}") };
        let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(
            [&key["alg"], &key["crv"], &key["kty"], &key["use"]].map(|value| value.as_str().unwrap()),
            ["EdDSA", "Ed25519", "OKP", "sig"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_running_service_takes_the_keys_of_a_changed_file() {
    everywhere_with(near, async |world| {
        let far = Recorder::upstream_of(&world).await;
        let portal = world.create(|portal| {
            portal.upstream = Some("far".into());
            portal.user_invokable = true;
        });
        portal.await.unwrap();
        act_as_ada(&world);
        let [old, new] = [("k1", [1; 32]), ("k2", [2; 32])].map(|(id, bytes)| RootKey::new(id.to_owned(), bytes));
        let file = &world.service.0.config.keys_file;
        for files in [&[&old, &new][..], &[&new, &old], &[&new]] {
            write_keys(file, files);
            world.service.0.reload_keys().await;
            world.service.0.reseal().await.unwrap();
            world.call(GOOD).await.unwrap();
            let (keys, assertion) = (keys(&world).await, assertions(far.requests().last().unwrap()).pop().unwrap());
            assert_eq!(keys["keys"].as_array().unwrap().len(), files.len());
            assert!(is_signed(&assertion, &keys));
            assert_eq!(read(&assertion, 0)["kid"], keys["keys"][0]["kid"]);
        }
    })
    .await;
}

/// Three files, as a rotation writes them.
#[test]
fn through_a_rotation_what_was_signed_before_counts_until_its_key_is_retired() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("portal.key");
    let [old, new] = [("k1", [1; 32]), ("k2", [2; 32])].map(|(id, bytes)| RootKey::new(id.to_owned(), bytes));
    let with = |keys: &[&RootKey]| {
        write_keys(&file, keys);
        Assertions::new(&RootKeys::read(&file).unwrap())
    };
    let ids = |assertions: &Assertions| {
        let keys: Value = serde_json::from_str(&assertions.key_set()).unwrap();
        let id = |key: &Value| key["kid"].as_str().unwrap().to_owned();
        keys["keys"].as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    let before = ids(&with(&[&old]));
    let announced = ids(&with(&[&old, &new]));
    let turned = ids(&with(&[&new, &old]));
    let after = ids(&with(&[&new]));
    assert_eq!((before.len(), announced.len()), (1, 2));
    assert_eq!(announced[0], before[0], "the old one signs while the new one is made known");
    assert_eq!(turned, [announced[1].as_str(), announced[0].as_str()]);
    assert_eq!(after, turned[..1]);
    assert_eq!(ids(&with(&[&old])), before, "replicas with the same file sign alike");
}
