//! `ReportUses`, and the uses of API access tokens.

use contracts::token::v1::{ReportUsesRequest, TokenUse};
use kit::{ambient::Instant, boot::Tasks, grpc::to_timestamp};
use uuid::Uuid;

use super::world::{PORTAL, World, at, everywhere, from_outside, from_service, refusal};

fn used(token: &str, second: i64, ip: Option<&str>) -> TokenUse {
    let (token_uuid, used_at) = (token.to_owned(), Some(to_timestamp(at(second))));
    TokenUse { token_uuid, used_at, client_ip: ip.map(str::to_owned) }
}

async fn report(world: &World, uses: Vec<TokenUse>) {
    world.client().report_uses(from_service(ReportUsesRequest { uses }, None)).await.unwrap();
}

/// When and from where the only token of the table was used last.
async fn last(world: &World, table: &str) -> (Option<Instant>, Option<String>) {
    let rows = world.rows(&format!("SELECT last_used_at, last_used_ip FROM {table}")).await;
    (rows[0].try_get("", "last_used_at").unwrap(), rows[0].try_get("", "last_used_ip").unwrap())
}

#[tokio::test]
async fn a_token_is_written_at_most_once_a_minute() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token_uuid;
        world.clock.pass(1_000);
        assert_eq!(last(world, "portal_tokens").await, (None, None));
        for (second, ip, written) in [
            (100, Some("192.0.2.1"), (100, Some("192.0.2.1"))),
            (159, Some("2001:db8::1"), (100, Some("192.0.2.1"))),
            (160, Some("2001:db8::1"), (160, Some("2001:db8::1"))),
            (150, None, (160, Some("2001:db8::1"))),
            (300, None, (300, None)),
        ] {
            report(world, vec![used(&token, second, ip)]).await;
            let written = (Some(at(written.0)), written.1.map(str::to_owned));
            assert_eq!(last(world, "portal_tokens").await, written, "{second}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_report_of_many_tokens_is_written_whole() {
    everywhere(async |world| {
        let mut uses = Vec::new();
        for number in 0..10 {
            uses.push(used(&world.issued(Uuid::from_u128(number)).await.token_uuid, 0, None));
        }
        // Tokens that aren't there, removed ones say, do no harm.
        uses.extend((0..990).map(|number| used(&Uuid::from_u128(number).to_string(), 0, None)));
        report(world, uses).await;
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens WHERE last_used_at IS NOT NULL").await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_reporter_whose_clock_is_ahead_keeps_nothing_from_being_written() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token_uuid;
        report(world, vec![used(&token, 1_000_000, None)]).await;
        assert_eq!(last(world, "portal_tokens").await.0, Some(at(0)));
        world.clock.pass(60);
        report(world, vec![used(&token, 60, None)]).await;
        assert_eq!(last(world, "portal_tokens").await.0, Some(at(60)));
    })
    .await;
}

#[tokio::test]
async fn a_bad_report_names_its_field_and_nothing_is_written() {
    everywhere(async |world| {
        let token = world.issued(PORTAL).await.token_uuid;
        let good = || used(&token, 0, None);
        for (field, uses) in [
            ("uses", vec![good(); 1_001]),
            ("uses[1].token_uuid", vec![good(), TokenUse { token_uuid: "x".into(), ..good() }]),
            ("uses[1].used_at", vec![good(), TokenUse { used_at: None, ..good() }]),
            ("uses[1].client_ip", vec![good(), used(&token, 0, Some("here"))]),
        ] {
            let refused = refusal(world.client().report_uses(from_service(ReportUsesRequest { uses }, None)).await);
            assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("invalid_request", field));
        }
        assert_eq!(last(world, "portal_tokens").await.0, None);
    })
    .await;
}

#[tokio::test]
async fn only_services_may_report() {
    everywhere(async |world| {
        let request = from_outside(ReportUsesRequest { uses: vec![] }, Some(world.api_token.expose()));
        assert_eq!(refusal(world.client().report_uses(request).await).reason, "service_key_required");
    })
    .await;
}

#[tokio::test]
async fn uses_of_api_access_tokens_are_written_together_and_at_the_stop() {
    everywhere(async |world| {
        let uuid: Uuid = world.rows("SELECT uuid FROM api_tokens").await[0].try_get("", "uuid").unwrap();
        let note = |service: &crate::Service, second| {
            service.0.uses.note_api_token(uuid, "192.0.2.1".parse().ok(), at(second));
        };
        let service = world.quiet().await;
        note(&service, 5);
        assert_eq!(last(world, "api_tokens").await, (None, None), "not on the path of the request");
        service.flush_uses().await;
        assert_eq!(last(world, "api_tokens").await, (Some(at(5)), Some("192.0.2.1".to_owned())));
        let tasks = Tasks::default();
        let stopping = world.reopened_in(world.config.clone(), &tasks).await.unwrap();
        note(&stopping, 100);
        assert!(tasks.stop(std::time::Duration::from_secs(5)).await);
        assert_eq!(last(world, "api_tokens").await.0, Some(at(100)));
    })
    .await;
}

#[tokio::test]
async fn uses_that_cannot_be_written_wait() {
    everywhere(async |world| {
        let uuid: Uuid = world.rows("SELECT uuid FROM api_tokens").await[0].try_get("", "uuid").unwrap();
        let service = world.quiet().await;
        service.0.uses.note_api_token(uuid, None, at(5));
        world.tamper("ALTER TABLE api_tokens RENAME TO away", vec![]).await;
        service.flush_uses().await;
        world.tamper("ALTER TABLE away RENAME TO api_tokens", vec![]).await;
        service.flush_uses().await;
        assert_eq!(last(world, "api_tokens").await.0, Some(at(5)));
    })
    .await;
}
