//! Upstreams that portals are on stay.

use contracts::registry::v1::{CreatePortalRequest, SchemaSource};
use kit::audit::{Event, Subject};

use super::{
    api::Api,
    upstreams::{SDL, abroad, create, delete, fields, get, refresh},
};
use crate::{domain::portal::Change, store::Unwritten};

#[tokio::test]
async fn an_upstream_with_portals_stays() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        world
            .create(|portal| (portal.upstream, portal.query) = (Some("away".into()), "{ hello }".into()))
            .await
            .unwrap();
        let refusal = delete(&world).await.unwrap_err();
        assert_eq!(refusal.reason, "upstream_in_use");
        assert!(refusal.message.contains("(1)"), "{}", refusal.message);
        assert_eq!(get(&world, "away").await.unwrap().portals, 1);
        assert_eq!(world.audited("UPSTREAM_DELETED").await, 0);
        world.sql("UPDATE portals SET deleted_at = created_at").await;
        delete(&world).await.unwrap();
        assert_eq!(world.audited("UPSTREAM_DELETED").await, 1);
        for gone in [get(&world, "away").await.map(drop), delete(&world).await, refresh(&world).await.map(drop)] {
            assert_eq!(gone.unwrap_err().reason, "not_found");
        }
        let refusal = world.create(|portal| portal.upstream = Some("away".into())).await.unwrap_err();
        assert_eq!(fields(&refusal), ["upstream"]);
    })
    .await;
}

/// Whichever comes first, no portal is ever on an upstream that isn't there.
#[tokio::test]
async fn an_upstream_is_either_removed_or_gets_a_portal() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        for _ in 0..5 {
            create(&world, &api, |asked| (asked.schema_source, asked.sdl) = (SchemaSource::Sdl.into(), SDL.into()))
                .await
                .unwrap();
            let on = |portal: &mut CreatePortalRequest| {
                (portal.upstream, portal.query) = (Some("away".into()), "{ hello }".into());
            };
            match tokio::join!(delete(&world), world.create(on)) {
                (Ok(()), made) => assert_eq!(fields(&made.unwrap_err()), ["upstream"]),
                (Err(refusal), made) => {
                    assert_eq!((refusal.reason.as_str(), made.is_ok()), ("upstream_in_use", true));
                    world.sql("UPDATE portals SET deleted_at = created_at").await;
                    delete(&world).await.unwrap();
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_portal_can_not_be_moved_to_an_upstream_that_was_removed_meanwhile() {
    abroad(async |world| {
        let (api, store) = (Api::start(SDL).await, &world.service.0.store);
        create(&world, &api, |_| {}).await.unwrap();
        world.create(|_| {}).await.unwrap();
        let organization = store.find_organization("acme").await.unwrap().unwrap().id;
        let upstream = store.find_upstream(organization, "away").await.unwrap().unwrap().id;
        let before = store.find_portal(organization, "hello").await.unwrap().unwrap();
        delete(&world).await.unwrap();
        let (slug, content, now) = (before.slug.clone(), before.content.clone(), world.service.0.ambient.now());
        let after = before.clone().changed(Change { slug, upstream: Some(upstream), content, checked: None }, now);
        let event = Event {
            kind: "PORTAL_UPDATED",
            organization: organization.0,
            actor: None,
            subject: Subject { kind: "portal", uuid: before.id.0, name: "Hello".into() },
            context: serde_json::Value::Null,
            data: serde_json::Value::Null,
        };
        let written = store.update_portal(&before, &after, &before.created_by, event).await;
        assert!(matches!(written, Err(Unwritten::UpstreamGone)), "{written:?}");
    })
    .await;
}
