//! What a token may do: its scopes, its user's role, its organizations, its expiry.
//!
//! Nothing public makes lesser tokens or other users yet, so these tests change the rows of a stopped installation.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, path, python};

const QUERY: &str = "{ viewer { id } }";

/// An installation with a portal, after `statement` was run on its token database.
async fn after(statement: &str) -> (Installation, Portal) {
    let mut house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    assert!(house.stop().success());
    python::sql(&house.file("token.db"), statement);
    house.start_again();
    (house, portal)
}

/// Takes a scope away from the API access token.
fn without(scope: &str) -> String {
    format!("UPDATE api_tokens SET scopes = trim(replace(' ' || scopes || ' ', ' {scope} ', ' '))")
}

#[track_caller]
fn lacks(answer: &Answer, scope: &str) {
    let body = answer.error_code(403, "missing_scope");
    assert_eq!(body["message"], format!("Your access token doesn't have the {scope} scope"));
}

#[tokio::test]
async fn without_write_portals_portals_are_read_and_not_changed() {
    let (house, portal) = after(&without("write_portals")).await;
    let one = format!("{PORTALS}/{}", portal.slug);
    house.get(PORTALS).await.expect(200);
    house.get(&one).await.expect(200);
    let body = || Some(json!({"name": "x", "query": QUERY}));
    lacks(&house.rest(Method::POST, PORTALS, body()).await, "write_portals");
    lacks(&house.rest(Method::PUT, &one, body()).await, "write_portals");
    lacks(&house.rest(Method::DELETE, &one, None).await, "write_portals");
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn each_read_needs_its_scope() {
    let (house, portal) = after("UPDATE api_tokens SET scopes = 'write_portals'").await;
    lacks(&house.get("/v2/user").await, "read_user");
    lacks(&house.get("/v2/organizations").await, "read_organizations");
    lacks(&house.get("/v2/organizations/my-organization").await, "read_organizations");
    lacks(&house.get(PORTALS).await, "read_portals");
    lacks(&house.get(&format!("{PORTALS}/{}", portal.slug)).await, "read_portals");
    let body = json!({"query": QUERY});
    lacks(&house.rest(Method::POST, "/graphql", Some(body)).await, "graphql");
    house.create(json!({"name": "still", "query": QUERY})).await.expect(201);
}

#[tokio::test]
async fn a_member_who_is_no_administrator_reads_and_does_not_change() {
    let (house, portal) = after("UPDATE memberships SET role = 'member'").await;
    let one = format!("{PORTALS}/{}", portal.slug);
    house.get(&one).await.expect(200);
    let body = || Some(json!({"name": "x", "query": QUERY}));
    for answer in [
        house.rest(Method::POST, PORTALS, body()).await,
        house.rest(Method::PUT, &one, body()).await,
        house.rest(Method::DELETE, &one, None).await,
    ] {
        assert_eq!(answer.error_code(403, "forbidden")["message"], "Forbidden");
    }
    let nowhere = house.rest(Method::DELETE, &format!("{PORTALS}/no-such-portal"), None).await;
    assert!([403, 404].contains(&nowhere.status), "{nowhere:#?}");
}

#[tokio::test]
async fn a_member_who_is_no_administrator_makes_no_team() {
    let (house, _) = after("UPDATE memberships SET role = 'member'").await;
    let organization = house.graphql("{ organization(slug: \"my-organization\") { id } }", json!({})).await;
    let create = "mutation T($o: ID!) { teamCreate(input: {organizationID: $o, name: \"Web\", privacy: VISIBLE, isDefaultTeam: \
                  false, defaultMemberRole: MEMBER}) { teamEdge { node { slug } } } }";
    let variables = json!({"o": organization["organization"]["id"]});
    let body = json!({"query": create, "variables": variables});
    let refused = house.rest(Method::POST, "/graphql", Some(body)).await.expect(200);
    assert_eq!(refused["errors"][0]["message"], "You don't have permission to do this", "{refused}");
    assert_eq!(refused["data"]["teamCreate"], Value::Null);
}

#[tokio::test]
async fn an_organization_that_the_token_does_not_reach_is_not_there() {
    for statement in ["DELETE FROM memberships", "DELETE FROM api_token_organizations"] {
        let (house, portal) = after(statement).await;
        assert_eq!(house.get("/v2/organizations").await.expect(200), json!([]), "{statement}");
        let unknown = house.get("/v2/organizations/nobody").await.error(404);
        let hidden = house.get("/v2/organizations/my-organization").await.error(404);
        assert_eq!(hidden["message"], unknown["message"], "it can be told from one that doesn't exist");
        house.get(PORTALS).await.error_code(404, "not_found");
        house.get(&format!("{PORTALS}/{}", portal.slug)).await.error_code(404, "not_found");
        house.create(json!({"name": "x", "query": QUERY})).await.error_code(404, "not_found");
        let data = house.graphql("{ organization(slug: \"my-organization\") { id } }", json!({})).await;
        assert_eq!(data["organization"], Value::Null);
        // The portal is the organization's, and goes on without the user.
        house.call(&portal, json!({})).await.data();
    }
}

#[tokio::test]
async fn an_expired_or_revoked_token_is_the_same_401_as_an_unknown_one() {
    for column in ["expires_at", "revoked_at"] {
        let past = "(SELECT created_at FROM users LIMIT 1)";
        let (house, portal) = after(&format!("UPDATE portal_tokens SET {column} = {past}")).await;
        let expired = house.call(&portal, json!({})).await;
        let unknown = house.call(&Portal { token: "nonsense".to_owned(), ..portal.clone() }, json!({})).await;
        let (mut expired_body, unknown_body) = (expired.error(401), unknown.error(401));
        expired_body["request_id"] = unknown_body["request_id"].clone();
        assert_eq!(expired_body, unknown_body, "{column}");
        assert_eq!(expired.header("www-authenticate"), unknown.header("www-authenticate"));
        let (house, _) = after(&format!("UPDATE api_tokens SET {column} = {past}")).await;
        house.get("/v2/user").await.error_code(401, "authentication_required");
    }
}

#[tokio::test]
async fn a_row_that_somebody_copied_into_the_database_mints_no_token() {
    // S2: the hash is keyed and holds the class, so that an API token's hash is no portal token's.
    let copy = "INSERT INTO portal_tokens (uuid, tag, key_id, last_four, description, created_at, organization_uuid, portal_uuid, \
                kind, created_by_uuid, created_by_name, created_by_email, created_by_created_at) \
                SELECT X'018f2b5e000070008000000000000000', api.tag, api.key_id, api.last_four, '', api.created_at, \
                t.organization_uuid, t.portal_uuid, t.kind, t.created_by_uuid, t.created_by_name, t.created_by_email, \
                t.created_by_created_at FROM api_tokens AS api, portal_tokens AS t";
    let (house, portal) = after(copy).await;
    assert_eq!(python::sql(&house.file("token.db"), "SELECT uuid FROM portal_tokens").len(), 2);
    let request = house.request(Method::POST, &path(&portal.slug)).bearer_auth(house.api_token());
    Answer::of(request).await.error_code(401, "authentication_required");
    house.call(&portal, json!({})).await.data();
}
