//! What services ask about addresses, and what operators make.

use contracts::registry::v1::{
    CreateOrganizationRequest, DeletePortalRequest, DescribePortalRequest, ResolvePortalRequest,
};
use kit::grpc::Refusal;
use tonic::{Request, Status};
use uuid::Uuid;

use super::world::{World, everywhere};

async fn resolve(world: &World, organization: &str, portal: &str) -> (String, String, bool) {
    let message = ResolvePortalRequest { organization: organization.into(), portal: portal.into() };
    let reply = world.registry().resolve_portal(world.request(message)).await.unwrap().into_inner();
    (reply.organization_uuid, reply.portal_uuid, reply.user_invokable)
}

async fn make(world: &World, name: &str, slug: Option<&str>) -> Result<(String, String), Refusal> {
    let message = CreateOrganizationRequest { name: name.into(), slug: slug.map(Into::into) };
    let reply = world.registry().create_organization(world.request(message)).await;
    let made = reply.map_err(|status| Refusal::of(&status))?.into_inner().organization.unwrap();
    Ok((made.uuid, made.slug))
}

#[tokio::test]
async fn a_path_resolves_to_what_it_names_and_to_nil_where_it_names_nothing() {
    everywhere(async |world| {
        let nil = Uuid::nil().to_string();
        let acme = resolve(&world, "acme", "").await.0;
        assert_ne!(acme, nil);
        assert_eq!(resolve(&world, "acme", "hello").await, (acme.clone(), nil.clone(), false));
        let portal = world.create(|portal| portal.user_invokable = true).await.unwrap().portal.unwrap().uuid;
        for _ in 0..2 {
            assert_eq!(resolve(&world, "acme", "hello").await, (acme.clone(), portal.clone(), true));
            assert_eq!(resolve(&world, "acme", "").await, (acme.clone(), nil.clone(), false));
            for unknown in ["nothing", "NO SLUG", &"x".repeat(300)] {
                assert_eq!(resolve(&world, "acme", unknown).await, (acme.clone(), nil.clone(), false));
                assert_eq!(resolve(&world, unknown, "hello").await, (nil.clone(), nil.clone(), false));
            }
        }
        let delete = DeletePortalRequest { organization: "acme".into(), portal: "hello".into(), wait: false };
        world.registry().delete_portal(world.request(delete)).await.unwrap();
        assert_eq!(resolve(&world, "acme", "hello").await, (acme, nil, false));
    })
    .await;
}

#[tokio::test]
async fn a_portal_is_described_by_its_id_until_it_is_removed() {
    everywhere(async |world| {
        let mut portal = world.create(|_| {}).await.unwrap().portal.unwrap();
        let describe = async |portal_uuid: &str| {
            let message = DescribePortalRequest { portal_uuid: portal_uuid.into() };
            let reply = world.registry().describe_portal(world.request(message)).await;
            reply.map(tonic::Response::into_inner).map_err(|status| Refusal::of(&status).reason)
        };
        let described = describe(&portal.uuid).await.unwrap();
        assert_eq!(described.organization.unwrap().slug, "acme");
        // Who decides whether to let it run needn't be told what it takes and answers.
        for operation in &mut portal.operations {
            (operation.result_schema_json, operation.variables_schema_json) = (None, None);
        }
        assert_eq!(described.portal.unwrap(), portal);
        for unknown in [Uuid::nil().to_string(), "x".into()] {
            assert_eq!(describe(&unknown).await.unwrap_err(), "not_found");
        }
        let delete = DeletePortalRequest { organization: "acme".into(), portal: "hello".into(), wait: false };
        world.registry().delete_portal(world.request(delete)).await.unwrap();
        assert_eq!(describe(&portal.uuid).await.unwrap_err(), "not_found");
    })
    .await;
}

#[tokio::test]
async fn an_organization_is_made_once_with_its_audit_row() {
    everywhere(async |world| {
        let before = world.audited("ORGANIZATION_CREATED").await;
        assert_eq!(resolve(&world, "beta-co", "").await.0, Uuid::nil().to_string());
        let (uuid, slug) = make(&world, "Beta & Co.", None).await.unwrap();
        assert_eq!(slug, "beta-co");
        assert_eq!(resolve(&world, "beta-co", "").await.0, uuid);
        let clash = make(&world, "x", Some("beta-co")).await.unwrap_err();
        assert_eq!((clash.reason.as_str(), clash.violations[0].field.as_str()), ("validation_failed", "slug"));
        assert_eq!(make(&world, "", Some("-")).await.unwrap_err().violations.len(), 2);
        assert_eq!(world.audited("ORGANIZATION_CREATED").await, before + 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_for_services_needs_their_key() {
    everywhere(async |world| {
        let mut registry = world.registry();
        let reason = |status: Status| Refusal::of(&status).reason;
        let resolve = registry.resolve_portal(Request::new(ResolvePortalRequest::default())).await;
        let describe = registry.describe_portal(Request::new(DescribePortalRequest::default())).await;
        let create = registry.create_organization(Request::new(CreateOrganizationRequest::default())).await;
        let reasons =
            [resolve.map(drop).map_err(reason), describe.map(drop).map_err(reason), create.map(drop).map_err(reason)];
        assert_eq!(reasons, [(); 3].map(|()| Err("service_key_required".to_owned())));
    })
    .await;
}
