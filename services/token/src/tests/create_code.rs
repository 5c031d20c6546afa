//! `CreateCode`.

use contracts::token::v1::{CreateCodeRequest, CreateCodeResponse};
use kit::{
    boot::Tasks,
    credential::{Kind, Plain},
    error::Code,
};
use sea_orm::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;

use super::{
    console::from_address,
    revoke_portal::revoke,
    world::{
        ORGANIZATION, PORTAL, World, at, caller, everywhere, everywhere_with, from_outside, from_service, refusal,
    },
};
use crate::Limits;

const HOME: &str = "192.0.2.1";

fn unlimited() -> Limits {
    Limits { codes_per_minute: 0, ..Limits::default() }
}

fn ask() -> CreateCodeRequest {
    CreateCodeRequest { organization_uuid: ORGANIZATION.to_string(), portal_uuid: PORTAL.to_string() }
}

async fn asked(world: &World, ip: &str) -> Result<CreateCodeResponse, Status> {
    Ok(world.client().create_code(from_address(world, ask(), ip)).await?.into_inner())
}

/// Makes copies of the code that was asked for from home, as if from elsewhere.
async fn copy(world: &World, copies: u128) {
    let numbers: Vec<_> = (1..=copies).collect();
    for numbers in numbers.chunks(250) {
        let (mut values, mut rows) = (Vec::<Value>::new(), Vec::new());
        for number in numbers {
            values.extend([Uuid::from_u128(*number).into(), number.to_be_bytes().to_vec().into()]);
            let (uuid, tag) = (values.len() - 1, values.len());
            rows.push(format!(
                "SELECT ${uuid}, ${tag}, secret_tag, key_id, organization_uuid, portal_uuid, state, wrong_secrets, \
                 'elsewhere', 'elsewhere', requester_agent, created_at, expires_at, polled_at, decided_at, user_uuid \
                 FROM codes WHERE requester_ip = '{HOME}'"
            ));
        }
        world.tamper(&format!("INSERT INTO codes {}", rows.join(" UNION ALL ")), values).await;
    }
}

