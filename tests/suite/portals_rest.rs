//! Portals over the management REST: made, read, listed; who may.

use std::collections::BTreeSet;

use kit::credential::{Kind, Plain};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, unique};

const QUERY: &str = "query Viewer($first: Int = 3, $slugs: [ID!]) {\n  viewer { id }\n}\n";

fn members(body: &Value) -> BTreeSet<&str> {
    body.as_object().unwrap().keys().map(String::as_str).collect()
}

fn is_instant(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

#[tokio::test]
async fn a_created_portal_has_every_documented_field() {
    let house = Installation::shared();
    let body = json!({"name": "Every Field", "query": QUERY, "description": "what it is for"});
    let portal = house.portal(body).await.body;
    let expected = "uuid slug organization_uuid name description query allowed_ip_addresses user_invokable created_at \
                    created_by token updated_at version url upstream strict_variables operations warnings";
    assert_eq!(members(&portal), expected.split_whitespace().collect());
    assert_eq!(portal["slug"], "every-field");
    assert_eq!(portal["description"], "what it is for");
    assert_eq!((&portal["allowed_ip_addresses"], &portal["upstream"]), (&Value::Null, &Value::Null));
    assert_eq!((&portal["user_invokable"], &portal["strict_variables"]), (&json!(false), &json!(false)));
    assert_eq!(portal["version"], 1);
    assert_eq!(portal["url"], format!("{}/organizations/my-organization/portals/every-field", house.gateway()));
    assert!(is_instant(&portal["created_at"]) && is_instant(&portal["updated_at"]), "{portal:#}");
    let organization = house.get("/v2/organizations/my-organization").await.expect(200);
    assert_eq!(portal["organization_uuid"], organization["id"]);
}

#[tokio::test]
async fn created_by_is_a_snapshot_of_the_user_with_both_spellings_of_the_id() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await.body;
    let user = house.get("/v2/user").await.expect(200);
    let expected: BTreeSet<_> = ["id", "uuid", "graphql_id", "name", "email", "avatar_url", "created_at"].into();
    let by = &portal["created_by"];
    assert_eq!(members(by), expected);
    assert_eq!(by["id"], by["uuid"]);
    for member in ["id", "graphql_id", "name", "email", "avatar_url", "created_at"] {
        assert_eq!(by[member], user[member], "{member}");
    }
}

#[tokio::test]
async fn operations_and_their_variables_are_described() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await.body;
    let variables = json!([
        {"name": "first", "type": "Int", "required": false, "default": 3},
        {"name": "slugs", "type": "[ID!]", "required": false},
    ]);
    let described = |portal: &Value| {
        let mut operations = portal["operations"].clone();
        assert!(operations[0].as_object_mut().unwrap().remove("result").unwrap().is_object(), "{portal:#}");
        operations
    };
    assert_eq!(described(&portal), json!([{"name": "Viewer", "kind": "query", "variables": variables}]));
    let anonymous = house.portal_of("{ viewer { id } }").await.body;
    assert_eq!(described(&anonymous), json!([{"name": null, "kind": "query", "variables": []}]));
    let list = house.get(PORTALS).await.expect(200);
    assert!(list[0]["operations"][0].get("result").is_none(), "{list:#}");
}

#[tokio::test]
async fn the_token_is_shown_by_the_creation_and_never_again() {
    let house = Installation::shared();
    let created = house.create(json!({"name": unique("once"), "query": QUERY})).await;
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let portal = suite::Portal::of(created.expect(201));
    assert_eq!(Plain::parse(&portal.token).unwrap().kind(), Kind::Portal);
    let path = format!("{PORTALS}/{}", portal.slug);
    let changed = house.rest(Method::PUT, &path, Some(json!({"description": "x"}))).await.expect(200);
    for later in [house.get(&path).await.expect(200), changed] {
        assert!(!members(&later).contains("token"), "{later:#}");
    }
    let list = house.get(&format!("{PORTALS}?per_page=100")).await;
    assert!(!list.text.contains(&portal.token) && !list.text.contains("\"token\""));
}

