//! Schemas that change, and the portals on them.

use std::time::Duration;

use chrono::TimeDelta;
use contracts::{
    execution::v1::{ExecutePortalRequest, execution_service_client::ExecutionServiceClient},
    registry::v1::{GetPortalRequest, Portal, SchemaSource, UpdatePortalRequest},
};
use kit::grpc::Refusal;
use prost_types::FieldMask;

use super::{
    api::Api,
    upstreams::{SDL, abroad, create, digest_of, fault_of, get, refresh, update},
    world::{World, everywhere},
};
use crate::domain::portal::Check;

const NEW: &str = "type Query { hello: String }";
const BOTH: &str = "query Hello { hello } query Old($n: Int) { old(n: $n) }";

/// A portal on upstream `away`.
async fn portal(world: &World, query: &str) {
    world.create(|portal| (portal.upstream, portal.query) = (Some("away".into()), query.into())).await.unwrap();
}

async fn shown(world: &World) -> Portal {
    let message = GetPortalRequest { organization: "acme".into(), portal: "hello".into() };
    world.registry().get_portal(world.request(message)).await.unwrap().into_inner().portal.unwrap()
}

/// What becomes of a call of that operation: the reason, or nothing.
async fn run(world: &World, operation: &str) -> Result<(), Refusal> {
    let message = ExecutePortalRequest {
        organization: "acme".into(),
        portal: "hello".into(),
        operation_name: Some(operation.into()),
        variables_json: "{}".into(),
    };
    let mut execution = ExecutionServiceClient::new(world.peer());
    execution.execute_portal(world.request(message)).await.map(drop).map_err(|status| Refusal::of(&status))
}

#[tokio::test]
async fn operations_that_do_not_fit_any_more_are_reported_and_others_go_on() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        portal(&world, BOTH).await;
        world.create(|other| (other.upstream, other.slug) = (None, Some("elsewhere".into()))).await.unwrap();
        world.tokens.issued.lock().unwrap().pop();
        assert_eq!((run(&world, "Hello").await, run(&world, "Old").await), (Ok(()), Ok(())));
        api.has(NEW);
        let refreshed = refresh(&world).await.unwrap();
        assert_eq!(refreshed.broken_portals, ["hello"]);
        assert_eq!(refreshed.upstream.map(|upstream| (upstream.portals, upstream.broken_portals)), Some((1, 1)));
        assert_eq!(run(&world, "Hello").await, Ok(()));
        let refusal = run(&world, "Old").await.unwrap_err();
        assert_eq!((refusal.reason.as_str(), refusal.violations[0].position), ("operation_broken", Some((1, 33))));
        let broken = shown(&world).await;
        assert!(broken.broken_since.is_some());
        let errors: Vec<_> = broken.operations.iter().map(|operation| operation.errors.first()).collect();
        assert!(matches!(errors[..], [None, Some(error)] if error.line == 1), "{errors:?}");
        assert_eq!((world.audited("PORTAL_BROKEN").await, world.audited("UPSTREAM_UPDATED").await), (1, 1));
        // It stays broken, and that is no news.
        world.clock.advance(Duration::from_secs(1));
        api.has("type Query { hello: String more: Int }");
        refresh(&world).await.unwrap();
        assert_eq!(shown(&world).await.broken_since, broken.broken_since);
        assert_eq!(world.audited("PORTAL_BROKEN").await, 1);
        api.has(SDL);
        assert_eq!(refresh(&world).await.unwrap().broken_portals, Vec::<String>::new());
        assert_eq!((run(&world, "Old").await, shown(&world).await.broken_since), (Ok(()), None));
    })
    .await;
}

#[tokio::test]
async fn a_new_document_that_fits_mends_a_portal() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        portal(&world, BOTH).await;
        let given = update(&world, &["schema"], |change| {
            (change.schema_source, change.sdl) = (SchemaSource::Sdl.into(), NEW.into());
        });
        assert_eq!(given.await.unwrap().broken_portals, 1);
        let change = |field: &str, query: &str| UpdatePortalRequest {
            organization: "acme".into(),
            portal: "hello".into(),
            update_mask: Some(FieldMask { paths: vec![field.into()] }),
            description: Some("changed".into()),
            query: Some(query.into()),
            ..UpdatePortalRequest::default()
        };
        // Other changes are still to be had.
        world.registry().update_portal(world.request(change("description", ""))).await.unwrap();
        assert!(shown(&world).await.broken_since.is_some());
        world.registry().update_portal(world.request(change("query", "query Hello { hello }"))).await.unwrap();
        assert_eq!(shown(&world).await.broken_since, None);
        assert_eq!(get(&world, "away").await.unwrap().broken_portals, 0);
    })
    .await;
}

