//! Headers of upstreams go to the origin that they were given for, and nowhere else (S19).

use contracts::registry::v1::UpdateUpstreamRequest;

use super::{
    api::Api,
    upstreams::{HEADER, SDL, abroad, create, fault_of, get, headers, refresh, update},
    world::World,
};

async fn portal(world: &World, upstream: &str) {
    let change = |portal: &mut contracts::registry::v1::CreatePortalRequest| {
        (portal.upstream, portal.query) = (Some(upstream.into()), "{ hello }".into());
    };
    world.create(change).await.unwrap();
}

#[tokio::test]
async fn another_origin_demands_the_headers_again() {
    abroad(async |world| {
        let (api, thief) = (Api::start(SDL).await, Api::start(SDL).await);
        create(&world, &api, |_| {}).await.unwrap();
        let url = |change: &mut UpdateUpstreamRequest| change.url = thief.url();
        let refusal = update(&world, &["url"], url).await.unwrap_err();
        assert_eq!((refusal.reason.as_str(), refusal.violations[0].field.as_str()), ("validation_failed", "headers"));
        assert_eq!((thief.asked(), get(&world, "away").await.unwrap().url), (0, api.url()));
        let moved = update(&world, &["url", "headers"], |change| {
            (change.url, change.headers) = (thief.url(), headers(&[("x-new", "1")]));
        });
        let moved = moved.await.unwrap();
        assert_eq!((moved.header_names, moved.url), (vec!["x-new".to_owned()], thief.url()));
        assert!(thief.asked() > 0 && thief.last_head().contains("x-new: 1"));
        assert!(!thief.last_head().contains("hush"));
    })
    .await;
}

#[tokio::test]
async fn another_path_of_the_same_origin_keeps_the_headers() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        update(&world, &["url"], |change| change.url = format!("{}/v2", api.url())).await.unwrap();
        assert!(api.last_head().starts_with("post /graphql/v2 "), "{}", api.last_head());
        assert!(api.last_head().contains(&HEADER.to_lowercase()));
    })
    .await;
}

#[tokio::test]
async fn an_upstream_without_headers_moves() {
    abroad(async |world| {
        let (api, other) = (Api::start(SDL).await, Api::start(SDL).await);
        create(&world, &api, |asked| asked.headers.clear()).await.unwrap();
        let moved = update(&world, &["url"], |change| change.url = other.url()).await.unwrap();
        assert_eq!(fault_of(&moved), "");
        portal(&world, "away").await;
        world.call("{}").await.unwrap();
        assert!(other.asked() > 0);
    })
    .await;
}

/// Whoever can write to the database, but has no key, can't have headers sent to where they don't belong.
#[tokio::test]
async fn a_url_that_was_changed_in_the_database_is_not_called() {
    abroad(async |world| {
        let (api, thief) = (Api::start(SDL).await, Api::start(SDL).await);
        create(&world, &api, |_| {}).await.unwrap();
        portal(&world, "away").await;
        world.call("{}").await.unwrap();
        world.sql(&format!("UPDATE upstreams SET url = '{}'", thief.url())).await;
        world.service.0.catalog.changed();
        assert_eq!(world.refused("{}").await, "upstream_auth_failed");
        let refreshed = refresh(&world).await.unwrap().upstream.unwrap();
        assert!(fault_of(&refreshed).contains("can't be read"), "{refreshed:?}");
        assert_eq!(thief.asked(), 0);
    })
    .await;
}

#[tokio::test]
async fn headers_that_were_copied_to_another_upstream_are_not_sent() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        create(&world, &api, |asked| {
            asked.slug = "mine".into();
            asked.headers.clear();
        })
        .await
        .unwrap();
        portal(&world, "mine").await;
        world.call("{}").await.unwrap();
        let asked = api.asked();
        world
            .sql("UPDATE upstreams SET headers = (SELECT headers FROM upstreams AS a WHERE a.slug = 'away') WHERE slug = 'mine'")
            .await;
        world.service.0.catalog.changed();
        assert_eq!(world.refused("{}").await, "upstream_auth_failed");
        assert_eq!(api.asked(), asked);
    })
    .await;
}