#[tokio::test]
async fn a_read_portal_equals_the_created_one_but_for_its_token() {
    let house = Installation::shared();
    let mut created = house.portal_of(QUERY).await;
    created.body.as_object_mut().unwrap().remove("token");
    let path = format!("{PORTALS}/{}", created.slug);
    for spelling in [path.clone(), format!("{path}/")] {
        assert_eq!(house.get(&spelling).await.expect(200), created.body);
    }
}

#[tokio::test]
async fn text_fields_come_back_byte_for_byte() {
    let house = Installation::shared();
    let sent = json!({
        "name": "  Naïve \"name\" \u{1F680}\t",
        "slug": unique("bytes"),
        "description": "line one\r\nline two  é e\u{301}",
        "query": "\n\t# a comment, with a comma,\r\nquery   A  { viewer\n{ id } }  \r\n",
        "allowed_ip_addresses": " 127.0.0.1   10.0.0.0/8 ",
    });
    let created = house.portal(sent.clone()).await;
    let read = house.get(&format!("{PORTALS}/{}", created.slug)).await.expect(200);
    for (member, value) in sent.as_object().unwrap() {
        assert_eq!(&created.body[member], value, "{member} of the creation");
        assert_eq!(&read[member], value, "{member} when read");
    }
}

fn page(answer: &Answer, relation: &str) -> Option<String> {
    let link = answer.header("link")?.split(',').find(|link| link.contains(&format!("rel=\"{relation}\"")))?;
    Some(link.split(['<', '>']).nth(1).unwrap().to_owned())
}

#[tokio::test]
async fn lists_are_paged_and_their_links_lead_through_all() {
    let house = Installation::start();
    for _ in 0..5 {
        house.portal_of(QUERY).await;
    }
    let slugs = |answer: &Answer| -> Vec<String> {
        let body = answer.expect(200);
        body.as_array().unwrap().iter().map(|portal| portal["slug"].as_str().unwrap().to_owned()).collect()
    };
    let all = slugs(&house.get(PORTALS).await);
    assert_eq!(all.len(), 5);
    let first = house.get(&format!("{PORTALS}?page=1&per_page=2")).await;
    assert_eq!((page(&first, "prev"), page(&first, "first")), (None, None));
    let (mut walked, mut answer) = (slugs(&first), first.clone());
    while let Some(next) = page(&answer, "next") {
        let path = next.strip_prefix(house.gateway()).unwrap_or_else(|| panic!("not ours: {next}")).to_owned();
        answer = house.get(&path).await;
        walked.extend(slugs(&answer));
    }
    assert_eq!(walked, all);
    assert_eq!(page(&answer, "next"), None);
    let last = page(&first, "last").unwrap();
    assert!(last.contains("page=3") && last.contains("per_page=2"), "{last}");
    assert!(page(&answer, "prev").is_some_and(|prev| prev.contains("page=2")));
    assert_eq!(slugs(&house.get(&format!("{PORTALS}?page=0&per_page=2")).await), all[..2]);
    assert_eq!(slugs(&house.get(&format!("{PORTALS}?page=9")).await), Vec::<String>::new());
    assert_eq!(house.get(PORTALS).await.header("link"), None);
}

#[tokio::test]
async fn a_page_holds_thirty_portals_unless_told_and_a_hundred_at_most() {
    let house = Installation::start();
    for _ in 0..31 {
        house.portal_of("{ viewer { id } }").await;
    }
    let listed = house.get(PORTALS).await.expect(200);
    assert_eq!(listed.as_array().map(Vec::len), Some(30));
    let listed = house.get(&format!("{PORTALS}?per_page=1000")).await;
    assert!(listed.status == 422 || listed.json().as_array().map(Vec::len) == Some(31), "{listed:#?}");
}

