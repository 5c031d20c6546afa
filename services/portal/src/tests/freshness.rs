//! Kept portals: for how long they count, and what is looked up at all.

use std::time::Duration;

use contracts::registry::v1::UpdatePortalRequest;
use kit::{boot::Tasks, grpc::Refusal};
use prost_types::FieldMask;

use super::{
    tokens::Mood,
    world::{World, everywhere, until},
};
use crate::Service;

const GOOD: &str = r#"{"name":"x"}"#;
/// Short of the time that what is kept counts.
const ALMOST: Duration = Duration::from_millis(999);

/// A world that has just looked at the change counter, and whose portal and verdict are kept.
async fn warm(world: &World) {
    world.create(|_| {}).await.unwrap();
    world.leased().await;
    look(world).await;
    world.call(GOOD).await.unwrap();
}

async fn look(world: &World) {
    world.service.0.catalog.follow(&world.service.0.store).await.unwrap();
}

#[tokio::test]
async fn a_node_that_can_not_see_changes_answers_from_memory_for_less_than_a_second() {
    everywhere(async |world| {
        warm(&world).await;
        world.sql("ALTER TABLE changes RENAME TO elsewhere").await;
        world.sql("ALTER TABLE portals RENAME TO nowhere").await;
        world.clock.advance(ALMOST);
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.refused(GOOD).await, "database_unavailable");
        world.sql("ALTER TABLE nowhere RENAME TO portals").await;
        world.call(GOOD).await.unwrap();
        world.sql("ALTER TABLE elsewhere RENAME TO changes").await;
        look(&world).await;
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_another_node_removes_is_gone_in_a_second_though_the_change_counter_can_not_be_read() {
    everywhere(async |world| {
        warm(&world).await;
        world.sql("ALTER TABLE changes RENAME TO elsewhere").await;
        world.sql("UPDATE portals SET deleted_at = created_at").await;
        world.clock.advance(ALMOST);
        world.call(GOOD).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_counted_is_seen_with_the_next_look() {
    everywhere(async |world| {
        warm(&world).await;
        world.sql("UPDATE portals SET deleted_at = created_at").await;
        world.call(GOOD).await.unwrap();
        world.sql("UPDATE changes SET number = number + 1").await;
        look(&world).await;
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

/// Each of the two ways that word comes from another node by, without the other.
async fn comes_alone_by(way: impl Fn(&Service, &Tasks), needs_hints: bool) {
    everywhere(async |world| {
        if needs_hints && !world.service.0.store.may_have_replicas() {
            return;
        }
        let (other, tasks) = (world.quiet().await, Tasks::default());
        let catalog = &other.0.catalog;
        let generation = || catalog.generation().0;
        world.create(|_| {}).await.unwrap();
        assert_eq!(generation(), 0, "there is a third way");
        way(&other, &tasks);
        // The first look is that of the beginning.
        until("the first look", || generation() == 1).await;
        for number in 2..5 {
            world.create(|portal| portal.slug = Some(format!("number-{number}"))).await.unwrap();
            until("word of the change", || generation() == number).await;
        }
        assert!(tasks.stop(Duration::from_secs(10)).await);
    })
    .await;
}

#[tokio::test]
async fn what_another_node_changes_comes_by_its_hint_though_nobody_looks_for_it() {
    comes_alone_by(Service::hear_of_changes, true).await;
}

#[tokio::test]
async fn what_another_node_changes_comes_by_the_counter_though_nobody_hears_of_it() {
    comes_alone_by(Service::look_for_changes, false).await;
}

/// Whoever holds a token must not learn from the time of a refusal, or from its kind, what there is at other addresses.
#[tokio::test]
async fn nothing_but_the_tokens_own_portal_is_looked_up() {
    everywhere(async |world| {
        world.create(|portal| portal.slug = Some("foreign".into())).await.unwrap();
        warm(&world).await;
        world.service.ensure_organization("beta", "Beta").await.unwrap();
        look(&world).await;
        world.call(GOOD).await.unwrap();
        world.sql("ALTER TABLE portals RENAME TO nowhere").await;
        world.sql("ALTER TABLE organizations RENAME TO elsewhere").await;
        for (organization, portal) in
            [("acme", "foreign"), ("acme", "none"), ("beta", "hello"), ("none", "hello"), ("NO SLUG", "")]
        {
            let refusal = Refusal::of(&world.call_at(organization, portal, GOOD).await.unwrap_err());
            assert_eq!(refusal.reason, "authentication_required", "{organization}/{portal}");
        }
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_token_follows_its_portal_to_another_slug() {
    everywhere(async |world| {
        warm(&world).await;
        let message = UpdatePortalRequest {
            organization: "acme".into(),
            portal: "hello".into(),
            update_mask: Some(FieldMask { paths: vec!["slug".into()] }),
            slug: Some("moved".into()),
            ..UpdatePortalRequest::default()
        };
        world.registry().update_portal(world.request(message)).await.unwrap();
        world.call_at("acme", "moved", GOOD).await.unwrap();
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

/// A wrong service key is the operator's fault: nobody's good token may be called bad for it.
#[tokio::test]
async fn a_service_key_that_is_refused_refuses_no_token() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.tokens.set_mood(Mood::WrongKey);
        assert_eq!(world.refused(GOOD).await, "verification_unavailable");
        let refusal = world.create(|portal| portal.slug = Some("other".into())).await.unwrap_err();
        assert_eq!(refusal.reason, "verification_unavailable");
        world.tokens.set_mood(Mood::Refuses);
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}
