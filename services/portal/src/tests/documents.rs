//! Documents: checked without saving, their versions, copies of portals, and what the audit trail says of them.

use contracts::{
    registry::v1::{
        CreatePortalRequest, DuplicatePortalRequest, GetPortalRequest, GetPortalVersionRequest,
        ListPortalVersionsRequest, ListPortalsRequest, Portal, PortalVersion, RestorePortalVersionRequest,
        UpdatePortalRequest, ValidateDocumentRequest, ValidateDocumentResponse, Warning,
    },
    token::v1::Role,
};
use kit::grpc::Refusal;
use prost_types::FieldMask;
use serde_json::{Value, json};

use super::world::{World, everywhere};

const FIRST: &str = "query ($name: String!) {\r\n  hello(name: $name)\r\n}";
const SECOND: &str = "query ($name: String!) {\r\n  hello(name: $name, times: 2)\r\n}";

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refusal(status: tonic::Status) -> Refusal {
    Refusal::of(&status)
}

async fn create(world: &World) -> Portal {
    world.create(|portal: &mut CreatePortalRequest| portal.query = FIRST.into()).await.unwrap().portal.unwrap()
}

async fn update(world: &World, query: &str) -> Portal {
    let message = UpdatePortalRequest {
        organization: "acme".into(),
        portal: "hello".into(),
        update_mask: Some(FieldMask { paths: vec!["query".into()] }),
        query: Some(query.into()),
        ..UpdatePortalRequest::default()
    };
    world.registry().update_portal(world.request(message)).await.unwrap().into_inner().portal.unwrap()
}

async fn validate(world: &World, query: &str) -> Result<ValidateDocumentResponse, Refusal> {
    let message = ValidateDocumentRequest { organization: "acme".into(), query: query.into(), upstream: None };
    world.registry().validate_document(world.request(message)).await.map(tonic::Response::into_inner).map_err(refusal)
}

async fn version(world: &World, number: u32, compare_with: Option<u32>) -> Result<(PortalVersion, String), Refusal> {
    let (organization, portal) = ("acme".into(), "hello".into());
    let request = world.request(GetPortalVersionRequest { organization, portal, number, compare_with });
    let reply = world.registry().get_portal_version(request).await.map_err(refusal)?.into_inner();
    assert_eq!(reply.diff.is_some(), compare_with.is_some());
    Ok((reply.version.unwrap(), reply.diff.unwrap_or_default()))
}

async fn versions(world: &World, page: u32, per_page: u32) -> Result<(Vec<PortalVersion>, u32), Refusal> {
    let (organization, portal) = ("acme".into(), "hello".into());
    let request = world.request(ListPortalVersionsRequest { organization, portal, page, per_page });
    let reply = world.registry().list_portal_versions(request).await.map_err(refusal)?.into_inner();
    Ok((reply.versions, reply.total))
}

async fn restore(world: &World, number: u32) -> Result<Portal, Refusal> {
    let (organization, portal) = ("acme".into(), "hello".into());
    let request = world.request(RestorePortalVersionRequest { organization, portal, number });
    let reply = world.registry().restore_portal_version(request).await.map_err(refusal)?;
    Ok(reply.into_inner().portal.unwrap())
}

async fn duplicate(world: &World, name: Option<&str>, slug: Option<&str>) -> Result<(Portal, String), Refusal> {
    let (name, slug) = (name.map(str::to_owned), slug.map(str::to_owned));
    let message = DuplicatePortalRequest { organization: "acme".into(), portal: "hello".into(), name, slug };
    let reply = world.registry().duplicate_portal(world.request(message)).await.map_err(refusal)?.into_inner();
    Ok((reply.portal.unwrap(), reply.token))
}

