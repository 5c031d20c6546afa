//! Who calls a portal and leaves takes the upstream's call along, at once, and leaves nothing behind (R9).

use std::{
    any::Any,
    io::Write,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, client::conn::http2::SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kit::boot::Tasks;
use serde_json::json;
use suite::{
    Caller, Fleet, Installation, Part, Portal, Process, Upstream, count, figures, path, upstream::ALLOWED, wait, wire,
};

/// Nothing, or the head and a part of the body.
const BEGINNINGS: [&str; 2] = ["", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\":"];
const OPERATIONS: [&str; 2] = ["Ask", "Change"];
/// How long things may take that aren't measured. The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A call whose answer nobody waits for: dropped, it ends as a client's does that goes away. The connection closes, or the
/// stream is reset.
type Call = Box<dyn Any>;

/// Who calls, in both versions of HTTP.
struct Client {
    gateway: SocketAddr,
    streams: SendRequest<Full<Bytes>>,
    tasks: Tasks,
}

impl Client {
    async fn of(caller: &Caller) -> Self {
        let gateway: SocketAddr = caller.gateway().strip_prefix("http://").unwrap().parse().unwrap();
        let tasks = Tasks::default();
        let stream = tokio::net::TcpStream::connect(gateway).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (streams, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tasks.spawn(async move { _ = connection.await });
        Self { gateway, streams, tasks }
    }

    fn http1(&self, portal: &Portal, operation: &str) -> Call {
        let line = format!("{}?operation_name={operation}", path(&portal.slug));
        let mut stream = TcpStream::connect(self.gateway).unwrap();
        stream.write_all(&wire::post(&line, &[&format!("Authorization: Bearer {}", portal.token)], "{}")).unwrap();
        Box::new(stream)
    }

    fn http2(&self, portal: &Portal, operation: &str) -> Call {
        let request =
            Request::post(format!("http://{}{}?operation_name={operation}", self.gateway, path(&portal.slug)));
        let request = request.header("authorization", format!("Bearer {}", portal.token));
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from("{}"))).unwrap();
        let answer = self.streams.clone().send_request(request);
        let (leave, left) = tokio::sync::oneshot::channel::<()>();
        self.tasks.spawn(async move {
            tokio::select! {
                _ = left => {}
                answer = answer => panic!("it answered: {answer:?}"),
            }
        });
        Box::new(leave)
    }
}

/// Waits until so many calls hang at an upstream.
async fn hanging(upstream: &Upstream, calls: usize) {
    wait::need_async("the calls to be there", PATIENCE, async || (upstream.waiting() == calls).then_some(())).await;
}

/// From a caller's leaving to the end of the upstream's call, again and again. Sorted.
async fn endings(upstream: &Upstream, call: impl Fn() -> Call) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..count(15, 100) {
        let before = upstream.left().len();
        let call = call();
        hanging(upstream, 1).await;
        let left = Instant::now();
        drop(call);
        hanging(upstream, 0).await;
        let ends = upstream.left();
        assert_eq!(ends.len(), before + 1);
        took.push(ends[before].saturating_duration_since(left));
    }
    took.sort_unstable();
    took
}