#[tokio::test]
async fn what_does_not_exist_is_404_with_its_documented_message() {
    let house = Installation::shared();
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let body = (method == Method::PUT).then(|| json!({"description": "x"}));
        let answer = house.rest(method, &format!("{PORTALS}/no-such-portal"), body).await;
        assert_eq!(answer.error_code(404, "not_found")["message"], "No portal found");
    }
    let elsewhere = "/v2/organizations/no-such-organization";
    for path in [elsewhere.to_owned(), format!("{elsewhere}/portals"), format!("{elsewhere}/portals/x")] {
        house.get(&path).await.error_code(404, "not_found");
    }
    let body = json!({"name": "x", "query": QUERY});
    house.rest(Method::POST, &format!("{elsewhere}/portals"), Some(body)).await.error_code(404, "not_found");
}

#[tokio::test]
async fn no_token_or_a_bad_one_is_401_with_its_documented_message() {
    let house = Installation::shared();
    let portal = house.portal_of(QUERY).await;
    let unknown = Plain::token("bk", Kind::Api, &[7; 32]);
    let path = format!("{PORTALS}/{}", portal.slug);
    for path in ["/v2/user", "/v2/organizations", PORTALS, &path] {
        let request = || house.request(Method::GET, path);
        for request in [
            request(),
            request().bearer_auth("nonsense"),
            request().bearer_auth(unknown.expose()),
            request().bearer_auth(&portal.token),
            request().basic_auth("user", Some(house.api_token())),
        ] {
            let body = Answer::of(request).await.error_code(401, "authentication_required");
            assert_eq!(body["message"], "Authentication required. Please supply a valid API access token");
        }
    }
    assert_eq!(house.get(&path).await.status, 200);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_before_anything_is_made() {
    let house = Installation::shared();
    let post = || house.request(Method::POST, PORTALS).bearer_auth(house.api_token());
    let typed = || post().header(CONTENT_TYPE, "application/json");
    Answer::of(typed().body("{\"name\":")).await.error(400);
    Answer::of(typed().body("[]")).await.error(400);
    Answer::of(post().header(CONTENT_TYPE, "text/plain").body("{}")).await.error(415);
    Answer::of(typed().body(" ".repeat(256 * 1024 + 1))).await.error(413);
}

#[tokio::test]
async fn missing_and_mistyped_fields_are_named() {
    let house = Installation::shared();
    let answer = house.create(json!({})).await;
    assert!(answer.error(422)["message"].as_str().unwrap().starts_with("Validation failed: "));
    assert!(answer.fields().is_superset(&["name", "query"].map(str::to_owned).into()), "{answer:#?}");
    for (member, value) in [("name", json!(3)), ("query", json!(null)), ("user_invokable", json!("yes"))] {
        let mut body = json!({"name": unique("typed"), "query": QUERY});
        body[member] = value;
        let answer = house.create(body).await;
        assert!([400, 422].contains(&answer.status), "{answer:#?}");
        assert!(answer.text.contains(member), "{answer:#?}");
    }
}

#[tokio::test]
async fn unknown_body_fields_never_set_anything() {
    let house = Installation::shared();
    let foreign = "018f2b5e-0000-7000-8000-000000000000";
    let answer = house
        .create(json!({
            "name": unique("extra"), "query": QUERY, "uuid": foreign, "organization_uuid": foreign, "version": 7,
            "token": "chosen", "created_at": "2001-01-01T00:00:00.000Z",
        }))
        .await;
    if answer.status == 422 || answer.status == 400 {
        return;
    }
    let body = answer.expect(201);
    assert_eq!(body["version"], 1);
    assert!(body["uuid"] != foreign && body["organization_uuid"] != foreign && body["token"] != "chosen", "{body:#}");
    assert!(body["created_at"].as_str().unwrap() > "2020", "{body:#}");
}
