//! The registry of upstreams.

use std::time::Duration;

use contracts::{
    registry::v1::{
        CreateUpstreamRequest, DeleteUpstreamRequest, GetUpstreamRequest, ListUpstreamsRequest, RefreshUpstreamRequest,
        RefreshUpstreamResponse, SchemaSource, UpdateUpstreamRequest, Upstream, UpstreamHeader,
    },
    token::v1::Role,
};
use kit::grpc::Refusal;
use prost_types::FieldMask;
use tonic::Response;

use super::{
    api::Api,
    world::{World, everywhere_with, until},
};

pub(super) const SDL: &str = "type Query { hello: String old(n: Int): Int }";
pub(super) const HEADER: &str = "Bearer hush-hush-0123456789";

/// Runs `test` in worlds that may call this machine, and whose caller may change upstreams.
pub(super) async fn abroad(test: impl AsyncFn(World)) {
    let settings = |config: &mut crate::Config| {
        config.upstream.allowed_networks = "127.0.0.0/8".parse().unwrap();
        config.upstream.refresh = Some(Duration::from_hours(1));
    };
    everywhere_with(settings, async |world| {
        world.tokens.scopes.lock().unwrap().extend(["read_organization_settings", "write_organization_settings"]);
        test(world).await;
    })
    .await;
}

pub(super) fn headers(given: &[(&str, &str)]) -> Vec<UpstreamHeader> {
    given.iter().map(|(name, value)| UpstreamHeader { name: (*name).into(), value: (*value).into() }).collect()
}

/// Makes upstream `away`, which `api` is, with a header.
pub(super) async fn create(
    world: &World,
    api: &Api,
    change: impl FnOnce(&mut CreateUpstreamRequest),
) -> Result<Upstream, Refusal> {
    let mut message = CreateUpstreamRequest {
        organization: "acme".into(),
        slug: "away".into(),
        url: api.url(),
        headers: headers(&[("Authorization", HEADER)]),
        ..CreateUpstreamRequest::default()
    };
    change(&mut message);
    let reply = world
        .registry()
        .create_upstream(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))?;
    Ok(reply.upstream.unwrap())
}

pub(super) async fn update(
    world: &World,
    mask: &[&str],
    change: impl FnOnce(&mut UpdateUpstreamRequest),
) -> Result<Upstream, Refusal> {
    let paths = mask.iter().map(ToString::to_string).collect();
    let mut message = UpdateUpstreamRequest {
        organization: "acme".into(),
        upstream: "away".into(),
        update_mask: Some(FieldMask { paths }),
        ..UpdateUpstreamRequest::default()
    };
    change(&mut message);
    let reply = world
        .registry()
        .update_upstream(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))?;
    Ok(reply.upstream.unwrap())
}

pub(super) async fn refresh(world: &World) -> Result<RefreshUpstreamResponse, Refusal> {
    let message = RefreshUpstreamRequest { organization: "acme".into(), upstream: "away".into() };
    world
        .registry()
        .refresh_upstream(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))
}

pub(super) async fn get(world: &World, upstream: &str) -> Result<Upstream, Refusal> {
    let message = GetUpstreamRequest { organization: "acme".into(), upstream: upstream.into() };
    let reply = world
        .registry()
        .get_upstream(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))?;
    Ok(reply.upstream.unwrap())
}

pub(super) async fn delete(world: &World) -> Result<(), Refusal> {
    let message = DeleteUpstreamRequest { organization: "acme".into(), upstream: "away".into() };
    world
        .registry()
        .delete_upstream(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))
        .map(drop)
}

async fn list(world: &World) -> Result<Vec<Upstream>, Refusal> {
    let message = ListUpstreamsRequest { organization: "acme".into(), page: 1, per_page: 0 };
    let reply = world
        .registry()
        .list_upstreams(world.request(message))
        .await
        .map(Response::into_inner)
        .map_err(|status| Refusal::of(&status))?;
    assert_eq!(usize::try_from(reply.total).unwrap(), reply.upstreams.len());
    Ok(reply.upstreams)
}

pub(super) fn fields(refusal: &Refusal) -> Vec<&str> {
    refusal.violations.iter().map(|violation| violation.field.as_str()).collect()
}

pub(super) fn digest_of(upstream: &Upstream) -> String {
    upstream.schema.clone().unwrap().digest
}

pub(super) fn fault_of(upstream: &Upstream) -> String {
    upstream.schema.clone().unwrap().fault
}

