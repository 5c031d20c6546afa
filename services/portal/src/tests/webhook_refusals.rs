//! What changes of notification services are refused for beside what is wrong with them: a database that breaks off, and a key
//! that is gone.

use contracts::webhook::v1::{
    DeleteNotificationServiceRequest, NotificationService, RedeliverDeliveryRequest, TestNotificationServiceRequest,
};
use kit::{error::Code, grpc::Refusal};
use tonic::Status;

use super::{
    webhook_calls::{TOKEN, client, create, hooked, update},
    webhook_deliveries::ping,
    world::World,
};

const URL: &str = "https://hooks.example/";

fn refusal<T: std::fmt::Debug>(reply: Result<T, Status>) -> Refusal {
    Refusal::of(&reply.unwrap_err())
}

async fn test(world: &World, hook: &NotificationService) -> Refusal {
    let message = TestNotificationServiceRequest { organization: "acme".into(), uuid: hook.uuid.clone() };
    refusal(client(world).test_notification_service(world.request(message)).await)
}

async fn redeliver(world: &World, hook: &NotificationService, uuid: &str) -> Refusal {
    let message =
        RedeliverDeliveryRequest { organization: "acme".into(), service_uuid: hook.uuid.clone(), uuid: uuid.into() };
    refusal(client(world).redeliver_delivery(world.request(message)).await)
}

#[tokio::test]
async fn a_commit_that_breaks_off_may_have_happened_and_says_so() {
    hooked(async |world| {
        let hook = create(&world, URL, |_| {}).await.unwrap();
        world.break_commits_on("notification_services").await;
        let delete = DeleteNotificationServiceRequest { organization: "acme".into(), uuid: hook.uuid.clone() };
        let description = update(&world, &hook.uuid, &["description"], |change| change.description = "New".into());
        for refused in [
            create(&world, URL, |_| {}).await.unwrap_err(),
            description.await.unwrap_err(),
            refusal(client(&world).delete_notification_service(world.request(delete)).await),
        ] {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Timeout, "outcome_unknown"));
        }
    })
    .await;
    hooked(async |world| {
        let hook = create(&world, URL, |asked| asked.disabled = true).await.unwrap();
        let delivery = ping(&world, &hook).await;
        world.break_commits_on("deliveries").await;
        for refused in [test(&world, &hook).await, redeliver(&world, &hook, &delivery.uuid).await] {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Timeout, "outcome_unknown"));
        }
    })
    .await;
}

#[tokio::test]
async fn no_token_is_kept_under_a_key_that_is_gone() {
    hooked(async |world| {
        let hook = create(&world, URL, |_| {}).await.unwrap();
        // What is left of a key that another process has retired.
        world.sql("UPDATE key_canaries SET canary = ''").await;
        let token = update(&world, &hook.uuid, &["token"], |change| change.token = Some(TOKEN.into()));
        let elsewhere = update(&world, &hook.uuid, &["url"], |change| change.url = "https://other.example/".into());
        for refused in
            [create(&world, URL, |_| {}).await.unwrap_err(), token.await.unwrap_err(), elsewhere.await.unwrap_err()]
        {
            assert_eq!((refused.class, refused.reason.as_str()), (Code::Unavailable, "key_retired"));
            assert!(refused.retry_after.is_some());
        }
        let renamed = update(&world, &hook.uuid, &["description"], |change| change.description = "New".into()).await;
        assert_eq!(renamed.unwrap().description, "New", "what needs no key goes on");
    })
    .await;
}
