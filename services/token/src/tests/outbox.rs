//! What others are told of credentials: `ListOutboxEvents`, `RemoveOutboxEvents`.

use contracts::token::v1::{ListOutboxEventsRequest, OutboxEvent, RemoveOutboxEventsRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    exchange_code::ADA,
    people::unlimited,
    revoke_portal::revoke,
    world::{ORGANIZATION, PORTAL, World, everywhere, everywhere_with, from_outside, from_service, refusal},
};
use crate::store::Swept;

async fn events(world: &World) -> Vec<OutboxEvent> {
    let request = from_service(ListOutboxEventsRequest { limit: 1_000 }, None);
    world.client().list_outbox_events(request).await.unwrap().into_inner().events
}

/// The events that there are, which go; each with its object.
async fn told(world: &World) -> Vec<(String, Value)> {
    let events = events(world).await;
    let uuids = events.iter().map(|event| event.uuid.clone()).collect();
    world.client().remove_outbox_events(from_service(RemoveOutboxEventsRequest { uuids }, None)).await.unwrap();
    let mut told: Vec<_> = events
        .into_iter()
        .map(|event| {
            assert_eq!(event.organization_uuid, ORGANIZATION.to_string());
            (event.event, serde_json::from_slice(&event.payload_json).unwrap())
        })
        .collect();
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    told
}

#[tokio::test]
async fn secrets_and_service_tokens_are_told_of_when_they_come_and_go() {
    everywhere(async |world| {
        world.secret(PORTAL).await;
        let [(secret_event, secret), (token_event, token)] = told(world).await.try_into().unwrap();
        assert_eq!((secret_event.as_str(), token_event.as_str()), ("portal_secret.created", "portal_token.created"));
        assert_eq!((&secret["event"], &secret["sender"]["name"]), (&json!("portal_secret.created"), &json!("Ada")));
        let shown = world.list_secrets(PORTAL).await.remove(0);
        let object = &secret["portal_secret"];
        assert_eq!((&object["uuid"], &object["portal_uuid"]), (&json!(shown.uuid), &json!(PORTAL)));
        assert_eq!((&object["last_four"], &object["expires_at"]), (&json!(shown.last_four), &Value::Null));
        let object = &token["portal_token"];
        assert_eq!((&object["kind"], &object["description"]), (&json!("service"), &json!("CI")));
        assert_eq!(object["created_by"]["email"], "keiko@example.com");
        // All of it goes with the portal.
        world.client().revoke_portal(from_service(revoke(PORTAL), None)).await.unwrap();
        let [(secret_event, gone_secret), (token_event, gone_token)] = told(world).await.try_into().unwrap();
        assert_eq!((secret_event.as_str(), token_event.as_str()), ("portal_secret.deleted", "portal_token.deleted"));
        assert_eq!(gone_secret["portal_secret"], secret["portal_secret"]);
        assert_eq!(gone_token["portal_token"], token["portal_token"]);
        assert!(told(world).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn ephemeral_tokens_are_not_told_of() {
    everywhere(async |world| {
        let secret = world.secret(PORTAL).await;
        told(world).await;
        world.exchange_secret(PORTAL, &secret.plain).await.unwrap();
        assert!(told(world).await.is_empty());
        world.delete_secret(PORTAL, secret.uuid, false).await.unwrap();
        let events: Vec<_> = told(world).await.into_iter().map(|(event, _)| event).collect();
        assert_eq!(events, ["portal_secret.deleted"]);
    })
    .await;
}

#[tokio::test]
async fn user_tokens_are_told_of() {
    everywhere_with(unlimited(), async |world| {
        let code = world.code().await;
        // The portal was made known by a service token.
        told(world).await;
        let ada = world.signed_in(ADA).await;
        world.decide(&ada, &code.code, true).await.unwrap();
        world.exchange(&code).await.unwrap();
        let [(event, token)] = told(world).await.try_into().unwrap();
        assert_eq!((event.as_str(), &token["portal_token"]["kind"]), ("portal_token.created", &json!("user")));
    })
    .await;
}

#[tokio::test]
async fn only_services_read_and_remove_events() {
    everywhere(async |world| {
        world.issued(PORTAL).await;
        let token = Some(world.api_token.expose());
        let read = world.client().list_outbox_events(from_outside(ListOutboxEventsRequest { limit: 1 }, token)).await;
        let removed =
            world.client().remove_outbox_events(from_outside(RemoveOutboxEventsRequest::default(), token)).await;
        assert_eq!([refusal(read).reason, refusal(removed).reason], ["service_key_required"; 2]);
        for uuids in [vec!["x".to_owned()], vec![Uuid::nil().to_string(); 1_001]] {
            let request = from_service(RemoveOutboxEventsRequest { uuids }, None);
            assert_eq!(refusal(world.client().remove_outbox_events(request).await).reason, "invalid_request");
        }
        assert_eq!(events(world).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_nobody_carries_on_goes_after_a_week() {
    everywhere(async |world| {
        const DAY: i64 = 86_400;
        world.issued(PORTAL).await;
        world.clock.pass(7 * DAY);
        world.service.sweep_all(Swept::OutboxEvents).await.unwrap();
        assert_eq!(events(world).await.len(), 1);
        world.clock.pass(1);
        world.service.sweep_all(Swept::OutboxEvents).await.unwrap();
        assert!(events(world).await.is_empty());
    })
    .await;
}