#[tokio::test]
async fn a_code_is_made_with_its_audit_row_and_who_asked_for_it() {
    everywhere(async |world| {
        let code = world.code().await;
        assert!(code.code.len() == 22 && code.code.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", code.code);
        assert_eq!(Plain::parse(&code.secret).unwrap().kind(), Kind::CodeSecret);
        assert_eq!((code.expires_at, code.interval_seconds), (Some(kit::grpc::to_timestamp(at(300))), 5));
        let row = &world.rows("SELECT uuid, code_tag, secret_tag, requester_ip, requester_agent FROM codes").await[0];
        let text = |column| row.try_get::<String>("", column).unwrap();
        assert_eq!((text("requester_ip").as_str(), text("requester_agent").as_str()), (HOME, "curl"));
        for tag in ["code_tag", "secret_tag"] {
            assert_eq!(row.try_get::<Vec<u8>>("", tag).unwrap().len(), 32, "a tag and nothing else");
        }
        let audit = world.audit().await;
        let audited = audit.iter().find(|row| row.kind == "PORTAL_TOKEN_CODE_CREATED").unwrap();
        assert_eq!((audited.organization, &audited.actor), (ORGANIZATION, &None));
        assert_eq!(
            (audited.subject, &audited.data),
            (row.try_get("", "uuid").unwrap(), &json!({ "portal_uuid": PORTAL }))
        );
        assert_eq!(audited.context, kit::audit::context(&caller(None), None));
    })
    .await;
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits_and_no_other_does() {
    everywhere_with(Limits { codes_per_minute: 2, ..Limits::default() }, async |world| {
        world.issued(PORTAL).await;
        for _ in 0..2 {
            asked(world, HOME).await.unwrap();
        }
        let slowed = refusal(asked(world, HOME).await);
        assert_eq!((slowed.class, slowed.reason.as_str()), (Code::Exhausted, "rate_limited"));
        assert_eq!(slowed.facts.get("scope").map(String::as_str), Some("codes"));
        assert_eq!(slowed.retry_after.map(|after| after.as_secs()), Some(42));
        asked(world, "192.0.2.2").await.unwrap();
        world.clock.pass(42);
        asked(world, HOME).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_ipv6_network_is_one_requester() {
    everywhere_with(unlimited(), async |world| {
        world.issued(PORTAL).await;
        for number in 0..20 {
            asked(world, &format!("2001:db8::{number}")).await.unwrap();
        }
        assert_eq!(refusal(asked(world, "2001:db8::ff").await).reason, "too_many_codes");
        asked(world, "2001:db8:0:1::1").await.unwrap();
    })
    .await;
    everywhere_with(Limits { codes_per_minute: 1, ..Limits::default() }, async |world| {
        world.issued(PORTAL).await;
        asked(world, "2001:db8::1").await.unwrap();
        assert_eq!(refusal(asked(world, "2001:db8::2").await).reason, "rate_limited");
    })
    .await;
}

#[tokio::test]
async fn asking_for_no_portal_counts_too() {
    everywhere_with(Limits { codes_per_minute: 1, ..Limits::default() }, async |world| {
        let none =
            || CreateCodeRequest { organization_uuid: Uuid::nil().to_string(), portal_uuid: Uuid::nil().to_string() };
        for reason in ["not_found", "rate_limited"] {
            assert_eq!(refusal(world.client().create_code(from_service(none(), None)).await).reason, reason);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_codes_of_an_address_wait_whatever_comes_at_once() {
    everywhere_with(unlimited(), async |world| {
        world.issued(PORTAL).await;
        let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
        for _ in 0..30 {
            let (mut client, outcome) = (world.client(), outcome.clone());
            let request = from_address(world, ask(), HOME);
            tasks.spawn(async move {
                let answer = client.create_code(request).await;
                outcome.send(answer.err().map(|status| kit::grpc::Refusal::of(&status))).unwrap();
            });
        }
        drop(outcome);
        let mut refused = Vec::new();
        while let Some(outcome) = outcomes.recv().await {
            refused.extend(outcome);
        }
        assert_eq!(refused.len(), 10);
        assert!(
            refused.iter().all(|one| one.class == Code::Exhausted && one.reason == "too_many_codes"),
            "{refused:?}"
        );
        asked(world, "192.0.2.2").await.unwrap();
        world.clock.pass(299);
        assert_eq!(refusal(asked(world, HOME).await).reason, "too_many_codes");
        world.clock.pass(1);
        asked(world, HOME).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_thousand_codes_of_a_portal_wait() {
    everywhere_with(unlimited(), async |world| {
        world.issued(PORTAL).await;
        asked(world, HOME).await.unwrap();
        copy(world, 998).await;
        asked(world, "192.0.2.2").await.unwrap();
        let refused = refusal(asked(world, "192.0.2.3").await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Exhausted, "too_many_codes"));
        assert_eq!(refused.retry_after.map(|after| after.as_secs()), Some(60));
        let decided = "UPDATE codes SET state = 'denied' WHERE requester_ip = $1";
        world.tamper(decided, vec![HOME.into()]).await;
        asked(world, "192.0.2.3").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_unknown_and_a_revoked_portal_get_no_code() {
    everywhere(async |world| {
        assert_eq!(refusal(asked(world, HOME).await).reason, "not_found");
        world.issued(PORTAL).await;
        let elsewhere = CreateCodeRequest { organization_uuid: Uuid::from_u128(0x99).to_string(), ..ask() };
        let refused = refusal(world.client().create_code(from_service(elsewhere, None)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::NotFound, "not_found"));
        world.client().revoke_portal(from_service(revoke(PORTAL), None)).await.unwrap();
        let refused = refusal(asked(world, HOME).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "portal_revoked"));
        assert_eq!(world.rows("SELECT uuid FROM codes").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_and_a_caller_without_the_key_are_refused() {
    everywhere(async |world| {
        for (field, bad) in [
            ("organization_uuid", CreateCodeRequest { organization_uuid: "x".into(), ..ask() }),
            ("portal_uuid", CreateCodeRequest { portal_uuid: String::new(), ..ask() }),
        ] {
            let refused = refusal(world.client().create_code(from_service(bad, None)).await);
            assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("invalid_request", field));
        }
        let outside = from_outside(ask(), Some(world.api_token.expose()));
        assert_eq!(refusal(world.client().create_code(outside).await).reason, "service_key_required");
    })
    .await;
}