/// The data of the event of that type of which `member` is `value`.
async fn event(world: &World, kind: &str, member: &str, value: Value) -> Value {
    let mut found: Vec<_> = world.events(kind).await.into_iter().filter(|data| data[member] == value).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// The shape of the first operation.
fn shape(portal: &Portal) -> Option<Value> {
    portal.operations[0].result_schema_json.as_ref().map(|json| serde_json::from_str(json).unwrap())
}

#[tokio::test]
async fn what_an_operation_takes_and_answers_is_described_and_in_lists_when_asked_for() {
    everywhere(async |world| {
        let made = create(&world).await;
        let shape_of = shape(&made).unwrap();
        assert_eq!(shape_of["properties"], json!({ "hello": { "type": ["string", "null"] } }));
        let (organization, portal) = ("acme".to_owned(), "hello".to_owned());
        let one = world.request(GetPortalRequest { organization: organization.clone(), portal });
        let one = world.registry().get_portal(one).await.unwrap().into_inner().portal.unwrap();
        assert_eq!(shape(&one).as_ref(), Some(&shape_of));
        let list = |with_schemas| {
            let organization = organization.clone();
            world.request(ListPortalsRequest { organization, page: 1, per_page: 1, with_schemas })
        };
        let plain = world.registry().list_portals(list(false)).await.unwrap().into_inner();
        assert_eq!((shape(&plain.portals[0]), &plain.portals[0].operations[0].variables_schema_json), (None, &None));
        let whole = world.registry().list_portals(list(true)).await.unwrap().into_inner();
        assert_eq!(shape(&whole.portals[0]), shape(&one));
        let variables = whole.portals[0].operations[0].variables_schema_json.clone().unwrap();
        assert!(variables.contains(r#""type":"object""#), "{variables}");
        let two = update(&world, "query { a: hello(name: \"x\") }").await;
        assert!(shape(&two).unwrap()["properties"]["a"].is_object());
        assert!(shape(&restore(&world, 1).await.unwrap()).is_some());
        assert!(shape(&duplicate(&world, None, None).await.unwrap().0).is_some());
    })
    .await;
}

#[tokio::test]
async fn validation_says_what_saving_would() {
    everywhere(async |world| {
        for query in ["{\n nope\n hello }", "{", "subscription { a }", "{ hello(name: \"\0\") }", "{ hello(name: 1) }"]
        {
            let refused = world.create(|portal| portal.query = query.into()).await.unwrap_err();
            let said = validate(&world, query).await.unwrap();
            let error = |at: &kit::error::Violation| {
                let (line, column) = at.position.unwrap_or_default();
                Warning { message: at.message.clone(), line, column }
            };
            assert_eq!(said.errors, refused.violations.iter().map(error).collect::<Vec<_>>(), "{query}");
            assert!(said.operations.is_empty() && !said.errors.is_empty());
        }
        let query = "mutation M($unused: Int) { shout(text: \"x\") }";
        let said = validate(&world, query).await.unwrap();
        let saved = world
            .create(|portal| (portal.query, portal.allowed_ip_addresses) = (query.into(), None))
            .await
            .unwrap()
            .portal
            .unwrap();
        let warnings: Vec<_> = said.warnings.iter().map(|it| (it.message.as_str(), it.line, it.column)).collect();
        let open = "This mutation can be called from any IP address: `allowed_ip_addresses` is not set";
        assert_eq!(warnings, [("Unused variable: `$unused`", 1, 12), (open, 1, 1)]);
        assert!(said.errors.is_empty());
        assert_eq!((said.warnings, said.operations), (saved.warnings, saved.operations));
        let arguments: String = (0..100).map(|at| format!(", a{at}: 1")).collect();
        let faults = format!("{{ hello(name: \"x\"{arguments}) }}");
        let said = validate(&world, &faults).await.unwrap();
        assert_eq!((said.errors.len(), said.errors[50].message.as_str()), (51, "There are 50 more errors"));
        let message = ValidateDocumentRequest {
            organization: "acme".into(),
            query: "{ __typename }".into(),
            upstream: Some("nowhere".into()),
        };
        let refused = refusal(world.registry().validate_document(world.request(message)).await.unwrap_err());
        assert_eq!((refused.reason.as_str(), refused.violations[0].field.as_str()), ("validation_failed", "upstream"));
    })
    .await;
}

#[tokio::test]
async fn each_document_that_a_portal_had_is_a_version() {
    everywhere(async |world| {
        create(&world).await;
        update(&world, SECOND).await;
        update(&world, "{ __typename }").await;
        let (all, total) = versions(&world, 0, 0).await.unwrap();
        let seen: Vec<_> =
            all.iter().map(|version| (version.number, version.query.as_str(), version.current)).collect();
        assert_eq!(seen, [(3, "{ __typename }", true), (2, SECOND, false), (1, FIRST, false)]);
        assert!(all.iter().all(|version| version.created_at.is_some()
            && version.created_by.as_ref().is_some_and(|by| !by.email.is_empty())));
        let (page, of) = versions(&world, 2, 2).await.unwrap();
        assert_eq!((total, of, page.len(), page[0].number), (3, 3, 1, 1));
        assert_eq!(version(&world, 2, None).await.unwrap().0, all[1]);
        let (_, diff) = version(&world, 2, Some(1)).await.unwrap();
        assert_eq!(
            diff,
            "--- version 1\n+++ version 2\n@@ -1,3 +1,3 @@\n query ($name: String!) {\r\n-  hello(name: $name)\r\n\
             +  hello(name: $name, times: 2)\r\n }\n\\ No newline at end of file\n"
        );
        assert_eq!(version(&world, 2, Some(2)).await.unwrap().1, "");
        for (number, other) in [(0, None), (4, None), (u32::MAX, None), (1, Some(4)), (4, Some(1))] {
            assert_eq!(version(&world, number, other).await.unwrap_err().message, "No version found");
        }
    })
    .await;
}

#[tokio::test]
async fn a_restored_document_is_a_new_version_and_runs() {
    everywhere(async |world| {
        create(&world).await;
        update(&world, SECOND).await;
        let before = versions(&world, 1, 10).await.unwrap().0;
        let restored = restore(&world, 1).await.unwrap();
        assert_eq!((restored.version, restored.query.as_str()), (3, FIRST));
        let reply = world.call(r#"{"name":"x"}"#).await.unwrap().into_inner();
        assert!(!String::from_utf8_lossy(&reply.result_json).contains("times"));
        let after = versions(&world, 1, 10).await.unwrap().0;
        assert_eq!(after[1], PortalVersion { current: false, ..before[0].clone() }, "versions never change");
        assert_eq!(after[2], before[1]);
        let data = event(&world, "PORTAL_UPDATED", "version", json!(3)).await;
        assert_eq!((&data["restored_from"], &data["changed"]), (&json!(1), &json!(["query"])));
        for number in [1, 3] {
            assert_eq!(restore(&world, number).await.unwrap().version, 3, "the document is the present one");
        }
        assert_eq!(world.audited("PORTAL_UPDATED").await, 2);
        assert_eq!(restore(&world, 4).await.unwrap_err().message, "No version found");
    })
    .await;
}

#[tokio::test]
async fn a_version_that_does_not_fit_the_schema_any_more_is_not_restored() {
    everywhere(async |world| {
        create(&world).await;
        update(&world, SECOND).await;
        world.sql("UPDATE portal_versions SET query = '{ gone }' WHERE number = 1").await;
        let refused = restore(&world, 1).await.unwrap_err();
        assert_eq!((refused.reason.as_str(), refused.violations[0].position), ("validation_failed", Some((1, 3))));
        assert_eq!(versions(&world, 1, 1).await.unwrap().1, 2);
    })
    .await;
}

#[tokio::test]
async fn a_copy_is_a_portal_of_its_own() {
    everywhere(async |world| {
        let original = world
            .create(|portal| (portal.description, portal.strict_variables) = (Some("kept".into()), true))
            .await
            .unwrap()
            .portal
            .unwrap();
        let (copy, token) = duplicate(&world, None, None).await.unwrap();
        assert_eq!((copy.name.as_str(), copy.slug.as_str(), copy.version), ("Copy of Hello", "copy-of-hello", 1));
        assert_eq!(
            (&copy.query, &copy.description, copy.strict_variables, &copy.allowed_ip_addresses),
            (&original.query, &original.description, true, &original.allowed_ip_addresses)
        );
        assert!(copy.uuid != original.uuid && !token.is_empty());
        assert_eq!(*world.tokens.issued.lock().unwrap(), [original.uuid.clone(), copy.uuid]);
        assert_eq!(
            event(&world, "PORTAL_CREATED", "slug", json!("copy-of-hello")).await["duplicated_from"],
            original.uuid
        );
        assert_eq!(duplicate(&world, None, None).await.unwrap().0.slug, "copy-of-hello-2");
        assert_eq!(duplicate(&world, Some("Hello"), None).await.unwrap().0.slug, "hello-2");
        assert_eq!(duplicate(&world, Some("日本"), Some("nippon")).await.unwrap().0.slug, "nippon");
        for (name, slug) in [(None, Some("hello")), (Some("日本"), None), (None, Some("-"))] {
            assert_eq!(duplicate(&world, name, slug).await.unwrap_err().violations[0].field, "slug");
        }
    })
    .await;
}

#[tokio::test]
async fn the_audit_trail_has_documents_as_hash_and_diff() {
    let sha256 = |text: &str| {
        use sha2::{Digest, Sha256};
        hex::encode(Sha256::digest(text))
    };
    everywhere(async |world| {
        create(&world).await;
        assert_eq!(
            event(&world, "PORTAL_CREATED", "version", json!(1)).await["query"],
            json!({ "sha256": { "after": sha256(FIRST) } })
        );
        update(&world, SECOND).await;
        let query = &event(&world, "PORTAL_UPDATED", "version", json!(2)).await["query"];
        assert_eq!(query["sha256"], json!({ "before": sha256(FIRST), "after": sha256(SECOND) }));
        assert_eq!(query["diff"], version(&world, 2, Some(1)).await.unwrap().1);
        let long = format!("{{ __typename }}{}", "\n# long".repeat(4_000));
        update(&world, &long).await;
        let query = &event(&world, "PORTAL_UPDATED", "version", json!(3)).await["query"];
        assert_eq!(query, &json!({ "sha256": { "before": sha256(SECOND), "after": sha256(&long) } }));
    })
    .await;
}

#[tokio::test]
async fn scopes_membership_and_role_decide_about_documents_too() {
    async fn reasons(world: &World) -> [Result<(), String>; 5] {
        let reason = |refusal: Refusal| refusal.reason;
        [
            validate(world, "{ __typename }").await.map(drop).map_err(reason),
            versions(world, 1, 1).await.map(drop).map_err(reason),
            version(world, 1, None).await.map(drop).map_err(reason),
            restore(world, 1).await.map(drop).map_err(reason),
            duplicate(world, None, None).await.map(drop).map_err(reason),
        ]
    }
    everywhere(async |world| {
        create(&world).await;
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        let role = Err("forbidden".to_owned());
        assert_eq!(reasons(&world).await, [Ok(()), Ok(()), Ok(()), role.clone(), role]);
        *world.tokens.role.lock().unwrap() = None;
        assert_eq!(reasons(&world).await, [(); 5].map(|()| Err("not_found".to_owned())));
        world.tokens.scopes.lock().unwrap().clear();
        assert_eq!(reasons(&world).await, [(); 5].map(|()| Err("missing_scope".to_owned())));
    })
    .await;
}
