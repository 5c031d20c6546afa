//! Limits over two of each part on one PostgreSQL: together they let pass as much as one (spec §8, ADR 25).

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use suite::{
    Answer, Caller, Fleet, Part, Portal, Split, all_at_once, figures, grant, metrics, on_postgres, path, postgres, wait,
};

const QUERY: &str = "{ viewer { id } }";
/// How often a window is tried to be used up: one may end meanwhile.
const TRIES: usize = 4;
/// Far longer than it takes to use a window up.
const PATIENCE: Duration = Duration::from_secs(90);
/// Refusals after the last one that was let pass.
const REFUSED: usize = 24;

/// Two fleets on the same databases; gone with the value, before the databases.
struct Nodes {
    one: Fleet,
    two: Caller,
    split: Split,
    _databases: [postgres::Database; 2],
}

/// `None` where there is no PostgreSQL server.
fn nodes(limits: &[(&str, &str)]) -> Option<Nodes> {
    let databases = [postgres::Database::new()?, postgres::Database::new()?];
    let mut settings = on_postgres(&databases[0], &databases[1]);
    settings.extend(limits.iter().map(|(name, limit)| ((*name).to_owned(), (*limit).to_owned())));
    let one = Fleet::with(&settings, |_| {});
    let (split, two) = one.second(&settings);
    Some(Nodes { one, two, split, _databases: databases })
}

fn call(caller: &Caller, portal: &Portal) -> RequestBuilder {
    caller.request(Method::POST, &path(&portal.slug)).bearer_auth(&portal.token).json(&json!({}))
}

impl Nodes {
    /// The minute and the second of the parts' clock, as an answer tells it.
    async fn time(&self) -> (String, u32) {
        let answer = self.one.get("/v2/openapi.json").await;
        let date = answer.header("date").unwrap();
        (date[17..22].to_owned(), date[23..25].parse().unwrap())
    }

    /// How many claims had no answer in time, at all parts.
    fn claims_without_answer(&self) -> f64 {
        let of = |split: &Split| {
            let at = |part| metrics::total_of(split.admin_address(part), "portals_limit_claims_total", "\"failed\"");
            at(Part::Token) + at(Part::Portal)
        };
        of(&self.one.split) + of(&self.split)
    }

    /// Sends to both nodes by turns until a window is used up, and then some. Gives how many answers of `passed` there were in it.
    async fn use_up(&self, limit: usize, passed: u16, send: impl Fn(&Caller) -> RequestBuilder) -> usize {
        for _ in 0..TRIES {
            let minute = wait::need_async("the beginning of a minute", PATIENCE, async || {
                let (minute, second) = self.time().await;
                (1..=35).contains(&second).then_some(minute)
            })
            .await;
            let (begun, slow) = (Instant::now(), self.claims_without_answer());
            let (mut let_pass, mut refused, mut unanswered) = (0, 0, 0);
            while begun.elapsed() < Duration::from_secs(20) && (let_pass < limit || refused < REFUSED) {
                let callers: [&Caller; 2] = [&self.one, &self.two];
                let answers = all_at_once((0..8).map(|number| send(callers[number % 2]))).await;
                unanswered += answers.iter().filter(|answer| answer.status >= 500).count();
                let count = |status| answers.iter().filter(|answer: &&Answer| answer.status == status).count();
                (let_pass, refused) = (let_pass + count(passed), refused + count(429));
            }
            // A busy machine may keep a part waiting for half a second: then it goes on without the others, which is another promise.
            if self.time().await.0 == minute && unanswered == 0 && self.claims_without_answer() <= slow {
                return let_pass;
            }
        }
        panic!("no window could be used up in its time");
    }
}

#[tokio::test]
async fn two_of_each_part_let_pass_as_much_as_one() {
    let limits = [("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "60"), ("TOKEN_LIMITS__FAILURES_PER_MINUTE", "20")];
    let Some(nodes) = nodes(&limits) else { return };
    let portal = nodes.one.portal(json!({"name": "limited", "query": QUERY})).await;
    // A node that doesn't know the portal yet answers 401, which spends nothing.
    let calls = nodes.use_up(60, 200, |caller| call(caller, &portal)).await;
    assert_eq!(calls, 60);
    let other = nodes.one.portal(json!({"name": "other", "query": QUERY})).await;
    let secret = nodes.one.secret(&other).await;
    let wrong = grant(&portal, &secret.value);
    let tokens = format!("{}/tokens", path(&portal.slug));
    let failures = nodes.use_up(20, 401, |caller| caller.request(Method::POST, &tokens).json(&wrong)).await;
    assert_eq!(failures, 20);
    figures("shared limits", &format!("two of each part let pass {calls} calls of 60 and {failures} failures of 20"));
}

#[tokio::test]
async fn calls_within_a_claimed_part_ask_no_database() {
    let Some(nodes) = nodes(&[("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "100000")]) else { return };
    let portal = nodes.one.portal(json!({"name": "warm", "query": QUERY})).await;
    let admin = nodes.split.admin_address(Part::Portal);
    wait::need_async("the other node to know the portal", Duration::from_secs(30), async || {
        (nodes.two.call(&portal, json!({})).await.status == 200).then_some(())
    })
    .await;
    let before = metrics::total(admin, "portals_limit_claims_total");
    assert!(before >= 1.0);
    for _ in 0..20 {
        let answers = all_at_once((0..10).map(|_| call(&nodes.two, &portal))).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.number("ratelimit-limit") == 100_000));
    }
    let claims = metrics::total(admin, "portals_limit_claims_total") - before;
    // One for each minute that began, if that took so long.
    assert!(claims <= 3.0, "{claims} claims for 200 calls");
    figures("shared limits", &format!("200 calls within a claimed part made {claims} claims"));
}
