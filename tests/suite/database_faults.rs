//! What becomes of calls when their PostgreSQL server is restarted, promoted, gone or silent (R4–R6).

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use suite::{Answer, Caller, Cluster, Fleet, Issued, PORTALS, Part, Portal, Switch, count, figures, full, grant, wait};
use tokio::task::JoinSet;

const QUERY: &str = "{ viewer { id } }";
/// Connections that the services keep at most: two pools of 8 for each database that a process has open.
const POOLED: usize = 6 * 8;
/// How soon it must be well again; a busy machine has more.
const BACK: Duration = Duration::from_secs(5);

fn back() -> Duration {
    if full() { BACK } else { BACK * 5 }
}

/// A fleet on a server of its own, reached through an address that can be turned elsewhere.
struct Stand {
    fleet: Fleet,
    portal: Portal,
    secret: Issued,
    switch: Switch,
    cluster: Cluster,
}

/// `None` where there is no PostgreSQL server.
async fn stand() -> Option<Stand> {
    let cluster = Cluster::start()?;
    cluster.create("token");
    cluster.create("portal");
    let switch = Switch::before(cluster.address());
    let fleet = Fleet::with(&Cluster::settings(switch.address()), |_| {});
    let portal = fleet.portal_of(QUERY).await;
    let secret = fleet.secret(&portal).await;
    // A verdict is kept from the first lease on.
    fleet.call(&portal, json!({})).await.data();
    Some(Stand { fleet, portal, secret, switch, cluster })
}

/// A request, when it began and what was answered; `None`: the connection broke.
type Seen = (Instant, Option<u16>);

