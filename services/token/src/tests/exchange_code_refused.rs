//! `ExchangeCode` that is refused: wrong secrets, and codes that are good for nothing.

use contracts::token::v1::{CreateCodeResponse, ExchangeCodeRequest};
use kit::{credential::Kind, error::Code};
use uuid::Uuid;

use super::{
    console::{exchange_of, from_address, seen},
    world::{ORGANIZATION, PORTAL, at, everywhere, everywhere_with, random_token, refusal},
};
use crate::{Limits, domain::tag::Class};

use super::exchange_code::{all_at_once, reason, state, unlimited, wrong_secret};

#[tokio::test]
async fn every_code_that_is_good_for_nothing_is_refused_alike() {
    everywhere_with(unlimited(), async |world| {
        let code = world.approved_code().await;
        let unknown = seen(world.attempt(ExchangeCodeRequest { code: "0".repeat(22), ..exchange_of(&code) }).await);
        let said = "The code and its secret aren't valid for this portal";
        assert_eq!((unknown.0, unknown.1.as_str()), (Code::Invalid.grpc(), said));
        let (nil, other) = (Uuid::nil().to_string(), Uuid::from_u128(0x0c).to_string());
        let request = || exchange_of(&code);
        let api = world.api_token.expose();
        for refused in [
            ExchangeCodeRequest { code: String::new(), ..request() },
            ExchangeCodeRequest { code: "not a code".into(), ..request() },
            ExchangeCodeRequest { secret: String::new(), ..request() },
            ExchangeCodeRequest { secret: format!("{}0", code.secret), ..request() },
            ExchangeCodeRequest { secret: api.into(), ..request() },
            exchange_of(&wrong_secret(&code)),
            ExchangeCodeRequest { portal_uuid: other.clone(), ..request() },
            ExchangeCodeRequest { organization_uuid: other, ..request() },
            ExchangeCodeRequest { portal_uuid: nil.clone(), organization_uuid: nil, ..request() },
        ] {
            assert_eq!(seen(world.attempt(refused).await), unknown);
        }
        world.exchange(&code).await.unwrap();
        assert_eq!(seen(world.exchange(&code).await), unknown, "it was exchanged");
        world.tamper("UPDATE codes SET state = 'burnt'", vec![]).await;
        assert_eq!(seen(world.exchange(&code).await), unknown, "it was burnt");
        assert_eq!(refusal(world.exchange(&code).await).reason, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn five_wrong_secrets_burn_a_code_and_four_do_not() {
    everywhere_with(unlimited(), async |world| {
        for wrong in [4, 5] {
            world.tamper("DELETE FROM codes", vec![]).await;
            let code = world.approved_code().await;
            for _ in 0..wrong {
                assert_eq!(reason(world, &wrong_secret(&code)).await, "invalid_grant");
            }
            if wrong == 4 {
                world.exchange(&code).await.unwrap();
            } else {
                assert_eq!(reason(world, &code).await, "invalid_grant");
                assert_eq!(state(world).await, ("burnt".into(), 5));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_wrong_secrets_at_once_burn_a_code() {
    everywhere_with(unlimited(), async |world| {
        let code = world.code().await;
        let outcomes = all_at_once(world, (0..50).map(|_| exchange_of(&wrong_secret(&code)))).await;
        assert!(outcomes.iter().all(|outcome| outcome.as_deref() == Some("invalid_grant")), "{outcomes:?}");
        assert_eq!(state(world).await, ("burnt".into(), 5));
        let audit = world.audit().await;
        let denied: Vec<_> = audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_CODE_DENIED").collect();
        assert_eq!((denied.len(), denied[0].actor.as_deref(), denied[0].organization), (1, None, ORGANIZATION));
        assert_eq!(denied[0].data, serde_json::json!({ "portal_uuid": PORTAL, "reason": "wrong_secrets" }));
        world.service.write_failures(at(42)).await;
        let audit = world.audit().await;
        let failed: Vec<_> = audit.iter().filter(|row| row.kind == "PORTAL_TOKEN_EXCHANGE_FAILED").collect();
        assert_eq!((failed.len(), failed[0].subject, &failed[0].data["count"]), (1, PORTAL, &serde_json::json!(50)));
        assert_eq!(reason(world, &code).await, "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn who_fails_too_often_waits_and_who_is_patient_does_not() {
    everywhere_with(Limits { failures_per_minute: 2, ..Limits::default() }, async |world| {
        let code = world.code().await;
        for _ in 0..5 {
            let reason = reason(world, &code).await;
            assert!(["authorization_pending", "slow_down"].contains(&reason.as_str()), "{reason}");
        }
        for _ in 0..2 {
            assert_eq!(reason(world, &wrong_secret(&code)).await, "invalid_grant");
        }
        let slowed = refusal(world.exchange(&code).await);
        assert_eq!((slowed.class, slowed.reason.as_str()), (Code::Exhausted, "rate_limited"));
        let elsewhere = from_address(world, exchange_of(&code), "192.0.2.2");
        assert_eq!(refusal(world.client().exchange_code(elsewhere).await).reason, "slow_down");
    })
    .await;
}

#[tokio::test]
async fn a_secret_of_another_class_or_code_is_wrong() {
    everywhere_with(unlimited(), async |world| {
        let (code, other) = (world.approved_code().await, world.code().await);
        let mixed = CreateCodeResponse { secret: other.secret.clone(), ..code.clone() };
        assert_eq!(reason(world, &mixed).await, "invalid_grant");
        let tagger = &world.service.0.tagger;
        let forged = random_token(Kind::CodeSecret);
        for class in [Class::Portal, Class::Session, Class::Code, Class::Api] {
            let tag = tagger.tag(class, &forged);
            world.tamper("UPDATE codes SET secret_tag = $1", vec![tag.bytes.into()]).await;
            let with = CreateCodeResponse { secret: forged.expose().to_owned(), ..code.clone() };
            assert_eq!(reason(world, &with).await, "invalid_grant", "{class:?}");
            world.tamper("UPDATE codes SET wrong_secrets = 0", vec![]).await;
        }
        let good = tagger.tag(Class::CodeSecret, &forged);
        world.tamper("UPDATE codes SET secret_tag = $1", vec![good.bytes.into()]).await;
        world.exchange(&CreateCodeResponse { secret: forged.expose().to_owned(), ..code }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    everywhere(async |world| {
        let code = world.code().await;
        for (field, bad) in [
            ("organization_uuid", ExchangeCodeRequest { organization_uuid: String::new(), ..exchange_of(&code) }),
            ("portal_uuid", ExchangeCodeRequest { portal_uuid: "x".into(), ..exchange_of(&code) }),
        ] {
            let refused = refusal(world.attempt(bad).await);
            assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("invalid_request", field));
        }
    })
    .await;
}