#[tokio::test]
async fn an_upstream_is_asked_for_its_schema_with_its_headers() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        let made = create(&world, &api, |asked| asked.timeout_ms = 500).await.unwrap();
        assert!(api.last_head().contains(&format!("authorization: {}", HEADER.to_lowercase())));
        assert_eq!((digest_of(&made).len(), fault_of(&made)), (64, String::new()));
        assert_eq!((made.header_names.as_slice(), made.timeout_ms), (["authorization".to_owned()].as_slice(), 500));
        assert_eq!((made.schema_source(), made.created_at), (SchemaSource::Introspection, made.updated_at));
        assert_eq!(get(&world, "away").await.unwrap(), made);
        create(&world, &api, |asked| asked.slug = "a".into()).await.unwrap();
        let slugs: Vec<_> = list(&world).await.unwrap().into_iter().map(|upstream| upstream.slug).collect();
        assert_eq!(slugs, ["a", "away"]);
        assert_eq!(world.audited("UPSTREAM_CREATED").await, 2);
    })
    .await;
}

#[tokio::test]
async fn an_upstream_whose_schema_can_not_be_had_is_made_and_says_why() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        api.is_away(true);
        let made = create(&world, &api, |_| {}).await.unwrap();
        assert_eq!(digest_of(&made), "");
        assert!(!fault_of(&made).is_empty() && made.schema.unwrap().changed_at.is_none());
        api.is_away(false);
        let found = refresh(&world).await.unwrap().upstream.unwrap();
        assert_eq!((digest_of(&found).len(), fault_of(&found)), (64, String::new()));
        // What can't be had later leaves what is known.
        api.is_away(true);
        let kept = refresh(&world).await.unwrap().upstream.unwrap();
        assert_eq!(digest_of(&kept), digest_of(&found));
        assert!(!fault_of(&kept).is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_an_upstream_answers_must_be_a_schema() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        let made = create(&world, &api, |_| {}).await.unwrap();
        for (sdl, why) in [("type Query { a: Nothing }", "Nothing"), ("type Query { a\u{0}: Int }", "NUL")] {
            let faults = crate::drift::read(sdl.into()).await.unwrap_err();
            assert!(faults[0].message.contains(why), "{faults:?}");
        }
        assert!(crate::drift::read("#".repeat((8 << 20) + 1)).await.is_err());
        assert_eq!(get(&world, "away").await.unwrap(), made);
    })
    .await;
}

#[tokio::test]
async fn every_fault_of_an_upstream_is_named_at_once() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        let refusal = create(&world, &api, |asked| {
            asked.slug = "No Slug".into();
            asked.url = "http://10.0.0.1/graphql".into();
            asked.headers = headers(&[("Host", HEADER), ("x-line", "hush\nhush")]);
            asked.schema_source = SchemaSource::Sdl.into();
            asked.sdl = "type Query {\n  a: Nothing }".into();
            asked.timeout_ms = 30_001;
        });
        let refusal = refusal.await.unwrap_err();
        assert_eq!(refusal.reason, "validation_failed");
        assert_eq!(fields(&refusal), ["slug", "url", "headers.Host", "headers.x-line", "schema.sdl", "timeout_ms"]);
        assert_eq!(refusal.violations[4].position, Some((2, 6)));
        assert!(!format!("{refusal:?}").contains("hush"), "{refusal:?}");
        assert_eq!(api.asked(), 0);
        for (source, sdl) in [(SchemaSource::Sdl, ""), (SchemaSource::Introspection, SDL)] {
            let refusal = create(&world, &api, |asked| {
                (asked.schema_source, asked.sdl) = (source.into(), sdl.into());
            });
            assert_eq!(fields(&refusal.await.unwrap_err()), ["schema.sdl"], "{source:?}");
        }
        assert_eq!(list(&world).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn slugs_are_unique_and_upstreams_are_counted() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        let given = |slug: &str| {
            let slug = slug.to_owned();
            move |asked: &mut CreateUpstreamRequest| {
                (asked.slug, asked.schema_source, asked.sdl) = (slug, SchemaSource::Sdl.into(), SDL.into());
            }
        };
        create(&world, &api, given("away")).await.unwrap();
        assert_eq!(fields(&create(&world, &api, given("away")).await.unwrap_err()), ["slug"]);
        create(&world, &api, given("b")).await.unwrap();
        assert_eq!(fields(&update(&world, &["slug"], |change| change.slug = "b".into()).await.unwrap_err()), ["slug"]);
        create(&world, &api, given("c")).await.unwrap();
        assert_eq!(fields(&create(&world, &api, given("d")).await.unwrap_err()), ["organization"]);
        delete(&world).await.unwrap();
        create(&world, &api, given("away")).await.unwrap();
        assert_eq!(api.asked(), 0);
    })
    .await;
}

