//! What the public Terraform provider's `buildkite_portal` sends, and what it compares afterwards: whatever differs from the
//! plan is an error there ("inconsistent result after apply"), or a change that each plan proposes anew.

use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, unique};

const QUERY: &str = "query GetBuilds($slug: ID!) {\n  pipeline(slug: $slug) { name } # \u{1F642}\n}\n";

/// What the resource keeps in its state.
const STATE: [&str; 7] = ["uuid", "slug", "name", "description", "query", "allowed_ip_addresses", "user_invokable"];

/// The provider's request: JSON in the order of its struct, `Content-Type` only with a body.
async fn send(house: &Installation, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request =
        house.request(method, path).bearer_auth(house.api_token()).header(USER_AGENT, "Terraform/1.9 provider");
    Answer::of(match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    })
    .await
}

/// The state that the provider makes of an answer. A missing member would be its zero value: null, or an empty text.
fn state(body: &Value) -> Value {
    let by = &body["created_by"];
    let mut state = json!({"created_at": body["created_at"],
        "created_by": {"uuid": by["uuid"], "name": by["name"], "email": by["email"]}});
    for member in STATE {
        assert!(body.as_object().unwrap().contains_key(member), "{member} is missing in {body:#}");
        state[member] = body[member].clone();
    }
    for text in ["uuid", "slug", "name", "query"] {
        assert!(state[text].is_string(), "{text} of {body:#}");
    }
    for text in ["uuid", "name", "email"] {
        assert!(state["created_by"][text].is_string(), "created_by.{text} of {body:#}");
    }
    state
}

/// What of a state a plan says.
fn assert_planned(state: &Value, plan: &Value) {
    for member in &STATE[1..] {
        let planned = plan.get(member).unwrap_or(&Value::Null);
        assert_eq!(state[member], *planned, "{member}: inconsistent result after apply");
    }
}

#[tokio::test]
async fn a_portal_is_created_read_changed_and_deleted() {
    let house = Installation::shared();
    let slug = unique("terraform");
    let one = format!("{PORTALS}/{slug}");
    // What a configuration leaves out isn't sent, and must come back as null.
    let plan = json!({"name": "By Terraform", "slug": slug, "query": QUERY, "user_invokable": false});
    let created = send(&house, Method::POST, PORTALS, Some(&plan)).await.expect(201);
    assert_planned(&state(&created), &plan);
    let token = created["token"].as_str().expect("the token, which the state keeps");
    // Each plan begins with a read, which must find no drift and no token.
    for _ in 0..2 {
        let read = send(&house, Method::GET, &one, None).await.expect(200);
        assert_eq!(state(&read), state(&created));
        assert!(read.get("token").is_none(), "a token that is null would replace the one in the state");
    }
    // Changes send every member that the configuration has, the slug too.
    let plan = json!({"name": "Renamed", "slug": slug, "description": "", "query": format!("{QUERY}\r\n"),
        "allowed_ip_addresses": "127.0.0.0/8  ::1", "user_invokable": true});
    let updated = send(&house, Method::PUT, &one, Some(&plan)).await.expect(200);
    assert_planned(&state(&updated), &plan);
    for kept in ["uuid", "created_at", "created_by"] {
        assert_eq!(state(&updated)[kept], state(&created)[kept], "{kept}");
    }
    assert!(updated.get("token").is_none());
    assert_eq!(state(&send(&house, Method::GET, &one, None).await.expect(200)), state(&updated));
    // The token of the creation goes on.
    let portal = Portal { slug: slug.clone(), token: token.to_owned(), body: created.clone() };
    house.call(&portal, json!({"slug": "my-organization/my-pipeline"})).await.data();
    send(&house, Method::DELETE, &one, None).await.expect(204);
    // The provider looks for the digits of the status in its error's text, and then drops the portal from its state.
    send(&house, Method::GET, &one, None).await.error_code(404, "not_found");
    send(&house, Method::DELETE, &one, None).await.error_code(404, "not_found");
    // The slug is free again: another one is another portal.
    let plan = json!({"name": "By Terraform", "slug": slug, "query": QUERY, "user_invokable": false});
    let again = send(&house, Method::POST, PORTALS, Some(&plan)).await.expect(201);
    assert_ne!(again["uuid"], created["uuid"]);
    send(&house, Method::DELETE, &one, None).await.expect(204);
}

