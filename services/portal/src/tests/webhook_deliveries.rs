//! What happens is told, once it is committed, until it is heard or given up.

use std::time::Duration;

use contracts::{
    registry::v1::{DeletePortalRequest, UpdatePortalRequest},
    token::v1::OutboxEvent,
    webhook::v1::{
        Delivery, DeliveryState, GetDeliveryRequest, ListDeliveriesRequest, NotificationService,
        RedeliverDeliveryRequest, TestNotificationServiceRequest, TokenMode,
    },
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kit::{audit::Actor, grpc::to_timestamp, outbox::Notice};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use super::{
    api::Api,
    receiver::{Letter, Receiver},
    upstreams,
    webhook_calls::{TOKEN, client, create, hooked},
    world::World,
};

/// A notice of a build that is over.
fn build(world: &World, pipeline: u128, branch: &str, state: &str) -> Notice {
    let sender = Actor { uuid: Uuid::from_u128(7), name: "Ada".into() };
    let objects = vec![("build", json!({ "number": 7, "url": null, "branch": branch }))];
    let facts = json!({
        "pipeline": Uuid::from_u128(pipeline), "branch": branch, "state": state,
        "links": { "/build/url": "/v2/organizations/{organization}/pipelines/{organization}/builds/7", "/nothing": "/x" },
    });
    Notice::new("build.finished", world.organization(), Some(&sender), objects).with_facts(facts)
}

pub(super) fn plain(world: &World) -> Notice {
    Notice::new("portal.created", world.organization(), None, vec![("portal", json!({ "slug": "p" }))])
}

pub(super) async fn deliveries(world: &World, of: &NotificationService, state: DeliveryState) -> Vec<Delivery> {
    let message = ListDeliveriesRequest {
        organization: "acme".into(),
        service_uuid: of.uuid.clone(),
        state: state.into(),
        ..ListDeliveriesRequest::default()
    };
    client(world).list_deliveries(world.request(message)).await.unwrap().into_inner().deliveries
}

async fn delivery(world: &World, of: &NotificationService, uuid: &str) -> Delivery {
    let message = GetDeliveryRequest { organization: "acme".into(), service_uuid: of.uuid.clone(), uuid: uuid.into() };
    client(world).get_delivery(world.request(message)).await.unwrap().into_inner().delivery.unwrap()
}

pub(super) async fn redeliver(world: &World, of: &NotificationService, uuid: &str) -> Delivery {
    let message =
        RedeliverDeliveryRequest { organization: "acme".into(), service_uuid: of.uuid.clone(), uuid: uuid.into() };
    client(world).redeliver_delivery(world.request(message)).await.unwrap().into_inner().delivery.unwrap()
}

pub(super) async fn ping(world: &World, of: &NotificationService) -> Delivery {
    let message = TestNotificationServiceRequest { organization: "acme".into(), uuid: of.uuid.clone() };
    client(world).test_notification_service(world.request(message)).await.unwrap().into_inner().delivery.unwrap()
}

/// Waits until the service has that many deliveries in that state.
pub(super) async fn come_to(
    world: &World,
    of: &NotificationService,
    state: DeliveryState,
    many: usize,
) -> Vec<Delivery> {
    let wait = async {
        loop {
            let found = deliveries(world, of, state).await;
            if found.len() == many {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    let Ok(found) = waited else {
        panic!("not {many} {state:?}: {:#?}", deliveries(world, of, DeliveryState::Unspecified).await)
    };
    found
}

/// Waits until a delivery was tried that often and waits for the next try.
pub(super) async fn tried(world: &World, of: &NotificationService, attempts: u32) -> Delivery {
    let wait = async {
        loop {
            let [found] = deliveries(world, of, DeliveryState::Unspecified).await.try_into().unwrap();
            // The clock stands, so that the try which is meant was now.
            let now = to_timestamp(world.service.0.ambient.now());
            let at_rest = world.service.0.desk.taken().0 == 0 && found.last_attempt_at == Some(now);
            if found.attempts == attempts && at_rest {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it wasn't tried")
}

fn is_signed(letter: &Letter, token: &str) -> bool {
    let header = letter.header("x-buildkite-signature").unwrap();
    let (timestamp, signature) = header.strip_prefix("timestamp=").unwrap().split_once(",signature=").unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap();
    let mac = mac.chain_update(format!("{timestamp}.{}", letter.body));
    mac.verify_slice(&hex::decode(signature).unwrap()).is_ok()
}

#[tokio::test]
async fn what_happens_to_a_portal_is_told() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        let made = world.create(|_| {}).await.unwrap().portal.unwrap();
        let change = UpdatePortalRequest {
            organization: "acme".into(),
            portal: "hello".into(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["name".into()] }),
            name: Some("Hello again".into()),
            ..UpdatePortalRequest::default()
        };
        world.registry().update_portal(world.request(change)).await.unwrap();
        let delete = DeletePortalRequest { organization: "acme".into(), portal: "hello".into(), wait: false };
        world.registry().delete_portal(world.request(delete)).await.unwrap();
        assert!(receiver.letters().is_empty());
        world.service.0.carry_events().await;
        let delivered = come_to(&world, &hook, DeliveryState::Delivered, 3).await;
        let mut letters = receiver.letters();
        letters.sort_by_key(|letter| letter.header("x-buildkite-event").unwrap().to_owned());
        let events: Vec<_> = letters.iter().map(|letter| letter.header("x-buildkite-event").unwrap()).collect();
        assert_eq!(events, ["portal.created", "portal.deleted", "portal.updated"]);
        for letter in &letters {
            let body = letter.json();
            assert_eq!(Some(body["event"].as_str().unwrap()), letter.header("x-buildkite-event"));
            assert_eq!((&body["portal"]["uuid"], &body["sender"]["name"]), (&json!(made.uuid), &json!("Ada")));
            assert_eq!(body["portal"]["url"], "https://portals.test/organizations/acme/portals/hello");
            assert_eq!(
                (letter.header("x-buildkite-token"), letter.header("content-type")),
                (Some(TOKEN), Some("application/json"))
            );
            assert!(letter.header("user-agent").unwrap().starts_with("portals/"));
            let id = letter.header("x-buildkite-request").unwrap();
            assert!(delivered.iter().any(|delivery| delivery.uuid == id));
            assert_eq!(delivery(&world, &hook, id).await.payload_json, letter.body.as_bytes());
        }
        assert_eq!(letters[0].json()["portal"]["operations"][0]["variables"][0]["name"], "name");
        assert_eq!(letters[2].json()["portal"]["name"], "Hello again");
        assert_eq!(
            (delivered[0].response_status, delivered[0].response_excerpt.as_str(), delivered[0].attempts),
            (200, "thanks", 1)
        );
        // What was carried on is gone.
        world.service.0.carry_events().await;
        assert_eq!(deliveries(&world, &hook, DeliveryState::Unspecified).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_portal_that_breaks_is_told_of() {
    upstreams::abroad(async |world| {
        world.tokens.scopes.lock().unwrap().extend(["read_notification_services", "write_notification_services"]);
        let (api, receiver) = (Api::start(upstreams::SDL).await, Receiver::start().await);
        upstreams::create(&world, &api, |_| {}).await.unwrap();
        world
            .create(|portal| (portal.upstream, portal.query) = (Some("away".into()), "{ hello }".into()))
            .await
            .unwrap();
        let hook = create(&world, &receiver.url(), |asked| asked.events = vec!["portal.broken".into()]).await.unwrap();
        api.has("type Query { goodbye: String }");
        upstreams::refresh(&world).await.unwrap();
        world.service.0.carry_events().await;
        come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        let body = receiver.letters()[0].json();
        assert_eq!(
            (&body["event"], &body["portal"]["slug"], &body["sender"]),
            (&json!("portal.broken"), &json!("hello"), &json!(null))
        );
        assert!(body["portal"]["broken_since"].is_string());
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_signed_where_that_is_wanted() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let hook =
            create(&world, &receiver.url(), |asked| asked.token_mode = TokenMode::Signature.into()).await.unwrap();
        ping(&world, &hook).await;
        come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        let letter = receiver.letters().remove(0);
        assert!(is_signed(&letter, TOKEN) && !is_signed(&letter, "another-0123456789"));
        assert_eq!(letter.header("x-buildkite-token"), None);
        // The held clock stands at this second.
        assert!(letter.header("x-buildkite-signature").unwrap().starts_with("timestamp=1767225618,"));
        assert_eq!(letter.json()["service"]["id"], hook.uuid.as_str());
    })
    .await;
}

#[tokio::test]
async fn builds_are_told_to_those_whose_filters_they_pass() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let url = receiver.url();
        let narrow = create(&world, &url, |asked| {
            asked.pipeline_uuids = vec![Uuid::from_u128(1).to_string()];
            asked.branch_configuration = Some("main release/*".into());
            asked.build_states = vec!["passed".into()];
        });
        let narrow = narrow.await.unwrap();
        let wide = create(&world, &receiver.url(), |_| {}).await.unwrap();
        let other =
            create(&world, &receiver.url(), |asked| asked.events = vec!["portal.created".into()]).await.unwrap();
        for notice in [
            build(&world, 1, "main", "passed"),
            build(&world, 1, "release/1", "passed"),
            build(&world, 2, "main", "passed"),
            build(&world, 1, "side", "passed"),
            build(&world, 1, "main", "failed"),
        ] {
            world.leave(notice).await;
        }
        world.service.0.carry_events().await;
        come_to(&world, &narrow, DeliveryState::Delivered, 2).await;
        come_to(&world, &wide, DeliveryState::Delivered, 5).await;
        assert!(deliveries(&world, &other, DeliveryState::Unspecified).await.is_empty());
        let body = receiver.letters()[0].json();
        assert_eq!(
            body["build"]["url"],
            "https://portals.test/v2/organizations/acme/pipelines/{organization}/builds/7"
        );
        assert_eq!(body["sender"], json!({ "id": Uuid::from_u128(7), "name": "Ada" }));
    })
    .await;
}

#[tokio::test]
async fn events_of_the_token_service_are_told_once_however_often_they_are_read() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        let event = OutboxEvent {
            uuid: Uuid::from_u128(99).to_string(),
            organization_uuid: world.organization().to_string(),
            event: "portal_secret.created".into(),
            occurred_at: Some(to_timestamp(kit::ambient::Instant::default())),
            payload_json: br#"{"event":"portal_secret.created","portal_secret":{"last_four":"wxyz"},"sender":null}"#
                .into(),
            facts_json: b"null".into(),
        };
        for _ in 0..2 {
            world.tokens.outbox.lock().unwrap().push(event.clone());
            world.service.0.carry_events().await;
            assert!(world.tokens.outbox.lock().unwrap().is_empty());
        }
        let delivered = come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        assert_eq!(delivered[0].event_uuid, event.uuid);
        assert_eq!(receiver.letters().len(), 1);
        assert_eq!(receiver.letters()[0].json()["portal_secret"]["last_four"], "wxyz");
        // While the token service is away, the others' events go on.
        world.tokens.set_mood(super::tokens::Mood::Breaks);
        world.leave(plain(&world)).await;
        world.service.0.carry_events().await;
        world.tokens.set_mood(super::tokens::Mood::Works);
        come_to(&world, &hook, DeliveryState::Delivered, 2).await;
    })
    .await;
}

#[tokio::test]
async fn deliveries_of_others_are_not_found() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let (mine, other) = (
            create(&world, &receiver.url(), |_| {}).await.unwrap(),
            create(&world, &receiver.url(), |_| {}).await.unwrap(),
        );
        let delivery = ping(&world, &mine).await;
        for uuid in [delivery.uuid.as_str(), "x"] {
            let message =
                GetDeliveryRequest { organization: "acme".into(), service_uuid: other.uuid.clone(), uuid: uuid.into() };
            let refused = client(&world).get_delivery(world.request(message)).await.unwrap_err();
            assert_eq!((refused.code(), refused.message()), (tonic::Code::NotFound, "No delivery found"));
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_happens_of_which_no_word_can_be_left() {
    hooked(async |world| {
        world.sql("ALTER TABLE outbox_events RENAME TO elsewhere").await;
        assert_eq!(world.create(|_| {}).await.unwrap_err().reason, "database_unavailable");
        world.sql("ALTER TABLE elsewhere RENAME TO outbox_events").await;
        assert_eq!(world.audited("PORTAL_CREATED").await, 0);
        let made = world.create(|_| {}).await.unwrap();
        assert_eq!(made.portal.unwrap().slug, "hello", "the slug is free");
        assert_eq!(world.service.0.own_events().list(10).await.unwrap().len(), 1);
    })
    .await;
}
