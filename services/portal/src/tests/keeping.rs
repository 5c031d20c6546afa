//! The registry: who may change it, and what happens when a change goes wrong half-way.

use std::time::Duration;

use contracts::{
    registry::v1::{
        DeletePortalRequest, GetOrganizationRequest, GetPortalRequest, ListPortalsRequest, UpdatePortalRequest,
    },
    token::v1::Role,
};
use kit::{error::Code, grpc::Refusal};
use prost_types::FieldMask;

use super::{
    tokens::Mood,
    world::{World, everywhere, everywhere_with, until},
};

const GOOD: &str = r#"{"name":"x"}"#;

fn named() -> (String, String) {
    ("acme".into(), "hello".into())
}

async fn delete(world: &World) -> Result<(), Refusal> {
    let (organization, portal) = named();
    let request = world.request(DeletePortalRequest { organization, portal, wait: false });
    world.registry().delete_portal(request).await.map(drop).map_err(|status| Refusal::of(&status))
}

async fn update(world: &World, mask: &[&str], change: impl FnOnce(&mut UpdatePortalRequest)) -> Result<u32, Refusal> {
    let (organization, portal) = named();
    let paths = mask.iter().map(ToString::to_string).collect();
    let mut message =
        UpdatePortalRequest { organization, portal, update_mask: Some(FieldMask { paths }), ..Default::default() };
    change(&mut message);
    let reply = world.registry().update_portal(world.request(message)).await.map_err(|status| Refusal::of(&status))?;
    Ok(reply.into_inner().portal.unwrap().version)
}

/// The reasons of every RPC about a portal, in the order: see, list, organization, create, change, remove.
async fn reasons(world: &World) -> [Result<(), String>; 6] {
    let (organization, portal) = named();
    let reason = |status: tonic::Status| Refusal::of(&status).reason;
    let mut registry = world.registry();
    let see = registry.get_portal(world.request(GetPortalRequest { organization: organization.clone(), portal })).await;
    let list = ListPortalsRequest { organization: organization.clone(), page: 1, per_page: 1, with_schemas: false };
    let list = registry.list_portals(world.request(list)).await;
    let shown = registry.get_organization(world.request(GetOrganizationRequest { organization })).await;
    [
        see.map(drop).map_err(reason),
        list.map(drop).map_err(reason),
        shown.map(drop).map_err(reason),
        world.create(|portal| portal.slug = Some("other".into())).await.map(drop).map_err(|refusal| refusal.reason),
        update(world, &["description"], |change| change.description = Some("x".into()))
            .await
            .map(drop)
            .map_err(|refusal| refusal.reason),
        delete(world).await.map_err(|refusal| refusal.reason),
    ]
}

