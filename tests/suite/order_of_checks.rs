//! The order in which a call is checked (spec §2): each request breaks two rules, and the earlier one answers.

use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::json;
use suite::{Answer, Installation, Portal, path, unique};

const OVER: usize = 256 * 1024 + 1;

fn post(house: &Installation, portal: &Portal) -> RequestBuilder {
    house.request(Method::POST, &path(&portal.slug))
}

#[tokio::test]
async fn the_method_comes_before_the_credential_in_the_url() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let url = format!("{}?access_token={}", path(&portal.slug), portal.token);
    Answer::of(house.request(Method::GET, &url)).await.error(405);
}

#[tokio::test]
async fn the_credential_in_the_url_comes_before_the_content_type() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let url = format!("{}?access_token={}", path(&portal.slug), portal.token);
    let request = house.request(Method::POST, &url);
    Answer::of(request.header(CONTENT_TYPE, "text/plain").body(" ".repeat(OVER))).await.error(400);
}

#[tokio::test]
async fn the_content_type_comes_before_the_size() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let request = post(&house, &portal).header(CONTENT_TYPE, "text/plain").body("[".repeat(OVER));
    Answer::of(request).await.error(415);
}

#[tokio::test]
async fn the_size_comes_before_the_syntax() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let request = post(&house, &portal).header(CONTENT_TYPE, "application/json").body("[".repeat(OVER));
    Answer::of(request).await.error(413);
}

#[tokio::test]
async fn everything_about_the_body_comes_before_the_token() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    for bearer in [None, Some("nonsense")] {
        let request = |kind: &str, body: String| {
            let request = post(&house, &portal).header(CONTENT_TYPE, kind).body(body);
            Answer::of(bearer.into_iter().fold(request, RequestBuilder::bearer_auth))
        };
        request("application/json", "{".to_owned()).await.error(400);
        request("application/json", " ".repeat(OVER)).await.error(413);
        request("text/plain", "{}".to_owned()).await.error(415);
        request("application/json", "{}".to_owned()).await.error(401);
    }
}

#[tokio::test]
async fn the_token_comes_before_the_address() {
    let house = Installation::shared();
    let body = json!({"name": unique("far"), "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let portal = house.portal(body).await;
    Answer::of(post(&house, &portal).bearer_auth("nonsense").json(&json!({}))).await.error(401);
    house.call(&portal, json!({})).await.error(403);
}

#[tokio::test]
async fn the_address_comes_before_the_rate_and_the_rate_before_the_variables() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1")]);
    let body = json!({"name": "far", "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let far = house.portal(body).await;
    let picky = house.portal_of("query A($id: ID!) { node(id: $id) { id } }").await;
    // The window may end between two calls: one of three in a row is over the limit of one in any case.
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(house.call(&picky, json!({})).await.status);
        house.call(&far, json!({})).await.error(403);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [422, 429].contains(status)), "{statuses:?}");
}
