//! `CreateSecret`.

use contracts::{
    credential::v1::{CreateSecretRequest, PortalReference},
    token::v1::RevokePortalRequest,
};
use kit::{
    boot::Tasks,
    credential::{Kind, Plain},
    error::Code,
    grpc::{Refusal, to_timestamp},
};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    revoke_portal::revoke,
    secrets::{create, portal},
    world::{ORGANIZATION, PORTAL, at, everywhere, everywhere_with, from_outside, from_service, refusal},
};
use crate::Limits;

const UNLIMITED: Limits = Limits {
    rest_per_minute: 0,
    rest_user_per_minute: 0,
    exchanges_per_minute: 0,
    failures_per_minute: 0,
    codes_per_minute: 0,
};

#[tokio::test]
async fn a_secret_is_made_with_its_audit_row_and_shown_once() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let expires_at = Some(to_timestamp(at(60)));
        let made = world.ask_for_secret(CreateSecretRequest { expires_at, ..create(PORTAL) }).await.unwrap();
        let (plain, shown) = (Plain::parse(&made.value).unwrap(), made.secret.unwrap());
        assert_eq!(plain.kind(), Kind::Secret);
        assert_eq!((shown.description.as_str(), shown.last_four.as_str()), ("CI", plain.last_four()));
        assert_eq!((shown.created_at, shown.expires_at), (Some(to_timestamp(at(0))), expires_at));
        assert_eq!((shown.created_by.unwrap().name.as_str(), shown.last_used_at), ("Ada", None));
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.kind == "PORTAL_SECRET_CREATED").unwrap();
        assert_eq!((row.actor.as_deref(), row.organization), (Some("Ada"), ORGANIZATION));
        assert_eq!(row.subject.to_string(), shown.uuid);
        let data = json!({ "portal_uuid": PORTAL, "last_four": plain.last_four(), "expires_at": at(60) });
        assert_eq!(row.data, data);
        assert!(world.list_secrets(PORTAL).await.iter().all(|secret| !format!("{secret:?}").contains(plain.expose())));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_end_with_exactly_two() {
    everywhere_with(UNLIMITED, async |world| {
        world.issued(PORTAL).await;
        let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
        for _ in 0..50 {
            let (mut client, outcome) = (world.credentials(), outcome.clone());
            let request = from_outside(create(PORTAL), Some(world.api_token.expose()));
            tasks.spawn(async move {
                let answer = client.create_secret(request).await;
                outcome.send(answer.err().map(|status| Refusal::of(&status).reason)).unwrap();
            });
        }
        drop(outcome);
        let (mut made, mut refused) = (0, 0);
        while let Some(outcome) = outcomes.recv().await {
            match outcome.as_deref() {
                None => made += 1,
                // A full queue before the slow hash comes first for some.
                Some("too_many_secrets" | "slow_hash_busy") => refused += 1,
                Some(other) => panic!("{other}"),
            }
        }
        assert_eq!((made, refused, world.list_secrets(PORTAL).await.len()), (2, 48, 2));
        let before = world.slow_hashes();
        let refused = refusal(world.ask_for_secret(create(PORTAL)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "too_many_secrets"));
        assert_eq!(world.slow_hashes(), before, "it is known before the slow hash");
        assert_eq!(world.audit().await.iter().filter(|row| row.kind == "PORTAL_SECRET_CREATED").count(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_expired_secret_keeps_its_place_until_it_is_removed() {
    everywhere(async |world| {
        let (first, _) = (world.secret(PORTAL).await, world.secret(PORTAL).await);
        world.tamper("UPDATE portal_secrets SET expires_at = $1", vec![at(1).into()]).await;
        world.clock.pass(2);
        assert_eq!(refusal(world.ask_for_secret(create(PORTAL)).await).reason, "too_many_secrets");
        world.delete_secret(PORTAL, first.uuid, false).await.unwrap();
        world.ask_for_secret(create(PORTAL)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_names_its_fields() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let bad = CreateSecretRequest {
            description: "x".repeat(256),
            expires_at: Some(to_timestamp(at(0))),
            ..create(PORTAL)
        };
        let refused = refusal(world.ask_for_secret(bad).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "validation_failed"));
        let fields: Vec<_> = refused.violations.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["description", "expires_at"]);
        let mut timeless = to_timestamp(at(0));
        timeless.seconds = i64::MAX;
        let bad = CreateSecretRequest { expires_at: Some(timeless), ..create(PORTAL) };
        assert_eq!(refusal(world.ask_for_secret(bad).await).reason, "invalid_request");
        let bad = CreateSecretRequest { portal: None, ..create(PORTAL) };
        assert_eq!(refusal(world.ask_for_secret(bad).await).violations[0].field, "portal");
    })
    .await;
}

#[tokio::test]
async fn only_administrators_with_the_scope_may_change_secrets() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let refused = async |why: &str| {
            assert_eq!(refusal(world.ask_for_secret(create(PORTAL)).await).reason, why);
            assert_eq!(refusal(world.delete_secret(PORTAL, secret.uuid, false).await).reason, why);
        };
        world.tamper("UPDATE memberships SET role = 'member'", vec![]).await;
        refused("forbidden").await;
        assert_eq!(world.list_secrets(PORTAL).await.len(), 1, "members may look");
        world.tamper("UPDATE api_tokens SET scopes = 'read_portals'", vec![]).await;
        refused("missing_scope").await;
        let nobody = from_service(create(PORTAL), None);
        assert_eq!(refusal(world.credentials().create_secret(nobody).await).reason, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_portal_and_another_organizations_are_not_found() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let elsewhere = PortalReference { organization_uuid: Uuid::from_u128(0xff).to_string(), ..portal(PORTAL) };
        for of in [portal(Uuid::nil()), portal(Uuid::from_u128(0xfe)), elsewhere] {
            let request = CreateSecretRequest { portal: Some(of), ..create(PORTAL) };
            let refused = refusal(world.ask_for_secret(request).await);
            assert_eq!((refused.class, refused.message.as_str()), (Code::NotFound, "No portal found"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_portal_that_is_revoked_meanwhile_gets_no_secret() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let before = world.slow_hashes();
        let (made, ()) = tokio::join!(world.ask_for_secret(create(PORTAL)), async {
            while world.slow_hashes() == before {
                tokio::task::yield_now().await;
            }
            // The slow hash takes longer than this, so that the secret comes too late.
            let by_the_system = RevokePortalRequest { revoked_by: None, ..revoke(PORTAL) };
            world.client().revoke_portal(from_service(by_the_system, None)).await.unwrap();
        });
        let refused = refusal(made);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "portal_revoked"));
        assert!(world.rows("SELECT uuid FROM portal_secrets").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn without_an_audit_row_there_is_no_secret() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        world.tamper("ALTER TABLE audit_events RENAME TO hidden", vec![]).await;
        let refused = refusal(world.ask_for_secret(create(PORTAL)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "database_unavailable"));
        assert_eq!(refusal(world.exchange_secret(PORTAL, &secret.plain).await).reason, "database_unavailable");
        assert_eq!(refusal(world.delete_secret(PORTAL, secret.uuid, false).await).reason, "database_unavailable");
        assert_eq!(world.list_secrets(PORTAL).await.len(), 1);
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens WHERE kind = 'ephemeral'").await.len(), 1);
    })
    .await;
}
