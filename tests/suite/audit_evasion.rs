//! No change without its audit row (S23): while no row can be written, nothing changes and no credential works.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, PORTALS, credentials, device::Code, grant, path, python, unique};

const QUERY: &str = "{ viewer { id } }";
const ORGANIZATION: &str = "/v2/organizations/my-organization";
const DATABASES: [&str; 2] = ["token.db", "portal.db"];

fn block(house: &Installation) {
    for database in DATABASES {
        let trigger =
            "CREATE TRIGGER evasion BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'disk full'); END";
        python::sql(&house.file(database), trigger);
    }
}

fn unblock(house: &Installation) {
    for database in DATABASES {
        python::sql(&house.file(database), "DROP TRIGGER evasion");
    }
}

/// Everything that lists show.
async fn state(house: &Installation, portals: &[String]) -> Vec<Value> {
    let mut paths = vec![PORTALS.to_owned(), format!("{ORGANIZATION}/members"), format!("{ORGANIZATION}/api-settings")];
    paths.push(format!("{ORGANIZATION}/api-access-tokens"));
    for portal in portals {
        paths.extend(["service_tokens", "secrets", "live_tokens"].map(|kind| format!("{PORTALS}/{portal}/{kind}")));
    }
    let mut state = Vec::new();
    for path in paths {
        let mut value = house.get(&path).await.expect(200);
        forget_uses(&mut value);
        state.push(value);
    }
    state
}

/// Uses aren't changes.
fn forget_uses(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(forget_uses),
        Value::Object(members) => members.retain(|name, _| !name.starts_with("last_used")),
        _ => {}
    }
}

#[tokio::test]
async fn while_the_audit_tables_are_closed_nothing_changes() {
    let house = Installation::start();
    let portal = house.invokable(QUERY).await;
    let secret = house.secret(&portal).await;
    let token = house.ephemeral(&portal, &secret).await;
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let (approved, pending) = (house.code(&portal).await, house.code(&portal).await);
    browser.approve(&approved).await;
    let page = browser.open(browser.local(&pending.url)).await;
    let live = house.get(&credentials(&portal, "live_tokens")).await.expect(200)[0]["uuid"].clone();
    let service = house.get(&credentials(&portal, "service_tokens")).await.expect(200)[0]["uuid"].clone();
    let before = state(&house, std::slice::from_ref(&portal.slug)).await;
    block(&house);
    let one = format!("{PORTALS}/{}", portal.slug);
    let below = |kind: &str| credentials(&portal, kind);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mutations = [
        (Method::POST, PORTALS.to_owned(), Some(json!({"name": unique("never"), "query": QUERY}))),
        (Method::PUT, one.clone(), Some(json!({"description": "never"}))),
        (Method::PUT, one.clone(), Some(json!({"user_invokable": false}))),
        (Method::DELETE, one.clone(), None),
        (Method::POST, below("secrets"), Some(json!({}))),
        (Method::DELETE, format!("{}/{}", below("secrets"), secret.uuid), None),
        (Method::POST, below("service_tokens"), Some(json!({}))),
        (Method::DELETE, format!("{}/{}", below("service_tokens"), text(&service)), None),
        (Method::DELETE, format!("{}/{}", below("live_tokens"), text(&live)), None),
        (Method::POST, below("revoke_all"), None),
        (
            Method::POST,
            format!("{ORGANIZATION}/members"),
            Some(json!({"email": "x@example.com", "name": "x", "role": "admin"})),
        ),
        (Method::PATCH, format!("{ORGANIZATION}/api-settings"), Some(json!({"revoke_inactive_tokens_after_days": 30}))),
        (Method::DELETE, "/v2/access-token".to_owned(), None),
    ];
    for (method, path, body) in mutations {
        let answer = house.rest(method.clone(), &path, body.clone()).await;
        assert!([500, 503].contains(&answer.status), "{method} {path} {body:?}: {answer:#?}");
        assert!(!answer.text.contains("bkpat_") && !answer.text.contains("bkps_"), "a credential: {answer:#?}");
    }
    for answer in [
        house.exchange(&portal, grant(&portal, &secret.value)).await,
        house.poll(&portal, &approved).await,
        house.ask(&portal).await,
        browser.submit("/console/authorize", &suite::browser::filled(&page.text, &[("decision", "approve")])).await,
    ] {
        assert!([500, 503].contains(&answer.status), "{answer:#?}");
    }
    the_operator_is_refused(&house);
    // What was there before goes on, and nothing was changed half.
    house.call_with(&portal, &token).await.data();
    unblock(&house);
    assert_eq!(state(&house, std::slice::from_ref(&portal.slug)).await, before);
    assert!(!house.admin().ok(&["list-users"], "").contains("never@example.com"));
    everything_works_again(&house, &portal, &secret, &approved).await;
    house.poll(&portal, &pending).await.error_code(400, "authorization_pending");
}

fn the_operator_is_refused(house: &Installation) {
    for words in [
        &["create-user", "--email", "never@example.com", "--name", "never"][..],
        &["create-organization", "--name", "never"],
        &["create-api-token", "--email", house.bootstrap().text("email"), "--all-scopes"],
    ] {
        assert!(!house.admin().run(words, "").status.success(), "{words:?}");
    }
}

async fn everything_works_again(house: &Installation, portal: &suite::Portal, secret: &suite::Issued, approved: &Code) {
    house.ephemeral(portal, secret).await;
    house.user_token(portal, approved).await;
    let made = house.portal_of(QUERY).await;
    house.call(&made, json!({})).await.data();
    house.issue(portal, "service_tokens", json!({})).await;
}

#[tokio::test]
async fn a_portal_whose_audit_row_failed_left_no_token_that_works() {
    let house = Installation::start();
    // The token service can write its row, the portal service can't: the token was made before the portal failed.
    let trigger = "CREATE TRIGGER evasion BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    python::sql(&house.file("portal.db"), trigger);
    let slug = unique("orphan");
    let answer = house.create(json!({"name": slug, "slug": slug, "query": QUERY})).await;
    assert!([500, 503].contains(&answer.status) && !answer.text.contains("bkpat_"), "{answer:#?}");
    assert_eq!(house.get(PORTALS).await.expect(200), json!([]));
    python::sql(&house.file("portal.db"), "DROP TRIGGER evasion");
    house.get(&format!("{PORTALS}/{slug}")).await.error_code(404, "not_found");
    let request = house.request(Method::POST, &path(&slug)).bearer_auth("nonsense").json(&json!({}));
    Answer::of(request).await.error(401);
    // The name is free.
    house.portal(json!({"name": slug, "slug": slug, "query": QUERY})).await;
}
