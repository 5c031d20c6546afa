//! Members of a body that a route doesn't know set nothing, whatever they are called (S22).

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Installation, PORTALS, credentials, leaks, unique};

const ORGANIZATION: &str = "/v2/organizations/my-organization";
const WORD: &str = "chosen-by-the-caller";
const ID: &str = "018f2b5e-0000-7000-8000-00000000feed";
const TIME: &str = "2001-01-01T00:00:00.000Z";

/// What nobody may choose, by the names that rows and replies give it.
fn with_intruders(body: &Value) -> Value {
    let mut body = body.clone();
    let members = body.as_object_mut().unwrap();
    for name in ["uuid", "id", "organization_uuid", "portal_uuid", "user_uuid", "graphql_id", "upstream_uuid"] {
        members.insert(name.into(), json!(ID));
    }
    for name in
        ["token", "secret", "tag", "hash", "key_id", "last_four", "last_used_ip", "organization_slug", "__proto__"]
    {
        members.insert(name.into(), json!(WORD));
    }
    for name in ["created_at", "updated_at", "last_used_at", "revoked_at"] {
        members.insert(name.into(), json!(TIME));
    }
    members.insert("version".into(), json!(777_777_777));
    members.insert("created_by".into(), json!({"id": ID, "uuid": ID, "name": WORD, "email": "x@example.com"}));
    body
}

#[tokio::test]
async fn no_body_sets_what_its_route_does_not_name() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let user = house.admin().user_as("member", "plain");
    let members = house.get(&format!("{ORGANIZATION}/members")).await.expect(200);
    let member = members.as_array().unwrap().iter().find(|member| member["email"] == user.email).unwrap().clone();
    let member = format!("{ORGANIZATION}/members/{}", member["id"].as_str().unwrap());
    let managed = format!("{PORTALS}/{}", portal.slug);
    let upstream = format!("{ORGANIZATION}/upstreams");
    let sdl = "type Query { a: Int }";
    let body = json!({"slug": "other", "url": "https://api.example.com/graphql", "headers": {}, "schema": {"source": "sdl", "sdl": sdl}});
    let rows = [
        (Method::POST, PORTALS.to_owned(), json!({"name": unique("mass"), "query": "{ viewer { id } }"})),
        (Method::PUT, managed.clone(), json!({"description": "changed"})),
        (Method::POST, format!("{managed}/duplicate"), json!({})),
        (Method::POST, credentials(&portal, "secrets"), json!({"description": "a"})),
        (Method::POST, credentials(&portal, "service_tokens"), json!({"description": "b"})),
        (Method::POST, upstream.clone(), body),
        (Method::PUT, format!("{upstream}/other"), json!({"timeout_ms": 5_000})),
        (Method::PATCH, member.clone(), json!({"role": "member"})),
        (Method::PATCH, format!("{ORGANIZATION}/api-settings"), json!({"revoke_inactive_tokens_after_days": 90})),
    ];
    for (method, route, body) in rows {
        let answer = house.rest(method.clone(), &route, Some(with_intruders(&body))).await;
        assert!([200, 201].contains(&answer.status), "{method} {route}: {answer:#?}");
        for chosen in [WORD, ID, "2001-01-01", "777777777"] {
            assert!(!answer.text.contains(chosen), "{method} {route} set {chosen}: {answer:#?}");
        }
    }
    // Nor is it kept anywhere.
    assert_eq!(leaks::search(house.data_dir(), &[("what a caller chose", WORD)]).1, Vec::<String>::new());
    // A member stays one: the answer above could be wrong about it.
    let member = house.get(&member).await.expect(200);
    assert_eq!(member["role"], "member");
}