#[tokio::test]
async fn only_what_the_mask_of_an_upstream_names_changes() {
    abroad(async |world| {
        let (api, other) = (Api::start(SDL).await, "type Query { hello: String }");
        let made = create(&world, &api, |_| {}).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        let all = |change: &mut UpdateUpstreamRequest| {
            change.slug = "away".into();
            change.headers = headers(&[("x-key", "1"), ("a-key", "2")]);
            (change.schema_source, change.sdl) = (SchemaSource::Sdl.into(), other.into());
            change.timeout_ms = 700;
        };
        let timed = update(&world, &["timeout_ms"], all).await.unwrap();
        assert_eq!(timed, Upstream { timeout_ms: 700, updated_at: timed.updated_at, ..made.clone() });
        assert!(timed.updated_at.unwrap().seconds > made.updated_at.unwrap().seconds);
        let asked = api.asked();
        let keyed = update(&world, &["headers"], all).await.unwrap();
        assert_eq!(
            (keyed.header_names.as_slice(), digest_of(&keyed)),
            (&["x-key".into(), "a-key".into()][..], digest_of(&made))
        );
        assert!(api.asked() > asked && api.last_head().contains("x-key: 1"), "it is asked with the new headers");
        let given = update(&world, &["schema"], all).await.unwrap();
        assert_eq!(given.schema_source(), SchemaSource::Sdl);
        assert_ne!(digest_of(&given), digest_of(&made));
        let asked = api.asked();
        let same = refresh(&world).await.unwrap().upstream.unwrap();
        assert_eq!((same, api.asked()), (given, asked), "a schema that was given is nothing to ask for");
        assert_eq!(fields(&update(&world, &["uuid"], all).await.unwrap_err()), ["update_mask"]);
        assert_eq!(world.audited("UPSTREAM_UPDATED").await, 3);
    })
    .await;
}

/// What was read before somebody else's change isn't written over it.
#[tokio::test]
async fn a_change_that_another_one_overtook_is_refused() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        let asked = api.asked();
        api.hold();
        let slow = async {
            let ask = |change: &mut UpdateUpstreamRequest| change.schema_source = SchemaSource::Introspection.into();
            update(&world, &["schema"], ask).await
        };
        let fast = async {
            until("it is asked", || api.asked() > asked).await;
            update(&world, &["timeout_ms"], |change| change.timeout_ms = 700).await.unwrap();
            api.release();
        };
        let (slow, ()) = tokio::join!(slow, fast);
        assert_eq!(slow.unwrap_err().reason, "conflict");
        assert_eq!(get(&world, "away").await.unwrap().timeout_ms, 700);
    })
    .await;
}

#[tokio::test]
async fn scopes_membership_and_role_decide_about_upstreams() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        create(&world, &api, |_| {}).await.unwrap();
        let reasons = async || {
            let slug = |change: &mut UpdateUpstreamRequest| change.slug = "away".into();
            [
                get(&world, "away").await.map(drop),
                list(&world).await.map(drop),
                create(&world, &api, |asked| asked.slug = "b".into()).await.map(drop),
                update(&world, &["slug"], slug).await.map(drop),
                refresh(&world).await.map(drop),
                delete(&world).await,
            ]
            .map(|result| result.map_err(|refusal| refusal.reason))
        };
        let refused = |reason: &str| Err(reason.to_owned());
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        let forbidden = refused("forbidden");
        let members = [Ok(()), Ok(()), forbidden.clone(), forbidden.clone(), forbidden.clone(), forbidden];
        assert_eq!(reasons().await, members);
        *world.tokens.role.lock().unwrap() = None;
        assert_eq!(reasons().await, [(); 6].map(|()| refused("not_found")));
        *world.tokens.role.lock().unwrap() = Some(Role::Admin);
        world.tokens.scopes.lock().unwrap().retain(|scope| !scope.contains("settings"));
        assert_eq!(reasons().await, [(); 6].map(|()| refused("missing_scope")));
    })
    .await;
}

#[tokio::test]
async fn nothing_of_upstreams_changes_without_its_audit_row() {
    abroad(async |world| {
        let api = Api::start(SDL).await;
        let made = create(&world, &api, |_| {}).await.unwrap();
        world.lose_audit_trail().await;
        api.has("type Query { hello: String }");
        for refused in [
            create(&world, &api, |asked| asked.slug = "b".into()).await.map(drop),
            update(&world, &["timeout_ms"], |change| change.timeout_ms = 700).await.map(drop),
            refresh(&world).await.map(drop),
            delete(&world).await,
        ] {
            assert_eq!(refused.unwrap_err().reason, "database_unavailable");
        }
        assert_eq!(list(&world).await.unwrap(), [made]);
    })
    .await;
}
