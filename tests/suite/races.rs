//! Races that only the database can decide (S21), on each engine.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, Portal, all_at_once, credentials, figures, on_postgres, postgres, wait};

const QUERY: &str = "{ viewer { id } }";

/// Runs `test` on `SQLite`, and on `PostgreSQL` where there is a server.
async fn each_engine(test: impl AsyncFn(Installation)) {
    each_engine_with(&[], test).await;
}

/// The same with these settings.
async fn each_engine_with(variables: &[(&str, &str)], test: impl AsyncFn(Installation)) {
    test(Installation::start_with(variables)).await;
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let settings = on_postgres(&token, &portal);
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    test(Installation::start_with(&settings.chain(variables.iter().copied()).collect::<Vec<_>>())).await;
}

/// How many answers there are of each status.
fn statuses(what: &str, answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_default() += 1;
    }
    figures("races", &format!("{what}, {} at once: {statuses:?}", answers.len()));
    statuses
}

/// Asks for so many credentials at once. Gives their path, and what was answered.
async fn made_at_once(house: &Installation, portal: &Portal, kind: &str, number: usize) -> (String, Vec<Answer>) {
    let path = credentials(portal, kind);
    let make = || house.request(Method::POST, &path).bearer_auth(house.api_token()).json(&json!({}));
    let answers = all_at_once((0..number).map(|_| make())).await;
    (path, answers)
}

#[tokio::test]
async fn fifty_secrets_made_at_once_are_two() {
    each_engine(async |house| {
        let portal = house.portal_of(QUERY).await;
        let (path, answers) = made_at_once(&house, &portal, "secrets", 50).await;
        let statuses = statuses("secrets", &answers);
        assert_eq!(statuses.get(&201), Some(&2), "{statuses:?}");
        // The rest is refused, or had no place in the queue of slow hashes.
        assert!(statuses.keys().all(|status| [201, 422, 503].contains(status)), "{statuses:?}");
        assert_eq!(house.get(&path).await.expect(200).as_array().map(Vec::len), Some(2));
        for answer in answers.iter().filter(|answer| answer.status == 201) {
            house.ephemeral(&portal, &suite::Issued::of(answer.json())).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_exchanged_a_hundred_times_at_once_gives_one_token() {
    each_engine(async |house| {
        let portal = house.invokable(QUERY).await;
        let code = house.code(&portal).await;
        Browser::administrator(&house, house.bootstrap()).await.approve(&code).await;
        let answers = all_at_once((0..100).map(|_| house.exchanging(&portal).json(&code.grant()))).await;
        let statuses = statuses("exchanges of a code", &answers);
        assert_eq!(statuses, BTreeMap::from([(200, 1), (400, 99)]));
        for refused in answers.iter().filter(|answer| answer.status == 400) {
            refused.error_code(400, "invalid_grant");
        }
        let live = house.get(&credentials(&portal, "live_tokens")).await.expect(200);
        assert_eq!(live.as_array().map(Vec::len), Some(1));
    })
    .await;
}

#[tokio::test]
async fn a_code_decided_both_ways_at_once_is_decided_once() {
    each_engine(async |house| {
        let portal = house.invokable(QUERY).await;
        for _ in 0..5 {
            let code = house.code(&portal).await;
            let browser = Browser::administrator(&house, house.bootstrap()).await;
            let page = browser.open(browser.local(&code.url)).await;
            let decide = |decision: &str| {
                let fields = suite::browser::filled(&page.text, &[("code", &code.code), ("decision", decision)]);
                let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let (name, value) = &browser.cookies()[0];
                let request = house.request(Method::POST, "/console/authorize");
                let request = request.header("Origin", house.gateway()).header("Cookie", format!("{name}={value}"));
                let request = request.header("Content-Type", "application/x-www-form-urlencoded");
                request.body(suite::browser::form(&fields))
            };
            let answers = all_at_once(["approve", "deny", "approve", "deny"].map(decide)).await;
            let decided = answers.iter().filter(|answer| answer.status < 400).count();
            assert_eq!(decided, 1, "{answers:#?}");
            let outcome = house.poll(&portal, &code).await;
            assert!(outcome.status == 200 || outcome.error(400)["code"] == "access_denied", "{outcome:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn service_tokens_made_at_once_are_ten_at_most() {
    each_engine(async |house| {
        let portal = house.portal_of(QUERY).await;
        let (path, answers) = made_at_once(&house, &portal, "service_tokens", 30).await;
        assert_eq!(statuses("service tokens", &answers), BTreeMap::from([(201, 9), (422, 21)]));
        assert_eq!(house.get(&path).await.expect(200).as_array().map(Vec::len), Some(10));
    })
    .await;
}

/// Asks for many things with these bodies at once, until three were made. Gives how many are there then.
async fn made_beyond_three(house: &Installation, what: &str, body: impl Fn(usize) -> Value) -> usize {
    let path = format!("/v2/organizations/my-organization/{what}");
    let make = |number| house.request(Method::POST, &path).bearer_auth(house.api_token()).json(&body(number));
    let mut created = 0;
    wait::need_async("three to be made", Duration::from_mins(1), async || {
        let answers = all_at_once((0..20).map(make)).await;
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            // A busy machine may not verify all the callers in time.
            assert!([422, 503].contains(&refused.status), "{refused:#?}");
        }
        created += statuses(what, &answers).get(&201).copied().unwrap_or_default();
        (created >= 3).then_some(())
    })
    .await;
    let there = wait::need_async("the list", Duration::from_mins(1), async || {
        let answer = house.get(&path).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let there = there.as_array().or_else(|| there["items"].as_array()).unwrap().len();
    assert_eq!(created, there, "{what}");
    there
}

#[tokio::test]
async fn what_an_organization_may_have_some_of_is_not_one_more_when_made_at_once() {
    let limits = ["PORTAL_LIMITS__PORTALS", "PORTAL_LIMITS__UPSTREAMS", "PORTAL_WEBHOOKS__SERVICES"];
    each_engine_with(&limits.map(|name| (name, "3")), async |house| {
        let portal = |number| json!({"name": format!("Portal {number}"), "query": QUERY});
        assert_eq!(made_beyond_three(&house, "portals", portal).await, 3);
        let schema = json!({"source": "sdl", "sdl": "type Query { a: Int }"});
        let upstream = |number| json!({"slug": format!("u{number}"), "url": "https://api.example/", "schema": schema});
        assert_eq!(made_beyond_three(&house, "upstreams", upstream).await, 3);
        let service = |_| json!({"settings": {"url": "https://hooks.example/"}});
        assert_eq!(made_beyond_three(&house, "services", service).await, 3);
    })
    .await;
}