#[tokio::test]
async fn portals_of_an_unknown_schema_are_checked_once_it_is_known() {
    abroad(async |world| {
        let api = Api::start(NEW).await;
        api.is_away(true);
        create(&world, &api, |_| {}).await.unwrap();
        portal(&world, BOTH).await;
        assert!(!shown(&world).await.warnings.is_empty());
        assert_eq!(run(&world, "Hello").await.unwrap_err().reason, "schema_unavailable");
        api.is_away(false);
        // After a minute it is asked again.
        world.clock.advance(Duration::from_secs(61));
        world.service.0.catch_up().await.unwrap();
        assert_eq!(run(&world, "Hello").await, Ok(()));
        assert_eq!(run(&world, "Old").await.unwrap_err().reason, "operation_broken");
        assert_eq!((get(&world, "away").await.unwrap().broken_portals, world.audited("PORTAL_BROKEN").await), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn schemas_are_fetched_on_schedule_and_sooner_after_a_fault() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        // Whether it is asked when so many minutes have passed.
        let asks = async |minutes: u64| {
            let asked = api.asked();
            world.clock.advance(Duration::from_mins(minutes));
            world.service.0.catch_up().await.unwrap();
            api.asked() > asked
        };
        assert!(!asks(59).await);
        api.is_away(true);
        assert!(asks(1).await);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(!asks(pause - 1).await, "{pause}");
            assert!(asks(1).await, "{pause}");
        }
        api.is_away(false);
        assert_ne!(fault_of(&get(&world, "away").await.unwrap()), "");
        assert!(asks(60).await);
        assert_eq!(fault_of(&get(&world, "away").await.unwrap()), "");
        assert!(!asks(59).await);
        assert!(asks(1).await);
    })
    .await;
}

#[tokio::test]
async fn of_several_nodes_one_fetches_a_schema() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        world.clock.advance(Duration::from_hours(1));
        let (store, later) = (&world.service.0.store, world.service.0.ambient.now() + TimeDelta::minutes(2));
        let (one, other) = tokio::join!(store.claim_due_schemas(later), store.claim_due_schemas(later));
        assert_eq!(one.unwrap().len() + other.unwrap().len(), 1);
        // It may have died since.
        world.clock.advance(Duration::from_mins(2));
        assert_eq!(store.claim_due_schemas(later + TimeDelta::minutes(2)).await.unwrap().len(), 1);
    })
    .await;
}

/// Nobody's answer of before may be written over a newer one: its digest would then belong to another text.
#[tokio::test]
async fn an_answer_that_another_one_overtook_is_not_written() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        let store = &world.service.0.store;
        let organization = store.find_organization("acme").await.unwrap().unwrap().id;
        let before = store.find_upstream(organization, "away").await.unwrap().unwrap();
        api.has(NEW);
        let now = refresh(&world).await.unwrap().upstream.unwrap();
        let written = store.write_schema(&before, &before.schema, crate::store::Outcome::default(), None).await;
        assert!(!written.unwrap());
        assert_eq!(digest_of(&get(&world, "away").await.unwrap()), digest_of(&now));
    })
    .await;
}

/// A node that is late holds portals against a schema that isn't the upstream's any more.
#[tokio::test]
async fn a_check_against_an_old_schema_counts_for_nothing() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        portal(&world, BOTH).await;
        let store = &world.service.0.store;
        let organization = store.find_organization("acme").await.unwrap().unwrap().id;
        let read = async || store.find_portal(organization, "hello").await.unwrap().unwrap();
        let old = read().await.check;
        api.has(NEW);
        refresh(&world).await.unwrap();
        let now = read().await;
        assert!(now.check.broken_since.is_some());
        assert!(!store.mark_checked(&now, &old, None).await.unwrap());
        // Nor does one of a portal that was changed meanwhile.
        let mut before = now.clone();
        before.updated_at -= TimeDelta::seconds(1);
        let check = Check { broken_since: None, ..now.check.clone() };
        assert!(!store.mark_checked(&before, &check, None).await.unwrap());
        assert_eq!(read().await.check, now.check);
    })
    .await;
}

#[tokio::test]
async fn many_portals_are_checked_and_only_those_that_changed() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        for (slug, query) in
            [("a", "{ hello }"), ("b", "{ old }"), ("c", "{ hello }"), ("d", "{ old }"), ("e", "{ old }")]
        {
            let on = |portal: &mut contracts::registry::v1::CreatePortalRequest| {
                (portal.slug, portal.upstream, portal.query) = (Some(slug.into()), Some("away".into()), query.into());
            };
            world.create(on).await.unwrap();
        }
        api.has(NEW);
        assert_eq!(refresh(&world).await.unwrap().broken_portals, ["b", "d", "e"]);
        assert_eq!(world.audited("PORTAL_BROKEN").await, 3);
        let upstreams = world.service.0.store.list_upstreams_to_check(None).await.unwrap();
        assert_eq!(upstreams, []);
    })
    .await;
}

#[tokio::test]
async fn no_portal_is_broken_without_its_audit_row() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |asked| (asked.schema_source, asked.sdl) = (SchemaSource::Sdl.into(), SDL.into()))
            .await
            .unwrap();
        portal(&world, BOTH).await;
        world.sql("UPDATE portals SET query = '{ gone }', version = 2, checked_schema = NULL").await;
        world.lose_audit_trail().await;
        world.service.0.catch_up().await.unwrap_err();
        assert_eq!(get(&world, "away").await.unwrap().broken_portals, 0);
    })
    .await;
}

/// The built-in API's schema changes with the program.
#[tokio::test]
async fn portals_on_the_built_in_api_are_checked_after_an_upgrade() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.sql("UPDATE portals SET query = '{ gone }', version = 2, checked_schema = 'of before'").await;
        world.service.0.check_portals(None).await.unwrap();
        assert!(shown(&world).await.broken_since.is_some());
        assert_eq!(world.audited("PORTAL_BROKEN").await, 1);
    })
    .await;
}
