//! Requests per minute: of portals and of the management REST.

use serde_json::{Value, json};
use suite::{Answer, Installation, Portal};

const LIMIT: u64 = 4;

/// Answers of a window that is watched to its end: all that pass and two that don't.
const WATCHED: usize = 6;

/// Calls until the answers of one window are complete: `LIMIT` that pass and two that don't. A window that had begun
/// before, or that ends in between, doesn't count.
async fn one_window(house: &Installation, portal: &Portal) -> Vec<Answer> {
    let mut window: Vec<Answer> = Vec::new();
    for _ in 0..200 {
        let answer = house.call(portal, json!({})).await;
        if answer.status == 200 && answer.number("ratelimit-remaining") == LIMIT - 1 {
            window.clear();
        }
        window.push(answer);
        if window.len() == WATCHED && window[0].status == 200 {
            return window;
        }
    }
    panic!("no complete window in 200 calls");
}

#[tokio::test]
async fn every_answer_carries_the_figures_of_the_organization() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", &LIMIT.to_string())]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let window = one_window(&house, &portal).await;
    for (answer, used) in window.iter().zip(1..) {
        assert_eq!(answer.number("ratelimit-limit"), LIMIT);
        assert_eq!(answer.number("ratelimit-remaining"), LIMIT.saturating_sub(used));
        assert!((1..=60).contains(&answer.number("ratelimit-reset")));
        assert_eq!(answer.header("ratelimit-scope"), Some("portal"));
    }
}

#[tokio::test]
async fn over_the_rate_is_429_with_the_documented_body() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", &LIMIT.to_string())]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let window = one_window(&house, &portal).await;
    for (over, current) in window[WATCHED - 2..].iter().zip(LIMIT + 1..) {
        let body = over.error(429);
        let reset = over.number("ratelimit-reset");
        let message =
            format!("You have exceeded your API rate limit. Please wait {reset} seconds before making more requests.");
        let documented =
            json!({"message": message, "scope": "portal", "limit": LIMIT, "current": current, "reset": reset});
        for (member, value) in documented.as_object().unwrap() {
            assert_eq!(&body[member], value, "{member}");
        }
        assert_eq!(over.number("retry-after"), reset);
        assert_eq!(over.header("portal-error-source"), Some("portal"));
    }
}

#[tokio::test]
async fn the_portals_of_an_organization_share_its_rate() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "2")]);
    let portals = [house.portal_of("{ viewer { id } }").await, house.portal_of("{ viewer { id } }").await];
    let mut statuses = Vec::new();
    for round in 0..6 {
        statuses.push(house.call(&portals[round % 2], json!({})).await.status);
    }
    // Six calls are in two windows at most, which allow four.
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((2..=4).contains(&passed), "{statuses:?}");
}

#[tokio::test]
async fn calls_that_fail_authentication_or_come_from_elsewhere_spend_nothing() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "100")]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let far = json!({"name": "far", "query": "{ viewer { id } }", "allowed_ip_addresses": "192.0.2.1"});
    let far = house.portal(far).await;
    let before = house.call(&portal, json!({})).await;
    for _ in 0..5 {
        let forged = Portal { token: "nonsense".to_owned(), ..portal.clone() };
        house.call(&forged, json!({})).await.error(401);
        assert_eq!(house.call(&far, json!({})).await.header("ratelimit-remaining"), None);
    }
    let after = house.call(&portal, json!({})).await;
    // In the next window the count has begun anew.
    let remaining = after.number("ratelimit-remaining");
    assert!([before.number("ratelimit-remaining") - 1, 99].contains(&remaining), "{remaining}");
}

#[tokio::test]
async fn a_call_that_is_not_valid_spends_and_carries_the_figures() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "100")]);
    let portal = house.portal_of("query A($id: ID!) { node(id: $id) { id } }").await;
    let answer = house.call(&portal, json!({})).await;
    answer.error_code(422, "validation_failed");
    assert_eq!(answer.number("ratelimit-limit"), 100);
}

#[tokio::test]
async fn no_limit_means_no_figures() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let answer = house.call(&portal, json!({})).await;
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("ratelimit")), "{answer:#?}");
}

#[tokio::test]
async fn portals_have_two_hundred_a_minute_unless_told() {
    let house = Installation::start_with_defaults();
    let portal = house.portal_of("{ viewer { id } }").await;
    assert_eq!(house.call(&portal, json!({})).await.number("ratelimit-limit"), 200);
    let rest = house.get("/v2/organizations/my-organization").await;
    assert_eq!(rest.number("ratelimit-limit"), 200);
    assert_eq!(rest.number("ratelimit-user-limit"), 50);
    assert!((1..=60).contains(&rest.number("ratelimit-reset")));
    assert!(rest.number("ratelimit-user-remaining") < 50);
}

async fn over(house: &Installation, path: &str) -> (Answer, Value) {
    for _ in 0..3 {
        let answer = house.get(path).await;
        if answer.status == 429 {
            let body = answer.error(429);
            return (answer, body);
        }
        answer.expect(200);
    }
    panic!("three requests passed a limit of one");
}

#[tokio::test]
async fn the_management_rest_is_limited_per_organization() {
    let house = Installation::start_with(&[("TOKEN_LIMITS__REST_PER_MINUTE", "1")]);
    let (answer, body) = over(&house, "/v2/organizations/my-organization/portals").await;
    assert!(body["message"].as_str().unwrap().starts_with("You have exceeded your API rate limit. Please wait "));
    assert_eq!(body["limit"], 1);
    assert_eq!(answer.number("ratelimit-limit"), 1);
    assert_eq!(answer.number("ratelimit-remaining"), 0);
    assert_eq!(answer.number("retry-after"), answer.number("ratelimit-reset"));
}

#[tokio::test]
async fn the_management_rest_is_limited_per_user() {
    let house = Installation::start_with(&[("TOKEN_LIMITS__REST_USER_PER_MINUTE", "1")]);
    let (answer, body) = over(&house, "/v2/user").await;
    assert_eq!(body["limit"], 1);
    assert_eq!(answer.number("ratelimit-user-limit"), 1);
    assert_eq!(answer.number("retry-after"), answer.number("ratelimit-user-reset"));
}
