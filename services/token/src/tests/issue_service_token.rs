//! `IssueServiceToken`.

use contracts::token::v1::{IssueServiceTokenRequest, RevokePortalRequest, User};
use kit::{
    boot::Tasks,
    credential::{Kind, Plain},
    error::Code,
};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::world::{
    ORGANIZATION, PORTAL, World, at, caller, everywhere, from_outside, from_service, issue, person, refusal,
};

const OTHER: Uuid = Uuid::from_u128(0x0c);

/// Sends requests at once and says which reason each was refused for, if any.
async fn all_at_once(
    world: &World,
    requests: impl IntoIterator<Item = IssueServiceTokenRequest>,
) -> Vec<Option<String>> {
    let (tasks, (outcome, mut outcomes)) = (Tasks::default(), mpsc::unbounded_channel());
    for request in requests {
        let (mut client, outcome) = (world.client(), outcome.clone());
        tasks.spawn(async move {
            let answer = client.issue_service_token(from_service(request, None)).await;
            outcome.send(answer.err().map(|status| kit::grpc::Refusal::of(&status).reason)).unwrap();
        });
    }
    drop(outcome);
    let mut seen = Vec::new();
    while let Some(outcome) = outcomes.recv().await {
        seen.push(outcome);
    }
    seen
}

#[tokio::test]
async fn a_token_is_made_with_its_audit_row() {
    everywhere(async |world| {
        let request = from_service(issue(PORTAL), Some(world.api_token.expose()));
        let issued = world.client().issue_service_token(request).await.unwrap().into_inner();
        assert_eq!(Plain::parse(&issued.token).unwrap().kind(), Kind::Portal);
        let audit = world.audit().await;
        let row = audit.iter().find(|row| row.kind == "PORTAL_TOKEN_CREATED").unwrap();
        assert_eq!(row.actor.as_deref(), Some("Keiko"));
        assert_eq!((row.organization, row.subject.to_string()), (ORGANIZATION, issued.token_uuid));
        let data = json!({
            "portal_uuid": PORTAL, "kind": "service", "last_four": issued.token[issued.token.len() - 4..],
            "expires_at": null, "allowed_ip_addresses": null,
        });
        assert_eq!(row.data, data);
        let credential: Uuid = world.rows("SELECT uuid FROM api_tokens").await[0].try_get("", "uuid").unwrap();
        let context = kit::audit::context(&caller(None), Some(credential));
        assert_eq!(row.context, context);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_end_with_exactly_ten() {
    everywhere(async |world| {
        let outcomes = all_at_once(world, std::iter::repeat_n(issue(PORTAL), 50)).await;
        assert_eq!(outcomes.iter().filter(|refused| refused.is_none()).count(), 10);
        assert_eq!(outcomes.iter().filter(|refused| refused.as_deref() == Some("too_many_tokens")).count(), 40);
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens").await.len(), 10);
        assert_eq!(world.audit().await.iter().filter(|row| row.kind == "PORTAL_TOKEN_CREATED").count(), 10);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn portals_are_limited_apart() {
    everywhere(async |world| {
        let requests = (0..20).map(|number| issue(if number % 2 == 0 { PORTAL } else { OTHER }));
        assert_eq!(all_at_once(world, requests).await.into_iter().flatten().next(), None);
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_leaves_its_place() {
    everywhere(async |world| {
        for _ in 0..10 {
            world.issued(PORTAL).await;
        }
        let refused = refusal(world.client().issue_service_token(from_service(issue(PORTAL), None)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "too_many_tokens"));
        world.tamper("UPDATE portal_tokens SET expires_at = $1", vec![at(5).into()]).await;
        world.clock.pass(5);
        world.issued(PORTAL).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_token_of_a_revoked_portal_is_left_whatever_comes_first() {
    everywhere(async |world| {
        let (mut client, revoke) = (world.client(), super::revoke_portal::revoke(PORTAL));
        let (_, revoked) = tokio::join!(
            all_at_once(world, std::iter::repeat_n(issue(PORTAL), 9)),
            client.revoke_portal(from_service(revoke, None)),
        );
        revoked.unwrap();
        let live = world.rows("SELECT uuid FROM portal_tokens WHERE revoked_at IS NULL").await;
        assert_eq!(live.len(), 0);
        let refused = refusal(world.client().issue_service_token(from_service(issue(PORTAL), None)).await);
        assert_eq!((refused.class, refused.reason.as_str()), (Code::Unprocessable, "portal_revoked"));
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    everywhere(async |world| {
        let good = || issue(PORTAL);
        let cases = [
            ("organization_uuid", IssueServiceTokenRequest { organization_uuid: String::new(), ..good() }),
            ("portal_uuid", IssueServiceTokenRequest { portal_uuid: "x".into(), ..good() }),
            ("created_by", IssueServiceTokenRequest { created_by: None, ..good() }),
            ("created_by.uuid", with_creator(User { uuid: "x".into(), ..person() })),
            ("created_by.created_at", with_creator(User { created_at: None, ..person() })),
        ];
        for (field, request) in cases {
            let refused = refusal(world.client().issue_service_token(from_service(request, None)).await);
            assert_eq!((refused.class, refused.violations[0].field.as_str()), (Code::Invalid, field));
        }
        let bad = RevokePortalRequest { portal_uuid: "x".into(), ..super::revoke_portal::revoke(PORTAL) };
        assert_eq!(refusal(world.client().revoke_portal(from_service(bad, None)).await).reason, "invalid_request");
    })
    .await;
}

fn with_creator(user: User) -> IssueServiceTokenRequest {
    IssueServiceTokenRequest { created_by: Some(user), ..issue(PORTAL) }
}

#[tokio::test]
async fn only_services_may_issue() {
    everywhere(async |world| {
        let request = from_outside(issue(PORTAL), Some(world.api_token.expose()));
        assert_eq!(refusal(world.client().issue_service_token(request).await).reason, "service_key_required");
        assert_eq!(world.rows("SELECT uuid FROM portal_tokens").await.len(), 0);
    })
    .await;
}