/// Requests that go on, one after another on each of several tasks.
struct Traffic {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Reads and exchanges, which ask both databases each time, and write.
    fn start(stand: &Stand) -> Self {
        let (seen, stop) = (Arc::default(), Arc::<AtomicBool>::default());
        let mut tasks = JoinSet::new();
        for number in 0..6 {
            let (caller, portal, secret) = (Caller::clone(&stand.fleet), stand.portal.clone(), stand.secret.clone());
            let (seen, stop) = (Arc::<Mutex<Vec<Seen>>>::clone(&seen), Arc::clone(&stop));
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let request = match number % 3 {
                        0 => caller.exchanging(&portal).json(&grant(&portal, &secret.value)),
                        1 => caller.calling(&portal).json(&json!({})),
                        _ => caller.request(Method::GET, PORTALS).bearer_auth(caller.api_token()),
                    };
                    let began = Instant::now();
                    let status = request.send().await.ok().map(|answer| answer.status().as_u16());
                    seen.lock().unwrap().push((began, status));
                    if status != Some(200) {
                        // A refusal is quick: not a thousand of them while the server starts.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            });
        }
        Self { seen, stop, tasks }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until each of the next requests succeeds, and says how long that took from `since`, and how many failed that began
    /// after it.
    async fn well_again(&self, since: Instant) -> (Duration, usize) {
        const IN_A_ROW: usize = 30;
        let begun_since = || self.seen().into_iter().filter(|(began, _)| *began >= since).collect::<Vec<_>>();
        wait::need_async("requests to succeed again", Duration::from_mins(1), async || {
            let last = begun_since();
            let good = last.iter().rev().take(IN_A_ROW).filter(|(_, status)| *status == Some(200)).count();
            (good == IN_A_ROW).then_some(())
        })
        .await;
        let (seen, now) = (begun_since(), Instant::now());
        let failed: Vec<_> = seen.iter().filter(|(_, status)| *status != Some(200)).collect();
        assert!(seen.iter().all(|(_, status)| matches!(status, Some(200 | 500 | 502 | 503 | 504))), "{failed:?}");
        let last = failed.iter().map(|(began, _)| began.duration_since(since)).max();
        (last.unwrap_or_default().min(now.duration_since(since)), failed.len())
    }

    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_cost_no_more_than_a_failure_per_connection() {
    let Some(stand) = stand().await else { return };
    let traffic = Traffic::start(&stand);
    let rounds = count(2, 20);
    let (mut slowest, mut most) = (Duration::ZERO, 0);
    for round in 0..rounds {
        traffic.well_again(Instant::now()).await;
        stand.cluster.stop(if round % 2 == 0 { "fast" } else { "immediate" });
        stand.cluster.start_again();
        let (took, failed) = traffic.well_again(Instant::now()).await;
        (slowest, most) = (slowest.max(took), most.max(failed));
    }
    traffic.stop().await;
    figures(
        "restarts",
        &format!(
            "{rounds} restarts: the last failure began {slowest:?} after the server answered, {most} failed at most"
        ),
    );
    assert!(most <= POOLED && slowest < back(), "{most} failed, the last after {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_copy_takes_over_although_old_connections_only_fell_silent() {
    let Some(stand) = stand().await else { return };
    let copy = stand.cluster.standby();
    let traffic = Traffic::start(&stand);
    traffic.well_again(Instant::now()).await;
    let made = stand.fleet.ephemeral(&stand.portal, &stand.secret).await;
    wait::need("the copy to follow", Duration::from_secs(30), || {
        let written = stand.cluster.sql("token", "SELECT count(*) FROM portal_tokens");
        (copy.sql("token", "SELECT count(*) FROM portal_tokens") >= written).then_some(())
    });
    let connections = stand.switch.made();
    // The machine's power is cut: nobody says that its connections have ended.
    stand.cluster.stop("immediate");
    copy.promote();
    stand.switch.turn(copy.address());
    let (took, failed) = traffic.well_again(Instant::now()).await;
    traffic.stop().await;
    figures("promotion", &format!("well again after {took:?}, {failed} failed meanwhile"));
    assert!(took < back() * 2, "{took:?}");
    assert!(stand.switch.made() > connections, "other connections");
    stand.fleet.call_with(&stand.portal, &made).await.data();
    assert!(!copy.sql("token", "SELECT pg_is_in_recovery()").contains('t'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_gone_known_tokens_go_on_for_some_seconds_and_then_503() {
    let Some(mut stand) = stand().await else { return };
    known(&stand).await;
    stand.cluster.stop("immediate");
    refused_in_time(&stand).await;
    let resident =
        |stand: &Stand| [Part::Token, Part::Portal].map(|part| stand.fleet.split.process(part).memory_kib("VmRSS"));
    let before = resident(&stand);
    let until = Instant::now() + count(Duration::from_secs(3), Duration::from_mins(2));
    while Instant::now() < until {
        let requests = (0..20).map(|_| stand.fleet.calling(&stand.portal).json(&json!({})));
        for answer in suite::all_at_once(requests).await {
            assert_eq!(answer.status, 503, "{answer:#?}");
        }
        assert_eq!(stand.fleet.split.admin(Part::Portal, "/healthz"), Some(200));
        assert_eq!(stand.fleet.split.admin(Part::Token, "/healthz"), Some(200));
    }
    let after = resident(&stand);
    figures("server gone", &format!("resident KiB of token and portal service: {before:?}, {after:?}"));
    assert!(after.iter().zip(before).all(|(after, before)| *after < before + 64 * 1024), "{before:?} {after:?}");
    stand.cluster.start_again();
    works(&mut stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_waited_for_no_longer_than_half_a_second_and_drains_no_pool() {
    let Some(mut stand) = stand().await else { return };
    known(&stand).await;
    // Nobody listens there: new connections are refused, those that there are hang.
    let nowhere = suite::raw::free_address();
    stand.switch.turn(nowhere);
    refused_in_time(&stand).await;
    // More than there are connections: those that nobody waits for any more must come back.
    for _ in 0..3 {
        let requests = (0..20).map(|_| stand.fleet.calling(&stand.portal).json(&json!({})));
        for answer in suite::all_at_once(requests).await {
            assert_eq!(answer.status, 503, "{answer:#?}");
        }
    }
    stand.switch.turn(stand.cluster.address());
    works(&mut stand).await;
}

/// Until a call asks nobody.
async fn known(stand: &Stand) {
    let asked =
        || suite::metrics::total(stand.fleet.split.admin_address(Part::Token), "portals_rpc_duration_seconds_count");
    wait::need_async("a call that asks nothing", Duration::from_secs(30), async || {
        let before = asked();
        stand.fleet.call(&stand.portal, json!({})).await.data();
        (asked() <= before).then_some(())
    })
    .await;
}

/// From now on: 200 for as long as a lease lasts, then 503; alive, but not ready.
async fn refused_in_time(stand: &Stand) {
    let gone = Instant::now();
    let mut slowest = Duration::ZERO;
    let last = wait::need_async("the verdict to run out", Duration::from_mins(1), async || {
        let began = Instant::now();
        let answer = stand.fleet.call(&stand.portal, json!({})).await;
        slowest = slowest.max(began.elapsed());
        assert!([200, 503].contains(&answer.status), "{answer:#?}");
        if answer.status == 200 {
            assert!(began.duration_since(gone) <= Duration::from_secs(5), "{:?}", began.duration_since(gone));
        }
        (answer.status == 503).then_some(answer)
    })
    .await;
    last.error(503);
    wait::need("readiness to be red", Duration::from_secs(30), || {
        let ready = |part| stand.fleet.split.admin(part, "/readyz");
        (ready(Part::Token) == Some(503) && ready(Part::Portal) == Some(503)).then_some(())
    });
    for part in [Part::Token, Part::Portal] {
        assert_eq!(stand.fleet.split.admin(part, "/healthz"), Some(200));
    }
    let began = Instant::now();
    stand.fleet.call(&stand.portal, json!({})).await.error(503);
    slowest = slowest.max(began.elapsed());
    figures("server gone or silent", &format!("the slowest answer took {slowest:?}"));
    assert!(slowest < count(Duration::from_secs(10), Duration::from_secs(2)), "{slowest:?}");
}

/// All of it works again, soon.
async fn works(stand: &mut Stand) {
    let since = Instant::now();
    wait::need_async("calls to succeed", back(), async || {
        let answer = stand.fleet.call(&stand.portal, json!({})).await;
        (answer.status == 200).then_some(())
    })
    .await;
    figures("server back", &format!("calls succeeded after {:?}", since.elapsed()));
    wait::need_async("exchanges to succeed", back(), async || {
        let answer = stand.fleet.exchange(&stand.portal, grant(&stand.portal, &stand.secret.value)).await;
        (answer.status == 200).then_some(())
    })
    .await;
    wait::need("readiness", Duration::from_secs(30), || {
        let ready = |part| stand.fleet.split.admin(part, "/readyz");
        (ready(Part::Token) == Some(200) && ready(Part::Portal) == Some(200)).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_tables_hold_up_what_needs_them_and_nothing_else() {
    let Some(stand) = stand().await else { return };
    known(&stand).await;
    let fresh = stand.fleet.ephemeral(&stand.portal, &stand.secret).await;
    let held = Held::of(&stand, "token", "portal_tokens");
    // Nobody has asked for this token yet, and nobody can be asked.
    stand.fleet.call_with(&stand.portal, &fresh).await.error(503);
    for _ in 0..20 {
        stand.fleet.call(&stand.portal, json!({})).await.data();
    }
    stand.fleet.get(PORTALS).await.expect(200);
    drop(held);
    wait::need_async("the token to be verified", back(), async || {
        (stand.fleet.call_with(&stand.portal, &fresh).await.status == 200).then_some(())
    })
    .await;

    // The audit's tables: no change goes without its row, and calls write none.
    let held = [Held::of(&stand, "token", "audit_events"), Held::of(&stand, "portal", "audit_events")];
    let body = json!({"name": suite::unique("never"), "query": QUERY});
    let refused =
        Answer::of(stand.fleet.request(Method::POST, PORTALS).bearer_auth(stand.fleet.api_token()).json(&body)).await;
    assert_eq!(refused.status, 503, "{refused:#?}");
    stand.fleet.call(&stand.portal, json!({})).await.data();
    stand.fleet.call_with(&stand.portal, &fresh).await.data();
    drop(held);
    stand.fleet.portal(body).await;
}

/// A table that nobody else may read or write until this is dropped.
struct Held(Child);

impl Held {
    fn of(stand: &Stand, database: &str, table: &str) -> Self {
        let url = format!("postgres://postgres@{}/{database}", stand.cluster.address());
        let mut child =
            Command::new("psql").args([&url, "-qAt"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n");
        child.stdin.as_mut().unwrap().write_all(lock.as_bytes()).unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
