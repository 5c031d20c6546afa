//! Portals changed, renamed and removed, and what becomes of their URLs and tokens.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, unique};

const QUERY: &str = "query A { viewer { id } }";

async fn change(house: &Installation, portal: &Portal, body: Value) -> Answer {
    house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(body)).await
}

#[tokio::test]
async fn put_changes_what_is_given_and_leaves_the_rest() {
    let house = Installation::shared();
    let portal = house.portal(json!({"name": unique("put"), "query": QUERY, "description": "before"})).await;
    let mut expected = portal.body.clone();
    expected.as_object_mut().unwrap().remove("token");
    expected["description"] = json!("after");
    let mut changed = change(&house, &portal, json!({"description": "after"})).await.expect(200);
    assert!(changed["updated_at"].as_str() >= expected["updated_at"].as_str());
    changed["updated_at"] = expected["updated_at"].clone();
    assert_eq!(changed, expected);
    let cleared = change(&house, &portal, json!({"description": null, "allowed_ip_addresses": null})).await.expect(200);
    assert_eq!(cleared["description"], Value::Null);
    assert_eq!(change(&house, &portal, json!({})).await.expect(200)["name"], portal.body["name"]);
}

#[tokio::test]
async fn a_changed_document_is_the_next_version_and_takes_effect_at_once() {
    let house = Installation::shared();
    let portal = house.portal_of("{ before: viewer { id } }").await;
    assert!(house.call(&portal, json!({})).await.data()["before"].is_object());
    let changed = change(&house, &portal, json!({"query": "{ after: viewer { id } }"})).await.expect(200);
    assert_eq!((&changed["version"], &changed["query"]), (&json!(2), &json!("{ after: viewer { id } }")));
    assert!(house.call(&portal, json!({})).await.data()["after"].is_object());
    let same = change(&house, &portal, json!({"description": "x"})).await.expect(200);
    assert_eq!(same["version"], 2, "a version is made by a change of the document only");
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let before = house.get(&format!("{PORTALS}/{}", portal.slug)).await.expect(200);
    let body = json!({"description": "new", "query": "{ nonsense }"});
    change(&house, &portal, body).await.error_code(422, "validation_failed");
    assert_eq!(house.get(&format!("{PORTALS}/{}", portal.slug)).await.expect(200), before);
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn after_a_rename_tokens_work_at_the_new_url_and_the_old_one_answers_401() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let slug = unique("renamed");
    let changed = change(&house, &portal, json!({"slug": slug})).await.expect(200);
    assert_eq!(changed["slug"], slug);
    assert!(changed["url"].as_str().unwrap().ends_with(&suite::path(&slug)), "{changed:#}");
    let renamed = Portal { slug, ..portal.clone() };
    house.call(&renamed, json!({})).await.data();
    house.call(&portal, json!({})).await.error_code(401, "authentication_required");
    house.get(&format!("{PORTALS}/{}", portal.slug)).await.error(404);
}

#[tokio::test]
async fn a_deleted_portal_is_gone_and_its_token_dead() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    house.call(&portal, json!({})).await.data();
    let path = format!("{PORTALS}/{}", portal.slug);
    let deleted = house.rest(Method::DELETE, &path, None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    house.call(&portal, json!({})).await.error_code(401, "authentication_required");
    house.get(&path).await.error_code(404, "not_found");
    house.rest(Method::DELETE, &path, None).await.error_code(404, "not_found");
    let listed = house.get(&format!("{PORTALS}?per_page=100")).await;
    assert!(!listed.text.contains(portal.uuid()));
}

#[tokio::test]
async fn a_slug_is_free_again_after_deletion_and_old_tokens_stay_dead() {
    let house = Installation::shared();
    let slug = unique("reused");
    let body = json!({"name": "Reused", "slug": slug, "query": QUERY});
    let old = house.portal(body.clone()).await;
    house.call(&old, json!({})).await.data();
    house.rest(Method::DELETE, &format!("{PORTALS}/{slug}"), None).await.expect(204);
    let new = house.portal(body).await;
    assert_ne!(old.uuid(), new.uuid());
    house.call(&old, json!({})).await.error_code(401, "authentication_required");
    house.call(&new, json!({})).await.data();
}