/// Both versions of HTTP, before and in the answer, queries and mutations: each ends the upstream's call in 100 ms.
async fn ends_in_time(caller: &Caller, what: &str) {
    let client = Client::of(caller).await;
    for (began, begin) in ["before the answer", "in the answer"].into_iter().zip(BEGINNINGS) {
        let upstream = Upstream::hanging(begin);
        let portal = upstream.portal(caller, json!({})).await;
        let mut calls = 0;
        for operation in OPERATIONS {
            for (version, is_stream) in [("HTTP/1.1", false), ("HTTP/2", true)] {
                let call =
                    || if is_stream { client.http2(&portal, operation) } else { client.http1(&portal, operation) };
                let took = endings(&upstream, call).await;
                let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
                let said = format!("{what}, {version}, {operation}, {began}: median {median:?}, longest {longest:?}");
                figures("a caller leaves", &said);
                assert!(median <= Duration::from_millis(100), "{said}");
                assert!(longest < Duration::from_secs(1), "{said}");
                calls += took.len();
            }
        }
        assert_eq!(upstream.requests().len(), calls, "something was sent again for somebody who left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstreams_call_ends_with_its_caller() {
    let house = Installation::start_with(&[ALLOWED]);
    ends_in_time(house.caller(), "one process").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstreams_call_ends_with_its_caller_across_processes() {
    let fleet = Fleet::start(|split| split.set(ALLOWED.0, ALLOWED.1));
    ends_in_time(&fleet, "three processes").await;
    let processes = [Part::Gateway, Part::Portal].map(|part| fleet.split.process(part));
    nothing_is_left(&fleet, &processes, fleet.split.admin_address(Part::Portal)).await;
}

/// Many callers leave, many at a time, in both versions of HTTP.
async fn nothing_is_left(caller: &Caller, processes: &[&Process], admin: SocketAddr) {
    const AT_ONCE: usize = 40;
    let upstreams = BEGINNINGS.map(Upstream::hanging);
    let mut portals = Vec::new();
    for upstream in &upstreams {
        portals.push(upstream.portal(caller, json!({})).await);
    }
    let client = Client::of(caller).await;
    let leave = async |times: usize| {
        for round in 0..times / AT_ONCE {
            let (upstream, portal) = (&upstreams[round % 2], &portals[round % 2]);
            let calls: Vec<_> = (0..AT_ONCE)
                .map(|n| match (OPERATIONS[n / 2 % 2], n % 2) {
                    (operation, 0) => client.http1(portal, operation),
                    (operation, _) => client.http2(portal, operation),
                })
                .collect();
            hanging(upstream, AT_ONCE).await;
            drop(calls);
            hanging(upstream, 0).await;
        }
    };
    for (upstream, portal) in upstreams.iter().zip(&portals) {
        // Alone: whoever finds nothing kept asks for the token's verdict, which takes 500 ms at most.
        let first = client.http1(portal, "Ask");
        hanging(upstream, 1).await;
        drop(first);
        hanging(upstream, 0).await;
    }
    leave(2 * AT_ONCE).await;
    let metric = |name: &str| suite::metrics::total(admin, name);
    let calls = || metric("portals_upstream_duration_seconds_count");
    let state =
        || processes.iter().map(|process| (process.descriptors(), process.memory_kib("VmRSS"))).collect::<Vec<_>>();
    let (before, counted, times) = (state(), calls(), count(200, 10_000));
    leave(times).await;
    wait::need("no call to be under way", PATIENCE, || {
        (metric("portals_upstream_calls_in_flight").abs() < f64::EPSILON).then_some(())
    });
    assert!((calls() - counted - f64::from(u32::try_from(times).unwrap())).abs() < f64::EPSILON);
    // Some of them are the databases' and come and go by themselves.
    let settled = wait::find(PATIENCE, || {
        let after = state();
        before.iter().zip(&after).all(|((before, _), (after, _))| *after <= before + 4).then_some(())
    });
    let after = state();
    figures("callers left", &format!("{times} times; (descriptors, KiB) {before:?}, then {after:?}"));
    assert!(settled.is_some(), "descriptors: {before:?}, then {after:?}");
    assert!(
        before.iter().zip(&after).all(|((_, before), (_, after))| *after < before + (32 << 10)),
        "memory: {after:?}"
    );
    let good = Upstream::good();
    let portal = good.portal(caller, json!({})).await;
    assert_eq!(caller.calling_named(&portal, "Ask").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_left_leave_nothing_behind() {
    let house = Installation::start_with(&[ALLOWED]);
    nothing_is_left(house.caller(), &[house.process()], house.bootstrap().address("admin")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_left_give_their_places_back() {
    const PLACES: usize = 64;
    let house = Installation::start_with(&[ALLOWED]);
    let upstream = Upstream::hanging("");
    let (portal, client) = (upstream.portal(house.caller(), json!({})).await, Client::of(house.caller()).await);
    for _ in 0..3 {
        let calls: Vec<_> = (0..PLACES).map(|_| client.http1(&portal, "Ask")).collect();
        hanging(&upstream, PLACES).await;
        let refused = suite::Answer::of(house.calling_named(&portal, "Ask")).await;
        refused.error_code(503, "portal_busy");
        drop(calls);
        hanging(&upstream, 0).await;
    }
}