#[tokio::test]
async fn scopes_membership_and_role_decide_in_this_order() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let (scope, none, role) =
            (Err("missing_scope".to_owned()), Err("not_found".to_owned()), Err("forbidden".to_owned()));
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        let members = [Ok(()), Ok(()), Ok(()), role.clone(), role.clone(), role];
        assert_eq!(reasons(&world).await, members);
        *world.tokens.role.lock().unwrap() = None;
        assert_eq!(reasons(&world).await, [(); 6].map(|()| none.clone()));
        world.tokens.scopes.lock().unwrap().clear();
        assert_eq!(reasons(&world).await, [(); 6].map(|()| scope.clone()));
        *world.tokens.mood.lock().unwrap() = Mood::Breaks;
        assert_eq!(reasons(&world).await, [(); 6].map(|()| Err("verification_unavailable".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn only_what_the_mask_names_changes() {
    everywhere(async |world| {
        world.create(|portal| portal.description = Some("kept".into())).await.unwrap();
        let all = |change: &mut UpdatePortalRequest| {
            change.name = Some("New".into());
            change.query = Some("{ hello(name: \"x\") }".into());
        };
        assert_eq!(update(&world, &["name"], all).await.unwrap(), 1);
        assert_eq!(update(&world, &["query"], all).await.unwrap(), 2);
        assert_eq!(update(&world, &["query"], all).await.unwrap(), 2);
        assert_eq!(update(&world, &["uuid"], all).await.unwrap_err().violations[0].field, "update_mask");
        let (organization, portal) = named();
        let shown =
            world.registry().get_portal(world.request(GetPortalRequest { organization, portal })).await.unwrap();
        let shown = shown.into_inner().portal.unwrap();
        assert_eq!(
            (shown.name.as_str(), shown.description.as_deref(), shown.slug.as_str()),
            ("New", Some("kept"), "hello")
        );
        assert_eq!(world.audited("PORTAL_UPDATED").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_change_takes_effect_on_the_next_call() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.call(GOOD).await.unwrap();
        update(&world, &["query"], |change| change.query = Some("{ hello(name: \"fixed\") }".into())).await.unwrap();
        let reply = world.call(GOOD).await.unwrap().into_inner();
        assert!(String::from_utf8_lossy(&reply.result_json).contains("fixed"));
        assert_eq!(reply.ignored_variables, ["name"]);
        delete(&world).await.unwrap();
        assert_eq!(world.refused(GOOD).await, "authentication_required");
    })
    .await;
}

#[tokio::test]
async fn every_fault_of_a_portal_is_listed_with_those_of_its_document() {
    everywhere(async |world| {
        let refusal = world
            .create(|portal| (portal.name, portal.query) = (String::new(), "{\n nope }".into()))
            .await
            .unwrap_err();
        let found: Vec<_> = refusal.violations.iter().map(|fault| (fault.field.as_str(), fault.position)).collect();
        assert_eq!(refusal.class, Code::Unprocessable);
        assert_eq!(found, [("name", None), ("slug", None), ("query", Some((2, 2)))]);
        assert!(world.tokens.issued.lock().unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_token_of_a_portal_that_could_not_be_written_is_revoked() {
    everywhere(async |world| {
        world.lose_audit_trail().await;
        assert_eq!(world.create(|_| {}).await.unwrap_err().reason, "database_unavailable");
        let issued = world.tokens.issued.lock().unwrap().clone();
        assert_eq!((issued.len(), &issued), (1, &*world.tokens.revoked.lock().unwrap()));
    })
    .await;
}

#[tokio::test]
async fn the_sweep_revokes_the_token_of_a_portal_that_never_came() {
    for killed in [true, false] {
        everywhere(async |world| {
            if killed {
                *world.tokens.issuing.lock().unwrap() = Mood::Hangs;
                let issued = until("a token", || !world.tokens.issued.lock().unwrap().is_empty());
                tokio::select! { _ = world.create(|_| {}) => unreachable!(), () = issued => {} }
            } else {
                *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
                world.lose_audit_trail().await;
                assert_eq!(world.create(|_| {}).await.unwrap_err().reason, "database_unavailable");
            }
            let (parts, revoked) = (&world.service.0, || world.tokens.revoked.lock().unwrap().clone());
            assert_eq!(world.refused(GOOD).await, "authentication_required");
            world.clock.advance(Duration::from_mins(5) - Duration::from_millis(1));
            parts.finish_revocations().await.unwrap();
            assert_eq!(revoked(), [""; 0], "it may still come");
            world.clock.advance(Duration::from_millis(1));
            *world.tokens.revoking.lock().unwrap() = Mood::Breaks;
            assert!(parts.finish_revocations().await.is_err());
            *world.tokens.revoking.lock().unwrap() = Mood::Works;
            for _ in 0..2 {
                parts.finish_revocations().await.unwrap();
                assert_eq!(revoked(), *world.tokens.issued.lock().unwrap());
            }
            assert_eq!(revoked().len(), 1);
            assert_eq!(world.refused(GOOD).await, "authentication_required");
        })
        .await;
    }
}

#[tokio::test]
async fn the_sweep_leaves_portals_that_were_written_alone() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.clock.advance(Duration::from_hours(1));
        world.service.0.finish_revocations().await.unwrap();
        assert_eq!(*world.tokens.revoked.lock().unwrap(), [""; 0]);
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_half_done_removal_is_finished_once_the_token_service_answers() {
    everywhere(async |world| {
        let portal = world.create(|_| {}).await.unwrap().portal.unwrap();
        let (organization, slug) = named();
        let parts = &world.service.0;
        let found = parts.store.find_organization(&organization).await.unwrap().unwrap();
        let stored = parts.store.find_portal(found.id, &slug).await.unwrap().unwrap();
        let event = kit::audit::Event {
            kind: "PORTAL_DELETED",
            organization: found.id.0,
            actor: None,
            subject: kit::audit::Subject { kind: "portal", uuid: stored.id.0, name: stored.content.name },
            context: serde_json::json!({}),
            data: serde_json::json!({}),
        };
        parts.store.close_portal(stored.id, event).await.unwrap();
        *world.tokens.mood.lock().unwrap() = Mood::Breaks;
        assert!(parts.finish_revocations().await.is_err());
        *world.tokens.mood.lock().unwrap() = Mood::Works;
        parts.finish_revocations().await.unwrap();
        parts.finish_revocations().await.unwrap();
        assert_eq!(*world.tokens.revoked.lock().unwrap(), [portal.uuid]);
    })
    .await;
}

#[tokio::test]
async fn an_organization_keeps_to_its_number_of_portals() {
    everywhere_with(
        |config| config.limits.portals = 1,
        async |world| {
            world.create(|_| {}).await.unwrap();
            let refusal = world.create(|portal| portal.slug = Some("b".into())).await.unwrap_err();
            assert_eq!(refusal.message, "Validation failed: organization has 1 portals, which is as many as it may");
        },
    )
    .await;
}