#[tokio::test]
async fn deletions_and_renames_outlive_a_restart() {
    let mut house = Installation::start();
    let (gone, moved) = (house.portal_of(QUERY).await, house.portal_of(QUERY).await);
    house.rest(Method::DELETE, &format!("{PORTALS}/{}", gone.slug), None).await.expect(204);
    change(&house, &moved, json!({"slug": "moved"})).await.expect(200);
    house.restart();
    house.call(&gone, json!({})).await.error(401);
    house.call(&moved, json!({})).await.error(401);
    house.call(&Portal { slug: "moved".to_owned(), ..moved }, json!({})).await.data();
}

#[tokio::test]
async fn a_clash_of_slugs_is_422() {
    let house = Installation::shared();
    let (one, other) = (house.portal_of(QUERY).await, house.portal_of(QUERY).await);
    let clash = house.create(json!({"name": "x", "slug": one.slug, "query": QUERY})).await;
    clash.error_code(422, "validation_failed");
    assert_eq!(clash.fields(), ["slug".to_owned()].into());
    let clash = change(&house, &other, json!({"slug": one.slug})).await;
    clash.error_code(422, "validation_failed");
    house.call(&other, json!({})).await.data();
}

#[tokio::test]
async fn of_parallel_creations_with_one_slug_one_wins() {
    let house = Installation::shared();
    let body = json!({"name": "x", "slug": unique("race"), "query": QUERY});
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (house, body) = (Arc::clone(&house), body.clone());
        racing.spawn(async move { house.create(body).await.status });
    }
    let mut statuses = racing.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 422, 422, 422]);
}

#[tokio::test]
async fn a_slug_is_made_from_the_name_when_it_is_not_given() {
    let house = Installation::shared();
    for (name, slug) in [
        ("Trigger  MAIN   build!", "trigger-main-build"),
        ("--Ünïcode & more--", "n-code-more"),
        ("a_b.c/d", "a-b-c-d"),
        ("2 fast", "2-fast"),
    ] {
        let made = house.portal(json!({"name": name, "query": QUERY})).await;
        assert_eq!(made.slug, slug, "of {name:?}");
    }
    for name in ["!!!", "日本語"] {
        let answer = house.create(json!({"name": name, "query": QUERY})).await;
        assert!(answer.error(422)["message"].as_str().unwrap().to_lowercase().contains("slug"), "{answer:#?}");
        assert!(answer.fields().contains("slug"), "{answer:#?}");
    }
}

#[tokio::test]
async fn a_slug_that_breaks_the_rules_is_refused() {
    let house = Installation::shared();
    let long = "a".repeat(101);
    for slug in ["", "Upper", "-dash-first", "under_score", "sp ace", "é", "a/b", "a.b", &long] {
        let answer = house.create(json!({"name": "x", "slug": slug, "query": QUERY})).await;
        answer.error_code(422, "validation_failed");
        assert_eq!(answer.fields(), ["slug".to_owned()].into(), "{slug:?}");
    }
    for slug in ["a".repeat(100), "0".to_owned(), unique("a--b")] {
        house.portal(json!({"name": "x", "slug": slug, "query": QUERY})).await;
    }
}

#[tokio::test]
async fn lists_of_addresses_that_break_the_rules_are_refused() {
    let house = Installation::shared();
    let many = "10.0.0.1 ".repeat(25);
    for list in ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.1,10.0.0.2", "::1/0", &many] {
        let answer = house.create(json!({"name": unique("ip"), "query": QUERY, "allowed_ip_addresses": list})).await;
        answer.error_code(422, "validation_failed");
        assert_eq!(answer.fields(), ["allowed_ip_addresses".to_owned()].into(), "{list:?}");
    }
    let most = "10.0.0.1 ".repeat(24);
    for list in ["127.0.0.1", "::1", "10.0.0.0/8 2001:db8::/32", &most] {
        house.portal(json!({"name": unique("ip"), "query": QUERY, "allowed_ip_addresses": list})).await;
    }
}
