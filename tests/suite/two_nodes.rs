//! Two nodes of each service on one PostgreSQL: what one issues or removes counts at the other (R18).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use suite::{
    Browser, Caller, Fleet, PORTALS, Part, Portal, Split, count, credentials, figures, grant, on_postgres, postgres,
    wait,
};

const QUERY: &str = "{ viewer { id } }";

/// Two fleets on the same databases; gone with the value, before the databases.
struct Nodes {
    one: Fleet,
    two: Caller,
    split: Split,
    _databases: [postgres::Database; 2],
}

/// `None` where there is no PostgreSQL server.
fn nodes() -> Option<Nodes> {
    let databases = [postgres::Database::new()?, postgres::Database::new()?];
    let settings = on_postgres(&databases[0], &databases[1]);
    let one = Fleet::with(&settings, |_| {});
    let (split, two) = one.second(&settings);
    Some(Nodes { one, two, split, _databases: databases })
}

impl Nodes {
    /// A portal that both nodes know.
    async fn portal(&self) -> Portal {
        let portal =
            self.one.portal(json!({"name": suite::unique("both"), "query": QUERY, "user_invokable": true})).await;
        let begun = Instant::now();
        wait::need_async("the other node to know the portal", Duration::from_secs(5), async || {
            (self.two.call(&portal, json!({})).await.status == 200).then_some(())
        })
        .await;
        assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
        portal
    }
}

#[tokio::test]
async fn what_one_node_issues_the_other_takes_at_once() {
    let Some(nodes) = nodes() else { return };
    let portal = nodes.portal().await;
    let secret = nodes.one.secret(&portal).await;
    let rounds = count(50, 1_000);
    for round in 0..rounds {
        let (issues, takes): (&Caller, &Caller) =
            if round % 2 == 0 { (&nodes.one, &nodes.two) } else { (&nodes.two, &nodes.one) };
        let token = issues.ephemeral(&portal, &secret).await;
        let answer = takes.call_with(&portal, &token).await;
        assert_eq!(answer.status, 200, "{round}: {answer:#?}");
    }
    figures("two nodes", &format!("{rounds} of {rounds} tokens issued on one node were taken by the other at once"));
    let token = nodes.two.issue(&portal, "service_tokens", json!({})).await;
    nodes.one.call_with(&portal, &token.value).await.data();
    let code = nodes.one.code(&portal).await;
    let browser = Browser::administrator(&nodes.one, nodes.one.bootstrap()).await;
    browser.approve(&code).await;
    let token = nodes.two.user_token(&portal, &code).await;
    nodes.one.call_with(&portal, &token).await.data();
}

#[tokio::test]
async fn what_one_node_removes_the_other_refuses() {
    let Some(nodes) = nodes() else { return };
    let portal = nodes.portal().await;
    let (rounds, mut slowest) = (count(3, 20), Duration::ZERO);
    for round in 0..rounds {
        let (kept, removed) = (nodes.one.secret(&portal).await, nodes.two.secret(&portal).await);
        let (stays, goes) = (nodes.one.ephemeral(&portal, &kept).await, nodes.one.ephemeral(&portal, &removed).await);
        for caller in [&*nodes.one, &nodes.two] {
            caller.call_with(&portal, &goes).await.data();
        }
        let wait = round % 2 == 0;
        let query = if wait { "?wait=true" } else { "" };
        let answer = nodes.one.remove(&portal, "secrets", &removed.uuid, query).await;
        assert_eq!(answer.expect(200), json!({"revoked_tokens": 1}));
        let acknowledged = Instant::now();
        for caller in [&*nodes.one, &nodes.two] {
            if wait {
                caller.call_with(&portal, &goes).await.error(401);
            }
            wait::need_async("the token to be refused", Duration::from_secs(5), async || {
                (caller.call_with(&portal, &goes).await.status == 401).then_some(())
            })
            .await;
            caller.call_with(&portal, &stays).await.data();
            // The cache of verified secrets is the node's own, and doesn't let a removed one in.
            caller.exchange(&portal, grant(&portal, &removed.value)).await.error_code(401, "invalid_client");
        }
        slowest = slowest.max(acknowledged.elapsed());
        assert!(slowest < Duration::from_secs(6));
        nodes.two.remove(&portal, "secrets", &kept.uuid, "").await.expect(200);
    }
    figures(
        "two nodes",
        &format!("{rounds} removals on one node; refused by both, and checked, after {slowest:?} at most"),
    );
}

#[tokio::test]
async fn an_edit_on_one_node_takes_effect_on_the_other_within_a_second() {
    let Some(nodes) = nodes() else { return };
    let portal = nodes.portal().await;
    let path = format!("{PORTALS}/{}", portal.slug);
    let (rounds, mut slowest) = (count(5, 50), Duration::ZERO);
    for round in 0..rounds {
        let name = format!("round{round}");
        let body = json!({"query": format!("{{ {name}: viewer {{ id }} }}")});
        nodes.one.rest(Method::PUT, &path, Some(body)).await.expect(200);
        let acknowledged = Instant::now();
        wait::need_async("the new version to run", Duration::from_secs(5), async || {
            nodes.two.call(&portal, json!({})).await.data().get(&name).map(drop)
        })
        .await;
        slowest = slowest.max(acknowledged.elapsed());
    }
    nodes.two.rest(Method::POST, &format!("{path}/versions/1/restore"), None).await.expect(200);
    wait::need_async("the restored version to run", Duration::from_secs(5), async || {
        nodes.one.call(&portal, json!({})).await.data().get("viewer").map(drop)
    })
    .await;
    figures("two nodes", &format!("{rounds} edits on one node ran on the other after {slowest:?} at most"));
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}

#[tokio::test]
async fn the_two_places_for_secrets_are_two_over_both_nodes() {
    let Some(nodes) = nodes() else { return };
    let portal = nodes.portal().await;
    let request = |caller: &Caller| {
        caller.request(Method::POST, &credentials(&portal, "secrets")).bearer_auth(caller.api_token()).json(&json!({}))
    };
    let requests = (0..10).flat_map(|_| [request(&nodes.one), request(&nodes.two)]);
    let answers = suite::all_at_once(requests).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 2, "{answers:#?}");
    assert_eq!(nodes.two.get(&credentials(&portal, "secrets")).await.expect(200).as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn one_node_goes_on_without_the_other() {
    let Some(mut nodes) = nodes() else { return };
    let portal = nodes.portal().await;
    let secret = nodes.one.secret(&portal).await;
    nodes.split.kill(Part::Token);
    nodes.split.kill(Part::Portal);
    let token = nodes.one.ephemeral(&portal, &secret).await;
    nodes.one.call_with(&portal, &token).await.data();
    nodes.one.rest(Method::DELETE, &format!("{PORTALS}/{}", portal.slug), None).await.expect(204);
    nodes.one.call_with(&portal, &token).await.error(401);
}
