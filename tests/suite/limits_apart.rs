//! Each kind of request has a limit of its own (spec §8), told in its own headers; and what 429 says, byte for byte.

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, credentials, grant, path};

const ORGANIZATION: &str = "/v2/organizations/my-organization";

/// The names of the rate headers.
fn rates(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<_> = answer
        .headers
        .keys()
        .map(reqwest::header::HeaderName::as_str)
        .filter(|name| name.starts_with("ratelimit"))
        .collect();
    names.sort_unstable();
    names
}

/// Sends until one is over, at most so often that two windows can't have let all pass.
async fn until_over(most: usize, send: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..=2 * most {
        let answer = send().await;
        if answer.status == 429 {
            return answer;
        }
        assert!(answer.status < 500, "{answer:#?}");
    }
    panic!("nothing was over a limit of {most}");
}

#[tokio::test]
async fn the_answer_to_one_too_many_is_this_to_the_byte() {
    let house = Installation::start_with(&[
        ("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1"),
        ("TOKEN_LIMITS__REST_PER_MINUTE", "2"),
    ]);
    let portal = house.portal_of("{ viewer { id } }").await;
    for (scope, over) in [
        ("portal", until_over(1, async || house.call(&portal, json!({})).await).await),
        ("rest", until_over(2, async || house.get(ORGANIZATION).await).await),
    ] {
        let (limit, reset) = (over.number("ratelimit-limit"), over.number("ratelimit-reset"));
        let expected = format!(
            "{{\"message\":\"You have exceeded your API rate limit. Please wait {reset} seconds before making more \
             requests.\",\"code\":\"rate_limited\",\"request_id\":{:?},\"scope\":\"{scope}\",\"limit\":{limit},\
             \"current\":{},\"reset\":{reset}}}",
            over.header("x-request-id").unwrap(),
            over.json()["current"],
        );
        assert_eq!(over.text, expected);
        assert_eq!((over.number("retry-after"), over.number("ratelimit-remaining")), (reset, 0));
        assert_eq!(over.header("ratelimit-scope"), Some(scope));
        assert!(over.json()["current"].as_u64().unwrap() > limit);
    }
}

#[tokio::test]
async fn each_language_has_its_headers_and_no_others() {
    let house = Installation::start_with_defaults();
    let portal = house.portal_of("{ viewer { id } }").await;
    let organization = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-scope"];
    let user = ["ratelimit-user-limit", "ratelimit-user-remaining", "ratelimit-user-reset"];
    let complexity = ["ratelimit-complexity-actual", "ratelimit-complexity-requested"];
    assert_eq!(rates(&house.call(&portal, json!({})).await), organization);
    assert_eq!(rates(&house.get(ORGANIZATION).await), [&organization[..], &user].concat());
    assert_eq!(rates(&house.get("/v2/user").await), user, "no organization is meant");
    let query = Some(json!({"query": "{ viewer { user { name } } }"}));
    let graphql = house.rest(Method::POST, "/graphql", query).await;
    assert_eq!(rates(&graphql), [&complexity[..], &user].concat());
    assert_eq!(graphql.number("ratelimit-complexity-requested"), 2);
    let secret = house.secret(&portal).await;
    assert_eq!(rates(&house.exchange(&portal, grant(&portal, &secret.value)).await), Vec::<&str>::new());
    // Without limits there are none.
    let unlimited = Installation::shared();
    assert_eq!(rates(&unlimited.get(ORGANIZATION).await), Vec::<&str>::new());
}

#[tokio::test]
async fn exchanges_codes_and_failures_are_limited_apart_from_everything_else() {
    let house = Installation::start_with(&[
        ("TOKEN_LIMITS__EXCHANGES_PER_MINUTE", "2"),
        ("TOKEN_LIMITS__CODES_PER_MINUTE", "2"),
        ("TOKEN_LIMITS__FAILURES_PER_MINUTE", "2"),
        ("TOKEN_LIMITS__REST_PER_MINUTE", "1000"),
        ("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1000"),
    ]);
    let portal = house.invokable("{ viewer { id } }").await;
    let (secret, other) = (house.secret(&portal).await, house.portal_of("{ viewer { id } }").await);
    let others = house.secret(&other).await;
    let over = until_over(2, async || house.exchange(&portal, grant(&portal, &secret.value)).await).await;
    limited(&over, "exchanges");
    // Of one client: the other goes on, and so does everything else.
    house.exchange(&other, grant(&other, &others.value)).await.expect(200);
    let over = until_over(2, async || house.ask(&portal).await).await;
    limited(&over, "codes");
    let wrong = grant(&other, &secret.value);
    let over = until_over(2, async || house.exchange(&other, wrong.clone()).await).await;
    limited(&over, "failures");
    house.get(&credentials(&portal, "secrets")).await.expect(200);
    house.call(&portal, json!({})).await.data();
}

fn limited(over: &Answer, scope: &str) {
    let body = over.error_code(429, "rate_limited");
    assert_eq!((&body["scope"], &body["limit"]), (&json!(scope), &json!(2)), "{body:#}");
    assert_eq!(body["error"], body["code"], "{body:#}");
    assert_eq!(over.number("retry-after"), body["reset"].as_u64().unwrap());
}

#[tokio::test]
async fn who_is_not_let_in_spends_nothing_of_the_management_rate() {
    let house = Installation::start_with(&[("TOKEN_LIMITS__REST_PER_MINUTE", "100")]);
    let stranger = house.admin().user("stranger");
    let strangers = house.with(&house.admin().api_token(&stranger));
    let left = async || house.get(ORGANIZATION).await.number("ratelimit-remaining");
    let before = left().await;
    for _ in 0..5 {
        house.with("bkua_nonsense").get(ORGANIZATION).await.error(401);
        assert_eq!(strangers.get(ORGANIZATION).await.error(404)["code"], Value::from("not_found"));
        Answer::of(house.request(Method::POST, &path("none")).bearer_auth("nonsense").json(&json!({})))
            .await
            .error(401);
    }
    let after = left().await;
    // In the next window the count has begun anew.
    assert!([before - 1, 99].contains(&after), "{before} {after}");
}
