//! Deliveries that don't arrive at once, or at all.

use std::time::Duration;

use contracts::webhook::v1::DeliveryState;

use super::{
    receiver::Receiver,
    webhook_calls::{TOKEN, create, delete, hooked, hooked_with, update},
    webhook_deliveries::{come_to, deliveries, ping, plain, redeliver, tried},
    world::until,
};

#[tokio::test]
async fn a_failing_receiver_is_tried_again_given_up_after_a_day_and_tried_once_more_on_request() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        receiver.answers("500 Internal Server Error", "sorry");
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        world.leave(plain(&world)).await;
        world.service.0.carry_events().await;
        let first = tried(&world, &hook, 1).await;
        assert_eq!(
            (first.state(), first.response_status, first.response_excerpt.as_str()),
            (DeliveryState::Pending, 500, "sorry")
        );
        assert_eq!(first.fault, "The receiver answered 500 Internal Server Error");
        let pause = first.next_attempt_at.unwrap().seconds - first.last_attempt_at.unwrap().seconds;
        assert!((5..=10).contains(&pause), "{pause}");
        world.service.0.desk.tell();
        assert_eq!(tried(&world, &hook, 1).await, first, "it isn't due yet");
        world.clock.advance(Duration::from_secs(10));
        world.service.0.desk.tell();
        tried(&world, &hook, 2).await;
        world.clock.advance(Duration::from_hours(23));
        world.service.0.desk.tell();
        let last_but_one = tried(&world, &hook, 3).await;
        assert_eq!(last_but_one.state(), DeliveryState::Pending);
        world.clock.advance(Duration::from_hours(1));
        world.service.0.desk.tell();
        let [dead] = come_to(&world, &hook, DeliveryState::Dead, 1).await.try_into().unwrap();
        assert_eq!((dead.attempts, dead.next_attempt_at), (4, None));
        receiver.answers("204 No Content", "");
        let anew = redeliver(&world, &hook, &dead.uuid).await;
        assert_eq!((anew.state(), anew.attempts, anew.uuid.as_str()), (DeliveryState::Pending, 0, dead.uuid.as_str()));
        let [done] = come_to(&world, &hook, DeliveryState::Delivered, 1).await.try_into().unwrap();
        assert_eq!((done.response_status, done.fault.as_str(), done.attempts), (204, "", 1));
        let ids: Vec<_> =
            receiver.letters().iter().map(|letter| letter.header("x-buildkite-request").unwrap().to_owned()).collect();
        assert_eq!(ids, vec![dead.uuid; 5], "every try has the same id");
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_process_was_delivering_is_delivered_by_another() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        let hook = create(&world, &receiver.url(), |asked| asked.disabled = true).await.unwrap();
        // Nobody of this process tries it.
        let parts = &world.service.0;
        let service = crate::domain::id::NotificationServiceId(hook.uuid.parse().unwrap());
        let now = parts.ambient.now();
        update(&world, &hook.uuid, &["enabled"], |change| change.enabled = true).await.unwrap();
        world.leave(plain(&world)).await;
        parts.carry_events().await;
        come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        let done = deliveries(&world, &hook, DeliveryState::Delivered).await.remove(0);
        world
            .sql(&format!(
                "UPDATE deliveries SET state = 'pending', finished_at = NULL, due_at = created_at WHERE event = '{}'",
                done.event
            ))
            .await;
        let until_then = now + chrono::TimeDelta::minutes(1);
        let claimed = parts.store.claim_deliveries(service, (now, until_then), 10).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert!(
            parts.store.claim_deliveries(service, (now, until_then), 10).await.unwrap().is_empty(),
            "it is somebody's"
        );
        world.clock.advance(Duration::from_secs(61));
        parts.desk.tell();
        come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        assert_eq!(receiver.letters().len(), 2);
        // The one that was taken for dead changes nothing any more.
        let late = claimed[0].progress.clone();
        assert!(!parts.store.write_attempt(&claimed[0], &late).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_hangs_has_two_places_and_holds_nobody() {
    hooked(async |world| {
        let (slow, good) = (Receiver::start().await, Receiver::start().await);
        slow.hold();
        let hangs = create(&world, &slow.url(), |_| {}).await.unwrap();
        let works = create(&world, &good.url(), |_| {}).await.unwrap();
        for _ in 0..10 {
            world.leave(plain(&world)).await;
        }
        world.service.0.carry_events().await;
        come_to(&world, &works, DeliveryState::Delivered, 10).await;
        until("two letters", || slow.letters().len() == 2).await;
        // What was delivered gives its place back a moment after the log says so.
        until("two places", || world.service.0.desk.taken().0 == 2).await;
        assert_eq!(deliveries(&world, &hangs, DeliveryState::Pending).await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_receiver_whose_answer_has_no_end_has_answered() {
    let settings = |config: &mut crate::Config| config.webhooks.timeout = Duration::from_secs(1);
    hooked_with(settings, async |world| {
        let receiver = Receiver::start().await;
        receiver.never_ends();
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        ping(&world, &hook).await;
        let [done] = come_to(&world, &hook, DeliveryState::Delivered, 1).await.try_into().unwrap();
        assert_eq!((done.response_status, done.response_excerpt.as_str(), done.attempts), (200, "thanks", 1));
    })
    .await;
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_not_called_and_redirects_are_not_followed() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        receiver.answers("302 Found", "");
        let moved = create(&world, &receiver.url(), |_| {}).await.unwrap();
        ping(&world, &moved).await;
        let fault = tried(&world, &moved, 1).await.fault;
        assert_eq!(fault, "The receiver answered 302 Found, and redirects aren't followed");
        let nobody = create(&world, "http://127.0.0.1:1/", |_| {}).await.unwrap();
        ping(&world, &nobody).await;
        assert_eq!(tried(&world, &nobody, 1).await.fault, "The receiver can't be reached");
    })
    .await;
    super::world::everywhere(async |world| {
        world.tokens.scopes.lock().unwrap().extend(["read_notification_services", "write_notification_services"]);
        let receiver = Receiver::start().await;
        let url = format!("http://localhost:{}/", receiver.port());
        let hook = create(&world, &url, |_| {}).await.unwrap();
        ping(&world, &hook).await;
        assert_eq!(tried(&world, &hook, 1).await.fault, "The receiver has no address that may be called from here");
        assert!(receiver.letters().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_is_disabled_is_told_nothing_but_tests() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        receiver.answers("500 Internal Server Error", "");
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        world.leave(plain(&world)).await;
        world.service.0.carry_events().await;
        tried(&world, &hook, 1).await;
        update(&world, &hook.uuid, &["enabled"], |change| change.enabled = false).await.unwrap();
        world.leave(plain(&world)).await;
        world.service.0.carry_events().await;
        assert_eq!(deliveries(&world, &hook, DeliveryState::Unspecified).await.len(), 1, "a new event isn't for it");
        receiver.answers("200 OK", "");
        world.clock.advance(Duration::from_hours(1));
        ping(&world, &hook).await;
        come_to(&world, &hook, DeliveryState::Delivered, 1).await;
        assert_eq!(receiver.letters().len(), 2, "the old one waits");
        world.clock.advance(Duration::from_hours(25));
        world.service.0.try_to_tidy_webhooks().await.unwrap();
        assert_eq!(deliveries(&world, &hook, DeliveryState::Dead).await.len(), 1);
        // The log is kept for a month, and goes with its service.
        world.clock.advance(Duration::from_hours(24 * 31));
        world.service.0.try_to_tidy_webhooks().await.unwrap();
        assert!(deliveries(&world, &hook, DeliveryState::Unspecified).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_log_of_a_removed_service_goes_and_its_token_stands_nowhere_in_it() {
    hooked(async |world| {
        let receiver = Receiver::start().await;
        receiver.answers("400 Bad Request", &format!("what is {TOKEN}?"));
        let hook = create(&world, &receiver.url(), |_| {}).await.unwrap();
        ping(&world, &hook).await;
        assert_eq!(tried(&world, &hook, 1).await.response_excerpt, "what is (token)?");
        let kept = world.text("SELECT payload || last_excerpt || last_fault FROM deliveries").await;
        assert!(kept.contains("ping") && !kept.contains(TOKEN), "{kept}");
        delete(&world, &hook.uuid).await.unwrap();
        world.service.0.try_to_tidy_webhooks().await.unwrap();
        assert_eq!(world.text("SELECT CAST(COUNT(*) AS TEXT) FROM deliveries").await, "0");
    })
    .await;
}
