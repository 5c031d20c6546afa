//! Upstreams that hang, drip, flood, break off, lie, redirect and refuse: each gets its answer in time, whoever calls other
//! portals meanwhile notices nothing, and memory stays flat (R8).

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use suite::{
    Answer, Installation, Load, Portal, Upstream, figures, path, raw,
    upstream::{ALLOWED, ANSWER, Connection, reply},
    wait, wire,
};
use tokio::task::JoinSet;

/// How long the upstreams may take, and how much later an answer may be.
const TIMEOUT: Duration = Duration::from_secs(2);
const SLACK: Duration = Duration::from_secs(3);
/// How long what isn't measured may take. The machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often each is called: less than what makes the breaker leave it alone.
const ROUNDS: u32 = 3;
/// The longest reply, and by how much memory may grow, all floods at once.
const REPLY_BYTES: &str = "1048576";
const GROWTH_KIB: u64 = 64 << 10;
/// What upstreams say that callers aren't told.
const HUSH: &str = "hush-hush";

const JSON: &str = "content-type: application/json";
const RESPONSE: &str = "content-type: application/graphql-response+json";
/// A chunk of 256 spaces.
const BLOCK: &str = "100\r\n                                                                                                                                                                                                                                                                \r\n";
const OK: &str = "HTTP/1.1 200 OK\r\n";