#[tokio::test]
async fn what_is_taken_out_of_a_configuration_stays_as_it_was() {
    let house = Installation::shared();
    let slug = unique("terraform");
    let one = format!("{PORTALS}/{slug}");
    let plan = json!({"name": "A", "slug": slug, "description": "kept", "query": QUERY,
        "allowed_ip_addresses": "10.0.0.0/8", "user_invokable": true});
    let created = send(&house, Method::POST, PORTALS, Some(&plan)).await.expect(201);
    assert_planned(&state(&created), &plan);
    // The provider can't say null: it leaves the member out, and a PUT changes what it names (spec §9).
    let plan = json!({"name": "B", "slug": slug, "query": QUERY, "user_invokable": true});
    let updated = state(&send(&house, Method::PUT, &one, Some(&plan)).await.expect(200));
    assert_eq!((&updated["description"], &updated["allowed_ip_addresses"]), (&json!("kept"), &json!("10.0.0.0/8")));
    assert_eq!(updated["name"], "B");
    send(&house, Method::DELETE, &one, None).await.expect(204);
}

#[tokio::test]
async fn a_changed_slug_replaces_the_portal() {
    let house = Installation::shared();
    let (old, new) = (unique("terraform"), unique("terraform"));
    let plan = |slug: &str| json!({"name": "Moves", "slug": slug, "query": QUERY, "user_invokable": false});
    let first = send(&house, Method::POST, PORTALS, Some(&plan(&old))).await.expect(201);
    send(&house, Method::DELETE, &format!("{PORTALS}/{old}"), None).await.expect(204);
    let second = send(&house, Method::POST, PORTALS, Some(&plan(&new))).await.expect(201);
    assert_ne!((&first["uuid"], &first["token"]), (&second["uuid"], &second["token"]));
    // A slug that is taken fails the apply with a sentence.
    let taken = send(&house, Method::POST, PORTALS, Some(&plan(&new))).await.error_code(422, "validation_failed");
    assert!(taken["message"].as_str().unwrap().starts_with("Validation failed: "), "{taken:#}");
    send(&house, Method::DELETE, &format!("{PORTALS}/{new}"), None).await.expect(204);
}

#[tokio::test]
async fn a_portal_is_imported_and_looked_up() {
    let house = Installation::shared();
    // Made by hand, with a slug that nobody chose.
    let made = house.portal(json!({"name": unique("By Hand"), "query": QUERY, "description": "d"})).await;
    // `terraform import` knows the slug and nothing else, as do the data source and its list.
    let one = send(&house, Method::GET, &format!("{PORTALS}/{}", made.slug), None).await.expect(200);
    assert_eq!(state(&one), state(&made.body));
    let list = send(&house, Method::GET, PORTALS, None).await.expect(200);
    let found = list.as_array().unwrap().iter().find(|portal| portal["uuid"] == made.uuid());
    assert_eq!(state(found.expect("the newest come first")), state(&made.body));
    let missing = send(&house, Method::GET, &format!("{PORTALS}/no-such-portal"), None).await;
    missing.error_code(404, "not_found");
}

/// Other resources of the provider ask for the organization's GraphQL id first; its data source reads both ids.
#[tokio::test]
async fn the_provider_finds_its_organization() {
    let house = Installation::shared();
    let organization = house.get("/v2/organizations/my-organization").await.expect(200);
    for path in ["/graphql", "/v1"] {
        let query = "query($slug:ID!){organization(slug: $slug){id,uuid}}";
        let body = json!({"query": query, "variables": {"slug": "my-organization"}});
        let found = send(&house, Method::POST, path, Some(&body)).await.data();
        let expected = json!({"id": organization["graphql_id"], "uuid": organization["id"]});
        assert_eq!(found["organization"], expected);
    }
}
