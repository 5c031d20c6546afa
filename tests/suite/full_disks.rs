//! A file system without room refuses changes whole, says so, and everything else goes on (R7).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use suite::{
    Answer, Disk, Installation, Issued, Launch, PORTALS, Portal, credentials, figures, grant, python, unique, wait,
};

const QUERY: &str = "{ viewer { id } }";
const BUILDS: &str = "/v2/organizations/my-organization/pipelines/my-pipeline/builds";

/// Changes of each database, and how many of each were acknowledged.
struct Changes<'a> {
    house: &'a Installation,
    portal: &'a Portal,
    secret: &'a Issued,
    portals: usize,
    tokens: usize,
    builds: usize,
}

impl Changes<'_> {
    /// Tries each once. Gives what wasn't done.
    async fn round(&mut self) -> Vec<Answer> {
        let post = async |path: &str, body: Value| self.house.rest(Method::POST, path, Some(body)).await;
        let portal = self.house.create(json!({"name": unique("full"), "query": QUERY})).await;
        let token = self.house.exchange(self.portal, grant(self.portal, &self.secret.value)).await;
        let build = post(BUILDS, json!({"commit": "HEAD", "branch": "main"})).await;
        self.portals += usize::from(portal.status == 201);
        self.tokens += usize::from(token.status == 200);
        self.builds += usize::from(build.status == 201);
        [portal, token, build].into_iter().filter(|answer| answer.status >= 300).collect()
    }

    /// What is there is what was acknowledged.
    async fn are_there(&self) {
        let count = async |path: &str| self.house.get(path).await.expect(200).as_array().unwrap().len();
        let lists = [PORTALS, &credentials(self.portal, "live_tokens"), BUILDS];
        let mut there = Vec::new();
        for list in lists {
            there.push(count(&format!("{list}?per_page=100")).await);
        }
        assert_eq!(there, [self.portals, self.tokens, self.builds]);
    }
}

#[tokio::test]
async fn changes_are_refused_until_there_is_room_and_reads_go_on() {
    let Some(disk) = Disk::of_mib(48) else { return };
    let launch = Launch::new(&disk.path().join("data"));
    let mut house = Installation::launch(launch);
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let token = house.ephemeral(&portal, &secret).await;
    let mut changes = Changes { house: &house, portal: &portal, secret: &secret, portals: 1, tokens: 1, builds: 0 };
    assert!(changes.round().await.is_empty());
    let before = house.get(&format!("{PORTALS}/{}", portal.slug)).await.expect(200);
    disk.fill();
    // The logs may have room that they use again.
    wait::need_async("the databases to be full", Duration::from_mins(1), async || {
        (changes.round().await.len() == 3).then_some(())
    })
    .await;
    figures("full disk", &format!("room was left for {} portals", changes.portals - 2));
    for _ in 0..3 {
        for answer in changes.round().await {
            // Known to have done nothing: who tries again makes nothing twice.
            answer.error_code(503, "database_unavailable");
            assert!(answer.number("retry-after") > 0);
        }
        for value in [&portal.token, &token] {
            house.call_with(&portal, value).await.data();
        }
        assert_eq!(house.get(&format!("{PORTALS}/{}", portal.slug)).await.expect(200), before);
        changes.are_there().await;
    }
    disk.clear();
    wait::need_async("changes to be taken again", Duration::from_secs(30), async || {
        changes.round().await.is_empty().then_some(())
    })
    .await;
    changes.are_there().await;
    // What was acknowledged outlives a power cut, and what was refused doesn't come back with it.
    disk.fill();
    for _ in 0..3 {
        changes.round().await;
    }
    let Changes { portals, tokens, builds, .. } = changes;
    house.kill();
    disk.clear();
    house.start_again();
    for database in ["token.db", "portal.db", "pipelines.db"] {
        assert_eq!(python::sql(&house.file(database), "PRAGMA integrity_check")[0]["integrity_check"], "ok");
    }
    Changes { house: &house, portal: &portal, secret: &secret, portals, tokens, builds }.are_there().await;
    assert!(house.stop().success());
}
