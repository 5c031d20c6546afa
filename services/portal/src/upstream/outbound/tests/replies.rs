//! R8: what upstreams answer, and what comes of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::{
    super::{Call, Failure},
    server::{ANSWER, Connection, Server, outbound, outbound_with, query, reply, run, settings, well},
};
use crate::{domain::id::UpstreamId, graphql::Kind, tests::until};

const RESPONSE: (&str, &str) = ("content-type", "application/graphql-response+json; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json");
const ERRORS: &str = r#"{"errors":[{"message":"no"}]}"#;

/// How a call of a server that always answers so ends.
async fn outcome(answer: impl Into<Vec<u8>>) -> Result<String, Failure> {
    let server = Server::answering(answer).await;
    let answer = query(&outbound(), &server.destination()).await;
    answer.map(|answer| String::from_utf8(answer.to_vec()).unwrap())
}

fn label(outcome: &Result<String, Failure>) -> &'static str {
    outcome.as_ref().err().map_or("ok", Failure::label)
}

#[tokio::test]
async fn a_response_is_passed_on_byte_for_byte() {
    let body = " {\"errors\" :[], \"data\":{\"b\":1.10,\"a\":12345678901234567890123,\"t\":\"\\u00e9\"} }\n";
    assert_eq!(outcome(reply("200 OK", &[JSON], body)).await.unwrap(), body);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{\"data\":{\r\n2\r\n}}\r\n0\r\n\r\n";
    assert_eq!(outcome(chunked).await.unwrap(), "{\"data\":{}}");
    let until_the_end = Server::start(async |mut connection: Connection| {
        connection.request().await;
        connection.send("HTTP/1.0 200 OK\r\n\r\n{\"data\":{}}").await;
    });
    assert_eq!(query(&outbound(), &until_the_end.await.destination()).await.unwrap(), "{\"data\":{}}");
}

#[tokio::test]
async fn a_request_holds_the_operation_as_it_is_and_nothing_else() {
    let server = Server::answering(well()).await;
    let mut to = server.destination();
    to.url.set_query(Some("key=1"));
    let configured = [
        ("authorization", "Bearer hush"),
        ("host", "elsewhere"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("content-type", "text/plain"),
        ("portal-user-assertion", "forged"),
        ("x-many", "1"),
        ("x-many", "2"),
    ];
    to.headers = configured
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect::<HeaderMap>();
    let variables = RawValue::from_string(r#"{"b":1.10, "a":12345678901234567890123}"#.to_owned()).unwrap();
    let call = Call {
        document: "query Hello($a: Big) {\n  hello(a: $a, \"b\") }",
        operation_name: Some("Hello"),
        variables: &variables,
        kind: Kind::Query,
        assertion: None,
    };
    outbound().run(&to, call).await.unwrap();
    let body = r#"{"query":"query Hello($a: Big) {\n  hello(a: $a, \"b\") }","operationName":"Hello","variables":{"b":1.10, "a":12345678901234567890123}}"#;
    let mut lines: Vec<String> = server.seen.requests()[0].lines().map(str::to_owned).collect();
    lines[1..].sort_unstable();
    let expected = [
        "POST /graphql?key=1 HTTP/1.1".to_owned(),
        String::new(),
        "accept-encoding: identity".to_owned(),
        "accept: application/graphql-response+json, application/json;q=0.9".to_owned(),
        "authorization: Bearer hush".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: 127.0.0.1:{}", server.port),
        format!("user-agent: portals/{}", env!("CARGO_PKG_VERSION")),
        "x-many: 1".to_owned(),
        "x-many: 2".to_owned(),
        body.to_owned(),
    ];
    assert_eq!(lines, expected);
    let assertion = HeaderValue::from_static("e.y.J");
    outbound().run(&to, Call { assertion: Some(&assertion), ..call }).await.unwrap();
    let last = server.seen.requests().pop().unwrap();
    assert_eq!(last.matches("portal-user-assertion: e.y.J\r\n").count(), 1);
    assert!(!last.contains("forged"));
}

#[tokio::test]
async fn statuses_and_bodies_are_told_apart() {
    let html = ("content-type", "text/html");
    let cases = [
        ("200 OK", JSON, ANSWER, "ok"),
        ("200 OK", ("x", "y"), ANSWER, "ok"),
        ("200 OK", JSON, ERRORS, "ok"),
        ("206 Partial Content", RESPONSE, ANSWER, "ok"),
        ("400 Bad Request", RESPONSE, ERRORS, "ok"),
        ("500 Internal Server Error", RESPONSE, ERRORS, "ok"),
        ("400 Bad Request", JSON, ERRORS, "invalid_response"),
        ("404 Not Found", html, "<html>", "invalid_response"),
        ("400 Bad Request", RESPONSE, "<html>", "invalid_response"),
        ("500 Internal Server Error", html, "<html>", "unavailable"),
        ("500 Internal Server Error", RESPONSE, "[]", "unavailable"),
        ("503 Service Unavailable", JSON, ERRORS, "unavailable"),
        ("429 Too Many Requests", JSON, ERRORS, "unavailable"),
        ("401 Unauthorized", RESPONSE, ERRORS, "auth_failed"),
        ("403 Forbidden", JSON, ANSWER, "auth_failed"),
        ("200 OK", html, "<html>hush</html>", "invalid_response"),
        ("200 OK", JSON, r#"[{"data":{}}]"#, "invalid_response"),
        ("200 OK", JSON, "", "invalid_response"),
        ("200 OK", JSON, "{\"data\":{}", "invalid_response"),
        ("204 No Content", JSON, "", "invalid_response"),
        ("200 OK", ("content-encoding", "gzip"), ANSWER, "invalid_response"),
    ];
    for (status, header, body, expected) in cases {
        let outcome = outcome(reply(status, &[header], body)).await;
        assert_eq!(label(&outcome), expected, "{status} {header:?} {body}: {outcome:?}");
        let sentence = outcome.err().map_or_else(String::new, |failure| failure.to_string());
        assert!(!sentence.contains("hush") && !sentence.contains("127.0.0.1"), "{sentence}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::answering(well()).await;
    for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let to = format!("http://127.0.0.1:{}/", elsewhere.port);
        let outcome = outcome(reply(status, &[("location", &to)], ANSWER)).await;
        assert_eq!(label(&outcome), "invalid_response", "{outcome:?}");
    }
    assert_eq!(elsewhere.seen.accepted(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let many = (0..200).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let cases = [
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)),
        format!("HTTP/1.1 200 OK\r\n{many}content-length: 0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
    ];
    for case in cases {
        let outcome = outcome(case).await;
        assert_eq!(label(&outcome), "invalid_response", "{outcome:?}");
    }
}

/// Serves one request by bytes that come one by one, for ever.
async fn drip(first: &'static str, drop: &'static str) -> Server {
    Server::start(move |mut connection| async move {
        connection.request().await;
        connection.send(first).await;
        while connection.send(drop).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_call_takes_no_longer_than_it_may() {
    let hang = Server::start(async |mut connection: Connection| {
        connection.request().await;
        connection.ended().await;
    });
    let silent = Server::start(async |mut connection: Connection| connection.ended().await);
    let servers = [
        hang.await,
        silent.await,
        drip("HTTP/1.1 200 OK", " ").await,
        drip("HTTP/1.1 200 OK\r\n", "x: y\r\n").await,
        drip("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", " ").await,
        drip("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n").await,
    ];
    for server in &servers {
        let mut to = server.destination();
        to.timeout = Some(Duration::from_millis(200));
        let began = Instant::now();
        assert_eq!(query(&outbound(), &to).await, Err(Failure::Timeout));
        assert!(began.elapsed() >= Duration::from_millis(200) && began.elapsed() < Duration::from_secs(2));
    }
    let mut settings = settings();
    settings.timeout = Duration::from_millis(200);
    let (_, hasty) = outbound_with(&settings, &super::server::Answers::new(&[&[super::server::LOOPBACK]]));
    assert_eq!(query(&hasty, &servers[0].destination()).await, Err(Failure::Timeout));
    for server in servers {
        until("all connections closed", || server.seen.open() == 0).await;
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_none() {
    let halves = [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"data\":{\"hello\":\"world\"}}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n{\"data\":{\"hello\":\"world\"}}\r\n",
    ];
    for half in halves {
        let server = Server::start(move |mut connection| async move {
            connection.request().await;
            connection.send(half).await;
        });
        let outcome = run(&outbound(), &server.await.destination(), Kind::Mutation).await;
        assert!(
            matches!(&outcome, Err(Failure::Unavailable(why)) if why.ends_with("may have run")),
            "{half}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    const GIB: usize = 1 << 30;
    let sent = Arc::new(AtomicUsize::new(0));
    for head in ["content-length: 1073741824\r\n\r\n", "transfer-encoding: chunked\r\n\r\n40000000\r\n", "\r\n"] {
        let counter = Arc::clone(&sent);
        sent.store(0, Ordering::SeqCst);
        let server = Server::start(move |mut connection| {
            let sent = Arc::clone(&counter);
            async move {
                connection.request().await;
                connection.send(format!("HTTP/1.1 200 OK\r\n{head}{{\"data\":{{\"a\":\"")).await;
                let block = vec![b'x'; 1 << 16];
                while sent.load(Ordering::SeqCst) < GIB && connection.send(&block).await {
                    sent.fetch_add(block.len(), Ordering::SeqCst);
                }
            }
        })
        .await;
        let outcome = query(&outbound(), &server.destination()).await;
        assert!(matches!(outcome, Err(Failure::InvalidResponse(_))), "{outcome:?}");
        until("the connection is closed", || server.seen.open() == 0).await;
        // What isn't our megabyte is in the buffers of the two sockets.
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < 32 << 20, "{sent} bytes were taken");
    }
}

#[tokio::test]
async fn the_longest_reply_is_as_long_as_the_setting_says() {
    let mut settings = settings();
    settings.reply_bytes = ANSWER.len() as u64;
    let (_, outbound) = outbound_with(&settings, &super::server::Answers::new(&[&[super::server::LOOPBACK]]));
    assert!(query(&outbound, &Server::answering(well()).await.destination()).await.is_ok());
    let longer = reply("200 OK", &[], &format!("{ANSWER} "));
    let outcome = query(&outbound, &Server::answering(longer).await.destination()).await;
    assert!(matches!(outcome, Err(Failure::InvalidResponse(_))), "{outcome:?}");
}

#[tokio::test]
async fn others_are_served_while_one_hangs() {
    let hang = Server::start(async |mut connection: Connection| connection.ended().await).await;
    let good = Server::answering(well()).await;
    let outbound = Arc::new(outbound());
    let tasks = kit::boot::Tasks::default();
    for _ in 0..100 {
        let (outbound, mut to) = (Arc::clone(&outbound), hang.destination());
        to.timeout = Some(Duration::from_secs(10));
        tasks.spawn(async move { _ = query(&outbound, &to).await });
    }
    until("all hang", || hang.seen.open() == 100).await;
    let mut to = good.destination();
    to.id = UpstreamId(uuid::Uuid::from_u128(8));
    for _ in 0..20 {
        let began = Instant::now();
        query(&outbound, &to).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