type Expected = (u16, &'static str);
const HANGS: Expected = (504, "upstream_timeout");
const BROKEN: Expected = (502, "upstream_unavailable");
const INVALID: Expected = (502, "upstream_invalid_response");
const REFUSED: Expected = (502, "upstream_auth_failed");

/// What it does, and what its callers are answered.
struct Bad {
    name: String,
    upstream: Upstream,
    expected: Expected,
    /// Of the upstream, in the place of the usual.
    settings: serde_json::Value,
}

fn bad(name: impl Into<String>, expected: Expected, serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Bad {
    Bad { name: name.into(), upstream: Upstream::start(serve), expected, settings: json!({}) }
}

fn answers(name: impl Into<String>, expected: Expected, answer: impl Into<Vec<u8>>) -> Bad {
    Bad { name: name.into(), upstream: Upstream::answering(answer), expected, settings: json!({}) }
}

/// Reads a request and begins so.
fn begin(connection: &mut Connection, bytes: &str) {
    connection.request();
    connection.send(bytes);
}

/// Sends these bytes again and again, slowly.
fn drip(connection: &mut Connection, bytes: &str) {
    while connection.send(bytes) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn slow() -> Vec<Bad> {
    let hangs = |name: &str, bytes: &'static str| {
        bad(format!("hangs {name}"), HANGS, move |connection| {
            begin(connection, bytes);
            connection.wait();
        })
    };
    let drips = |name: &str, bytes: &'static str, drop: &'static str| {
        bad(format!("drips {name}"), HANGS, move |connection| {
            begin(connection, bytes);
            drip(connection, drop);
        })
    };
    vec![
        bad("never reads", HANGS, Connection::wait),
        hangs("before its answer", ""),
        hangs("in its headers", "HTTP/1.1 200 OK\r\nx: y\r\n"),
        hangs("in its body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":"),
        hangs("in a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"),
        drips("a status line", "HTTP/1.1 200 OK", " "),
        drips("headers", OK, "x: y\r\n"),
        drips("a body", "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", " "),
        drips("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n"),
        bad("says for ever that it will go on", HANGS, |connection| {
            connection.request();
            connection.flood("HTTP/1.1 100 Continue\r\n\r\n");
        }),
    ]
}

fn floods() -> Vec<Bad> {
    let floods = |name: &str, bytes: &'static str, flood: &'static str| {
        bad(format!("floods {name}"), INVALID, move |connection| {
            begin(connection, bytes);
            connection.flood(flood);
        })
    };
    vec![
        floods("until it closes", "HTTP/1.1 200 OK\r\n\r\n{\"data\":{\"hello\":\"", "x"),
        floods("as long as it said", "HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n{\"data\":\"", "x"),
        floods("in one chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000000000\r\n{\"data\":\"", "x"),
        floods("in chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", BLOCK),
        floods("a refusal's body", "HTTP/1.1 404 Not Found\r\n\r\n", "x"),
        floods("headers", OK, "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
        floods("a header", "HTTP/1.1 200 OK\r\nx: ", "y"),
        floods("a status line", "HTTP/1.1 200 ", "y"),
    ]
}

fn breaks() -> Vec<Bad> {
    let sends =
        |name: &str, expected, bytes: &'static str| bad(name, expected, move |connection| begin(connection, bytes));
    let at = |url: &str| json!({ "url": url });
    let mut no_tls = sends("no TLS", BROKEN, "");
    no_tls.upstream = Upstream::start(|connection| _ = connection.send("HTTP/1.1 400 Bad Request\r\n\r\n"));
    no_tls.settings = at(&format!("https://{}/graphql", no_tls.upstream.address()));
    vec![
        bad("closes at once", BROKEN, |_| {}),
        sends("closes before its answer", BROKEN, ""),
        sends("closes in its status line", BROKEN, "HTTP/1.1 20"),
        sends("closes in its headers", BROKEN, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"),
        sends("half an answer", BROKEN, "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{\"data\":{\"hello"),
        sends("half a chunk", BROKEN, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n{\"data\":{}}"),
        sends("a wrong chunk", BROKEN, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n"),
        sends(
            "a length too short",
            INVALID,
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"data\":{\"hello\":\"world\"}}",
        ),
        sends("two lengths", INVALID, "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"),
        sends("no number for a length", INVALID, "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}"),
        sends("no HTTP", INVALID, "SSH-2.0-OpenSSH_9.2 hush-hush\r\n"),
        sends("HTTP/2 unasked", INVALID, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        sends("zeros in a header", INVALID, "HTTP/1.1 200 OK\r\nx: \0\0\r\n\r\n"),
        sends(
            "another protocol",
            INVALID,
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        ),
        no_tls,
        Bad {
            settings: at(&format!("http://{}/graphql", raw::free_address())),
            ..bad("nobody is there", BROKEN, |_| {})
        },
    ]
}

fn answers_that_are_none() -> Vec<Bad> {
    let nested = format!("{{\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let body = |name: &str, body: &str| answers(name, INVALID, reply("200 OK", &[JSON], body));
    let status = |status: &str, header: &str, expected| {
        let body = if header == RESPONSE { ANSWER } else { r#"{"errors":[{"message":"hush-hush"}]}"# };
        answers(format!("{status} with {header}"), expected, reply(status, &[header, "x-said: hush-hush"], body))
    };
    let mut all = vec![
        answers("a page", INVALID, reply("200 OK", &["content-type: text/html"], "<html>hush-hush</html>")),
        body("nothing", ""),
        body("half an object", "{\"data\":{\"hello\":\"hush-hush\""),
        body("a list", "[{\"data\":{}}]"),
        body("no response", "{\"hello\":\"hush-hush\"}"),
        body("errors that are none", "{\"errors\":\"hush-hush\"}"),
        body("data twice", "{\"data\":{},\"data\":{}}"),
        body("a nest", &nested),
        answers("no UTF-8", INVALID, b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"data\":\"\xff\"}".as_slice()),
        answers("a bomb", INVALID, reply("200 OK", &["content-encoding: gzip"], "\u{1f}hush-hush")),
        answers("another coding", INVALID, reply("200 OK", &["content-encoding: br"], ANSWER)),
        status("204 No Content", JSON, INVALID),
        status("400 Bad Request", JSON, INVALID),
        status("401 Unauthorized", JSON, REFUSED),
        status("401 Unauthorized", RESPONSE, REFUSED),
        status("403 Forbidden", RESPONSE, REFUSED),
        status("404 Not Found", JSON, INVALID),
        status("407 Proxy Authentication Required", JSON, INVALID),
        status("429 Too Many Requests", JSON, BROKEN),
        status("500 Internal Server Error", JSON, BROKEN),
        status("500 Internal Server Error", RESPONSE, (200, "")),
        status("503 Service Unavailable", JSON, BROKEN),
    ];
    for status in
        ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let elsewhere = reply(status, &["location: http://127.0.0.1:9/hush-hush", JSON], ANSWER);
        all.push(answers(status, INVALID, elsewhere));
    }
    all
}

/// Calls every portal once, all at the same time.
async fn round(house: &Installation, all: &[(Bad, Portal)], operation: &str) {
    let mut calls = JoinSet::new();
    for (number, (_, portal)) in all.iter().enumerate() {
        let request = house.calling_named(portal, operation);
        calls.spawn(async move {
            let began = Instant::now();
            (number, Answer::of(request).await, began.elapsed())
        });
    }
    while let Some(done) = calls.join_next().await {
        let (number, answer, took) = done.unwrap();
        let Bad { name, expected: (status, code), .. } = &all[number].0;
        assert_eq!(answer.status, *status, "{name}, {operation}: {answer:#?}");
        assert!(took < TIMEOUT + SLACK, "{name}, {operation}: {took:?}");
        if *status != 200 {
            answer.error_code(*status, code);
            assert_eq!(answer.header("portal-error-source"), Some("upstream"), "{name}: {answer:#?}");
            assert!(*status != 504 || took >= TIMEOUT, "{name}: {took:?}");
        }
        assert!(!format!("{answer:?}").contains(HUSH), "{name}: {answer:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_upstreams_are_told_apart_in_time_and_harm_nobody_else() {
    let house = Installation::start_with(&[ALLOWED, ("PORTAL_UPSTREAM__REPLY_BYTES", REPLY_BYTES)]);
    let mut all = Vec::new();
    for bad in [slow(), floods(), breaks(), answers_that_are_none()].into_iter().flatten() {
        let mut settings = json!({"timeout_ms": u64::try_from(TIMEOUT.as_millis()).unwrap()});
        settings.as_object_mut().unwrap().extend(bad.settings.as_object().unwrap().clone());
        let portal = bad.upstream.portal(house.caller(), settings).await;
        all.push((bad, portal));
    }
    let good = Upstream::good();
    let beside = [good.portal(house.caller(), json!({})).await, house.portal_of("query Ask { viewer { id } }").await];
    let gateway = house.bootstrap().address("gateway");
    let load = Load::start(beside.len(), move |number| {
        let (portal, mut wire) = (&beside[number], wire::Wire::to(gateway));
        let line = format!("{}?operation_name=Ask", path(&portal.slug));
        let call = wire::post(&line, &[&format!("Authorization: Bearer {}", portal.token)], "{}");
        move || {
            let began = Instant::now();
            let status = wire.send(&call).map_or(0, |reply| reply.status);
            thread::sleep(Duration::from_millis(5));
            (status, began.elapsed())
        }
    });
    wait::need("calls beside", PATIENCE, || (good.requests().len() > 100).then_some(()));
    let before = house.process().memory_kib("VmHWM");
    for number in 0..ROUNDS {
        round(&house, &all, if number % 2 == 0 { "Ask" } else { "Change" }).await;
    }
    let after = house.process().memory_kib("VmHWM");
    let beside = load.stop();
    let slowest = beside.iter().map(|(_, took)| *took).max().unwrap();
    let said = format!(
        "{} kinds; {} calls beside, the slowest {slowest:?}; {before} KiB, then {after}",
        all.len(),
        beside.len()
    );
    figures("bad upstreams", &said);
    assert!(beside.iter().all(|(status, _)| *status == 200), "{said}");
    assert!(slowest < TIMEOUT, "{said}");
    assert!(after < before + GROWTH_KIB, "{said}");
    for (bad, _) in &all {
        let what = format!("the connections to be closed of what {}", bad.name);
        let kept = usize::from(bad.expected == (200, ""));
        wait::need(&what, PATIENCE, || (bad.upstream.open() <= kept).then_some(()));
        let sent: Vec<_> = bad.upstream.requests();
        assert!(sent.iter().all(|request| request.contains("accept-encoding: identity\r\n")), "{}", bad.name);
    }
}

#[tokio::test]
async fn an_upstreams_cookies_and_headers_go_nowhere() {
    let house = Installation::start_with(&[ALLOWED]);
    let headers = ["set-cookie: a=hush-hush; Path=/", "x-internal: hush-hush", "server: hush-hush", JSON];
    let upstream = Upstream::answering(reply("200 OK", &headers, ANSWER));
    let portal = upstream.portal(house.caller(), json!({})).await;
    for _ in 0..2 {
        let answer = Answer::of(house.calling_named(&portal, "Ask")).await;
        assert_eq!(answer.data()["hello"], "world");
        assert!(!format!("{answer:?}").contains(HUSH), "{answer:#?}");
    }
    let sent = upstream.requests();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| !request.to_lowercase().contains("cookie")), "{sent:?}");
}
