//! `ReportLeak`.

use contracts::{
    directory::v1::GetApiTokenRequest,
    token::v1::{ReportLeakRequest, ReportLeakResponse},
};
use kit::{
    credential::{Kind, Plain},
    error::Code,
};
use serde_json::{Value, json};
use tonic::Status;

use super::{
    people::directory,
    sign_in::ADA,
    world::{
        ORGANIZATION, PORTAL, World, everywhere, everywhere_with, from_outside, from_service, random_token, refusal,
    },
};
use crate::Limits;

const URL: &str = "https://example.com/leak";

fn leak(credential: &str) -> ReportLeakRequest {
    ReportLeakRequest { credential: credential.into(), source: "content".into(), url: URL.into() }
}

async fn report(world: &World, credential: &str) -> Result<(bool, bool), Status> {
    let answer = world.client().report_leak(from_service(leak(credential), None)).await?;
    let ReportLeakResponse { known, revoked } = answer.into_inner();
    Ok((known, revoked))
}

/// Type and data of what the audit says of leaks and their consequences.
async fn trail(world: &World) -> Vec<(String, Value)> {
    let mut rows = world.audit().await;
    // What happens in the same millisecond has no order.
    rows.sort_by(|one, other| other.kind.cmp(&one.kind));
    let of_leaks =
        rows.into_iter().filter(|row| ["_LEAK_REPORTED", "_DELETED"].iter().any(|end| row.kind.ends_with(end)));
    of_leaks
        .map(|row| {
            assert!(row.actor.is_none(), "{row:?}");
            assert_eq!(row.context["request_ip"], "192.0.2.1");
            (row.kind, row.data)
        })
        .collect()
}

#[tokio::test]
async fn a_leaked_portal_token_is_over_once() {
    everywhere(async |world| {
        let (leaked, kept) = (world.issued(PORTAL).await, world.issued(PORTAL).await);
        assert_eq!(report(world, &leaked.token).await.unwrap(), (true, true));
        assert_eq!(refusal(world.verify(&leaked.token).await).reason, "authentication_required");
        world.verify(&kept.token).await.unwrap();
        let once = trail(world).await;
        let data = json!({"portal_uuid": PORTAL, "kind": "service", "source": "content", "url": URL});
        assert_eq!(once[0], ("PORTAL_TOKEN_LEAK_REPORTED".into(), data));
        assert_eq!((once[1].0.as_str(), once.len()), ("PORTAL_TOKEN_DELETED", 2));
        assert_eq!(world.rows("SELECT sequence FROM revocations").await.len(), 1);
        assert_eq!(report(world, &leaked.token).await.unwrap(), (true, false));
        assert_eq!((trail(world).await, world.rows("SELECT sequence FROM revocations").await.len()), (once, 1));
    })
    .await;
}

#[tokio::test]
async fn a_leaked_secret_goes_with_its_tokens() {
    everywhere(async |world| {
        let (leaked, kept) = (world.secret(PORTAL).await, world.secret(PORTAL).await);
        let token = world.exchange_secret(PORTAL, &leaked.plain).await.unwrap().token;
        let text = leaked.plain.expose();
        let stranger = Plain::secret("bk", [0; 6], &[7; 32]);
        assert_eq!(report(world, stranger.expose()).await.unwrap(), (false, false));
        assert_eq!(report(world, text).await.unwrap(), (true, true));
        assert_eq!(refusal(world.verify(&token).await).reason, "authentication_required");
        assert_eq!(refusal(world.exchange_secret(PORTAL, &leaked.plain).await).reason, "invalid_client");
        world.exchange_secret(PORTAL, &kept.plain).await.unwrap();
        let told = trail(world).await;
        let kinds: Vec<_> = told.iter().map(|(kind, _)| kind.as_str()).collect();
        for kind in ["PORTAL_TOKEN_DELETED", "PORTAL_SECRET_LEAK_REPORTED", "PORTAL_SECRET_DELETED"] {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
        assert_eq!(report(world, text).await.unwrap(), (false, false));
        assert_eq!(trail(world).await, told);
    })
    .await;
}

#[tokio::test]
async fn a_leaked_api_token_is_over_and_each_organization_is_told() {
    let limits = Limits { rest_user_per_minute: 0, ..Limits::default() };
    everywhere_with(limits, async |world| {
        let token = world.api_token.expose();
        assert_eq!(report(world, token).await.unwrap(), (true, true));
        let request = from_service(GetApiTokenRequest {}, Some(token));
        let asked = directory(world).get_api_token(request).await;
        assert_eq!(refusal(asked).reason, "authentication_required");
        let told = world.audit().await;
        let told: Vec<_> = told.iter().filter(|row| row.kind.starts_with("API_ACCESS_TOKEN_")).collect();
        let kinds: Vec<_> = told.iter().map(|row| (row.kind.as_str(), row.organization)).collect();
        assert!(kinds.contains(&("API_ACCESS_TOKEN_LEAK_REPORTED", ORGANIZATION)), "{kinds:?}");
        let deleted = told.iter().find(|row| row.kind == "API_ACCESS_TOKEN_DELETED").unwrap();
        assert_eq!(deleted.data["reason"], "leaked");
        assert_eq!(report(world, token).await.unwrap(), (true, false));
        assert_eq!(world.audit().await.iter().filter(|row| row.kind.ends_with("LEAK_REPORTED")).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_leaked_session_ends() {
    everywhere(async |world| {
        let (leaked, kept) = (world.signed_in(ADA).await, world.signed_in(ADA).await);
        assert_eq!(report(world, &leaked.session).await.unwrap(), (true, true));
        assert_eq!(refusal(super::sessions::get(world, &leaked.session).await).reason, "authentication_required");
        super::sessions::get(world, &kept.session).await.unwrap();
        assert_eq!(trail(world).await[0].0, "USER_SESSION_LEAK_REPORTED");
        assert_eq!(report(world, &leaked.session).await.unwrap(), (false, false));
    })
    .await;
}

#[tokio::test]
async fn what_has_run_out_is_known_and_nothing_happens() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        let token = world.exchange_secret(PORTAL, &secret.plain).await.unwrap().token;
        world.clock.pass(3_600);
        assert_eq!(report(world, &token).await.unwrap(), (true, false));
        assert!(trail(world).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn noise_is_unknown() {
    everywhere(async |world| {
        let code = world.code().await;
        for kind in [Kind::Portal, Kind::Api, Kind::Session, Kind::CodeSecret] {
            assert_eq!(report(world, random_token(kind).expose()).await.unwrap(), (false, false));
        }
        for noise in ["", "bkpat_", "hunter2", &code.secret, &world.api_token.expose()[1..]] {
            assert_eq!(report(world, noise).await.unwrap(), (false, false), "{noise}");
        }
        assert!(trail(world).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn only_services_report() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token;
        let refused = refusal(world.client().report_leak(from_outside(leak(&token), None)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Forbidden, "service_key_required"));
        world.verify(&token).await.unwrap();
    })
    .await;
}
