//! An earlier build and this one on the same databases, while the schema changes under both (R12). `tests/upgrade` builds the
//! earlier one and says where it is in `PORTALS_TEST_EARLIER_BIN`.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use suite::{
    Caller, Installation, Launch, PORTALS, Part, Portal, Split, figures, grant, portals, postgres, unique, wait,
};
use tokio::task::JoinSet;

const QUERY: &str = "{ viewer { id } }";
/// Settings of every start here that the earlier build refuses.
const UNKNOWN: [&str; 1] = ["_STOP__GRACE_MS"];
/// How long a change of one node may take to count on another (spec §7).
const SEEN: Duration = Duration::from_secs(5);

/// Calls, exchanges, edits and removals on one node, one after the other, until it is stopped. Every one must go well.
struct Work {
    stop: Arc<AtomicBool>,
    done: JoinSet<usize>,
}

impl Work {
    fn on(node: &Caller, portal: &Portal) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (node, portal, stopped) = (node.clone(), portal.clone(), Arc::clone(&stop));
        let mut done = JoinSet::new();
        done.spawn(async move {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                work(&node, &portal).await;
                rounds += 1;
            }
            rounds
        });
        Self { stop, done }
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.done.join_all().await.into_iter().sum()
    }
}

/// One round of everything that a node does with its databases.
async fn work(node: &Caller, portal: &Portal) {
    node.call(portal, json!({})).await.data();
    let own = node.portal(json!({"name": unique("upgrade"), "query": QUERY})).await;
    let path = format!("{PORTALS}/{}", own.slug);
    let secret = node.secret(&own).await;
    let token = node.ephemeral(&own, &secret).await;
    node.call_with(&own, &token).await.data();
    node.rest(Method::PUT, &path, Some(json!({"query": "{ viewer { user { name } } }"}))).await.expect(200);
    let builds = "/v2/organizations/my-organization/pipelines/my-pipeline/builds";
    node.rest(Method::POST, builds, Some(json!({"commit": "HEAD", "branch": "main"}))).await.expect(201);
    node.remove(&own, "secrets", &secret.uuid, "").await.expect(200);
    node.exchange(&own, grant(&own, &secret.value)).await.error_code(401, "invalid_client");
    node.rest(Method::DELETE, &path, None).await.expect(204);
}

/// What one node issues the other takes, and what it removes the other refuses.
async fn works_for(one: &Caller, other: &Caller) -> Duration {
    let portal = one.portal(json!({"name": unique("both"), "query": QUERY})).await;
    wait::need_async("the other node to know the portal", SEEN, async || {
        (other.call(&portal, json!({})).await.status == 200).then_some(())
    })
    .await;
    let secret = one.secret(&portal).await;
    let token = one.ephemeral(&portal, &secret).await;
    other.call_with(&portal, &token).await.data();
    one.remove(&portal, "secrets", &secret.uuid, "").await.expect(200);
    let removed = Instant::now();
    wait::need_async("the token to be refused", SEEN, async || {
        (other.call_with(&portal, &token).await.status == 401).then_some(())
    })
    .await;
    removed.elapsed()
}

fn node(data: &Path, settings: &[(String, String)], program: &Path) -> Split {
    let mut split = Split::new(data);
    for (name, value) in settings {
        split.set(name, value);
    }
    split.program(Some(program), &UNKNOWN);
    split.start_all();
    split
}

/// Stops the whole node and starts it as this build.
fn replace(split: &mut Split) {
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        assert!(split.stop(part).success(), "{part:?}");
    }
    split.program(None, &[]);
    split.start_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_build_and_this_one_run_together_over_a_migration() {
    let Some(earlier) = env::var_os("PORTALS_TEST_EARLIER_BIN").map(PathBuf::from) else { return };
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else {
        panic!("no PostgreSQL server: set PORTALS_TEST_POSTGRES_URL")
    };
    let data = tempfile::tempdir().unwrap();
    let launch = suite::on_postgres(&token, &portal)
        .iter()
        .fold(Launch::new(&data.path().join("data")), |launch, (name, value)| launch.set(name, value))
        .program(&earlier);
    let mut house = Installation::launch(launch.clone());
    assert!(house.stop().success(), "{}", house.process().stderr());
    let mut nodes = [(); 2].map(|()| node(house.data_dir(), launch.variables(), &earlier));
    let [first, second] = nodes.each_ref().map(|node| node.caller(house.api_token()));
    let old = first.portal(json!({"name": unique("old"), "query": QUERY})).await;
    works_for(&first, &second).await;

    let versions = || ["token", "portal"].map(|part| migrations(if part == "token" { &token } else { &portal }, part));
    let (before, work) = (versions(), [Work::on(&first, &old), Work::on(&second, &old)]);
    let mut environment = Split::environment_of(house.data_dir(), Part::Token);
    environment.extend(Split::environment_of(house.data_dir(), Part::Portal));
    environment.extend(launch.variables().iter().cloned());
    let migrated = portals(&["migrate", "token", "portal"], &environment);
    assert!(migrated.status.success(), "{}", migrated.stderr);
    let after = versions();
    assert_ne!(before, after, "the earlier build has the same schema: nothing was shown");
    let [first_work, second_work] = work;
    let mut rounds = first_work.stop().await;

    replace(&mut nodes[0]);
    let first_work = Work::on(&first, &old);
    let slowest = works_for(&first, &second).await.max(works_for(&second, &first).await);
    rounds += second_work.stop().await;
    replace(&mut nodes[1]);
    works_for(&first, &second).await;
    second.call(&old, json!({})).await.data();
    rounds += first_work.stop().await;
    figures(
        "upgrades",
        &format!(
            "migrations {before:?} became {after:?} under two nodes of the earlier build, which were replaced one after the \
             other; {rounds} rounds of work and no failure; a removal counted on the node of the other build after {slowest:?}"
        ),
    );
}

/// How many migrations the part's database has seen.
fn migrations(database: &postgres::Database, part: &str) -> usize {
    database.sql(&format!("SELECT count(*) FROM {part}_migrations")).trim().parse().unwrap()
}
