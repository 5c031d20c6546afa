//! Requests that two readers could understand differently (S13): one answer or none, and what hides in them is never run.
//! Directly, and through nginx as it is documented.

use std::{net::SocketAddr, time::Duration};

use reqwest::Method;
use serde_json::json;
use suite::{Answer, Installation, Nginx, Portal, figures, path, raw, wait};

/// Short, so that connections that stay open by right don't hold the test up.
const SETTINGS: [(&str, &str); 3] = [
    ("GATEWAY_LIMITS__HEADER_TIMEOUT_MS", "1500"),
    ("GATEWAY_LIMITS__BODY_TIMEOUT_MS", "1500"),
    ("GATEWAY_HTTP__TRUSTED_PROXIES", "127.0.0.1"),
];

/// Header lines about the body, the body, and which statuses answer both and the request that is behind them.
type Case = (String, String, &'static [u16]);

const REFUSED: &[u16] = &[400];
/// The body ends where both readers must say that it ends, so that what is behind it is a request.
const PIPELINED: &[u16] = &[200, 404];
/// The body is run; what is behind it isn't looked at.
const CLOSED: &[u16] = &[200];

fn lengths() -> Vec<Case> {
    let both = |one: &str, other: &str| format!("Content-Length: {one}\r\nContent-Length: {other}\r\n");
    let mut cases = vec![
        (both("2", "50"), "{}".into(), REFUSED),
        (both("50", "2"), "{}".into(), REFUSED),
        (both("2", "02x"), "{}".into(), REFUSED),
        // RFC 9110 §8.6 lets equal ones count as one.
        (both("2", "2"), "{}".into(), PIPELINED),
    ];
    for bad in
        ["2, 2", "2, 50", "+2", "-2", "0x2", "2;", "1e1", "2 2", "", "two", "18446744073709551616", "2\u{b}", "\u{662}"]
    {
        cases.push((format!("Content-Length: {bad}\r\n"), "{}".into(), REFUSED));
    }
    cases
}

fn encodings() -> Vec<Case> {
    let chunked = || "2\r\n{}\r\n0\r\n\r\n".to_owned();
    let mut cases = Vec::new();
    for bad in [
        "chunked, identity",
        "identity",
        "xchunked",
        "chunked x",
        "chunked,",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding: identity",
        "chunked\u{0}",
        "\u{b}chunked",
        "\r\n chunked",
        "",
    ] {
        cases.push((format!("Transfer-Encoding: {bad}\r\n"), chunked(), REFUSED));
        cases.push((format!("Content-Length: 2\r\nTransfer-Encoding: {bad}\r\n"), "{}".into(), REFUSED));
    }
    for name in [
        "Transfer-Encoding ",
        " Transfer-Encoding",
        "Transfer-Encoding\t",
        "Transfer\u{0}Encoding",
        "Transfer Encoding",
    ] {
        cases.push((format!("{name}: chunked\r\n"), chunked(), REFUSED));
    }
    let (length, encoding) = ("Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n");
    for lines in [
        format!("{length}{encoding}"),
        format!("{encoding}{length}"),
        format!("{encoding}Content-Length: 50\r\n"),
        format!("{encoding}{encoding}{length}"),
        format!("Transfer-Encoding: CHUNKED\r\n{length}"),
    ] {
        cases.push((lines, chunked(), CLOSED));
    }
    cases.push((encoding.into(), chunked(), PIPELINED));
    cases.push(("Transfer-Encoding: \t chunked\r\n".into(), chunked(), PIPELINED));
    cases
}

fn chunks() -> Vec<Case> {
    let mut cases = Vec::new();
    for bad in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2 x\r\n{}\r\n0\r\n\r\n",
        "\r\n2\r\n{}\r\n0\r\n\r\n",
        "\n2\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}XX0\r\n\r\n",
        "2\rx{}\r\n0\r\n\r\n",
        "2;x\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nX: a\r\r\n\r\n",
    ] {
        cases.push(("Transfer-Encoding: chunked\r\n".into(), bad.into(), REFUSED));
    }
    let extended = |bytes| format!("2;x={}\r\n{{}}\r\n0\r\n\r\n", "y".repeat(bytes));
    cases.push(("Transfer-Encoding: chunked\r\n".into(), extended(20 << 10), REFUSED));
    cases.push(("Transfer-Encoding: chunked\r\n".into(), extended(10), PIPELINED));
    let trailed = "2\r\n{}\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n";
    cases.push(("Transfer-Encoding: chunked\r\n".into(), trailed.into(), PIPELINED));
    cases
}

fn lines() -> Vec<Case> {
    let bad = [
        "X: a\r\n b\r\n",
        "X: a\r\n\tContent-Length: 50\r\n",
        "X: a\u{0}b\r\n",
        "X: a\rContent-Length: 50\r\n",
        "X\u{0}: a\r\n",
        "X : a\r\n",
        "X\r\n",
        ": a\r\n",
        "X(: a\r\n",
        "\u{e9}: a\r\n",
    ];
    bad.map(|line| (format!("{line}Content-Length: 2\r\n"), "{}".to_owned(), REFUSED)).into()
}

fn corpus() -> Vec<Case> {
    [lengths(), encodings(), chunks(), lines()].concat()
}

/// The request of a case, with another one behind it that asks for `/smuggled-<number>`.
fn attack(portal: &Portal, number: usize, (lines, body, _): &Case) -> String {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n",
        path(&portal.slug),
        portal.token
    );
    let hidden = format!("GET /smuggled-{number} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    format!("{head}Content-Type: application/json\r\n{lines}\r\n{body}{hidden}")
}

fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].parse().unwrap()).collect()
}

/// What is known of a smuggled request: whether the gateway has it in its log. A line is written before its answer.
fn has_run(house: &Installation, number: usize) -> bool {
    house.process().stderr().contains(&format!("/smuggled-{number}\""))
}

async fn scene() -> (Installation, Portal, SocketAddr) {
    let house = Installation::start_with(&SETTINGS);
    let portal = house.portal_of("{ viewer { id } }").await;
    let gateway = house.bootstrap().address("gateway");
    (house, portal, gateway)
}

#[tokio::test]
async fn what_hides_in_a_request_is_never_answered() {
    let (house, portal, gateway) = scene().await;
    let (mut wrong, corpus) = (Vec::new(), corpus());
    for (number, case) in corpus.iter().enumerate() {
        let answer = raw::exchange(gateway, attack(&portal, number, case).as_bytes()).unwrap();
        let (lines, body, expected) = case;
        let (statuses, ran) = (statuses(&answer), has_run(&house, number));
        if statuses != *expected || ran != (*expected == PIPELINED) {
            wrong.push(format!("{number}: {lines:?} {body:.40?}: {statuses:?}, ran: {ran}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    figures("smuggling", &format!("{} requests, directly", corpus.len()));
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn nothing_gets_past_nginx_either() {
    let (house, portal, gateway) = scene().await;
    let nginx = Nginx::before(gateway);
    let (mut wrong, mut through, corpus) = (Vec::new(), 0, corpus());
    for (number, case) in corpus.iter().enumerate() {
        let answer = raw::exchange(nginx.address(), attack(&portal, number, case).as_bytes()).unwrap_or_default();
        // What nginx itself takes for a second request is one by its own right: it leaves out lines that it doesn't
        // understand, and writes the request anew. What it took for a body must not have become one behind it.
        let seen = wait::find(Duration::from_millis(200), || {
            nginx.requests().contains(&format!("GET /smuggled-{number} ")).then_some(())
        });
        if has_run(&house, number) && seen.is_none() {
            wrong.push(format!("{number}: {:?} {:.40?}: {answer}", case.0, case.1));
        }
        through += usize::from(statuses(&answer).first() == Some(&200));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), nginx.complaints());
    assert!(through >= 5, "nginx let only {through} through");
    figures("smuggling", &format!("{} requests, through nginx", corpus.len()));
    let url = format!("http://{}{}", nginx.address(), path(&portal.slug));
    let good = reqwest::Client::new().post(url).bearer_auth(&portal.token).json(&json!({}));
    Answer::of(good).await.data();
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_no_request() {
    let (house, portal, gateway) = scene().await;
    let call = path(&portal.slug);
    for (number, (line, headers, expected)) in [
        ("GET /".to_owned(), "", 200),
        ("POST /no-such-route".to_owned(), "", 404),
        (format!("PUT {call}"), "", 405),
        (format!("POST {call}"), "Content-Type: text/plain\r\n", 415),
        (format!("POST {call}"), "Content-Type: text/plain\r\nExpect: 100-continue\r\n", 415),
        ("OPTIONS *".to_owned(), "", 404),
        ("GET /v2/user".to_owned(), "", 401),
    ]
    .into_iter()
    .enumerate()
    {
        let hidden = format!("GET /smuggled-{} HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000 + number);
        let length = hidden.len();
        let text = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{hidden}");
        let answer = raw::exchange(gateway, text.as_bytes()).unwrap();
        assert_eq!(statuses(&answer), [expected], "{line} {headers}: {answer}");
        assert!(!has_run(&house, 1000 + number), "{line}");
    }
}

#[tokio::test]
async fn request_lines_are_read_in_one_way() {
    let (_house, _, gateway) = scene().await;
    for (line, expected) in [
        ("GET / HTTP/1.1", 200),
        // RFC 9112 §3.2.2: servers must accept it.
        ("GET http://elsewhere.example/ HTTP/1.1", 200),
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        ("GET / x HTTP/1.1", 400),
        ("GET /\u{0} HTTP/1.1", 400),
        ("GET / HTTP/1.2", 400),
        ("GET / HTTP/3.0", 400),
        ("GET / http/1.1", 400),
        ("G ET / HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
    ] {
        let answer =
            raw::exchange(gateway, format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
        assert_eq!(statuses(&answer), [expected], "{line:?}: {answer}");
    }
    let old = raw::exchange(gateway, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").unwrap();
    assert!(old.starts_with("HTTP/1.0 400") || old.starts_with("HTTP/1.1 400"), "{old}");
    let upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    assert_eq!(statuses(&raw::exchange(gateway, upgrade.as_bytes()).unwrap()), [200], "nobody changes the protocol");
}

/// What a request says of its host, and what is answered.
const HOSTS: [(&str, u16); 14] = [
    ("Host: localhost\r\n", 200),
    ("Host: localhost:8080\r\n", 200),
    ("Host: [::1]:8080\r\n", 200),
    ("", 400),
    ("Host: a\r\nHost: b\r\n", 400),
    ("Host: a\r\nX: y\r\nHost: a\r\n", 400),
    ("Host: a\r\nHost:\r\n", 400),
    ("Host: a, b\r\n", 400),
    ("Host: a b\r\n", 400),
    ("Host: a/b\r\n", 400),
    ("Host: a\u{0}\r\n", 400),
    ("Host: user@a\r\n", 400),
    ("Host: a:b\r\n", 400),
    ("Host: \u{e9}\r\n", 400),
];

#[tokio::test]
async fn a_request_is_for_one_host() {
    let (house, portal, gateway) = scene().await;
    let (nginx, call) = (Nginx::before(gateway), path(&portal.slug));
    for (number, (host, expected)) in HOSTS.into_iter().enumerate() {
        let headers = format!("{host}Authorization: Bearer {}\r\nContent-Type: application/json\r\n", portal.token);
        let request = format!("POST {call} HTTP/1.1\r\n{headers}Content-Length: 2\r\n\r\n{{}}");
        let hidden = format!("GET /smuggled-{} HTTP/1.1\r\nHost: localhost\r\n\r\n", 2000 + number);
        let answer = raw::exchange(gateway, format!("{request}{hidden}").as_bytes()).unwrap();
        let statuses = statuses(&answer);
        assert_eq!(statuses.first(), Some(&expected), "{host:?}: {answer}");
        // Who is wrong about that isn't listened to any more.
        assert_eq!(has_run(&house, 2000 + number), expected == 200, "{host:?}: {answer}");
        let answer = raw::exchange(nginx.address(), request.as_bytes()).unwrap();
        // nginx writes the host anew, as far as it understands it.
        let is_one = host.matches("Host:").count() == 1;
        assert!(raw::status(&answer) == 400 || is_one, "through nginx, {host:?}: {answer}");
    }
    let refused = raw::exchange(gateway, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(refused.contains("\"code\":\"ambiguous_host\"") && refused.contains("connection: close"), "{refused}");
    let old = raw::exchange(gateway, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(raw::status(&old), 200, "HTTP/1.0 needn't say: {old}");
}

#[tokio::test]
async fn behind_nginx_a_caller_is_where_it_says() {
    let (house, _, gateway) = scene().await;
    let nginx = Nginx::before(gateway);
    let body =
        json!({"name": suite::unique("behind"), "query": "{ viewer { id } }", "allowed_ip_addresses": "127.0.0.9"});
    let portal = house.portal(body).await;
    let call = async |last: u8, forged: Option<&str>| {
        let client = reqwest::Client::builder().local_address(Some([127, 0, 0, last].into())).build().unwrap();
        let request = client.request(Method::POST, format!("http://{}{}", nginx.address(), path(&portal.slug)));
        let request = request.bearer_auth(&portal.token).json(&json!({}));
        Answer::of(forged.into_iter().fold(request, |request, forged| request.header("X-Forwarded-For", forged)))
            .await
            .status
    };
    assert_eq!((call(9, None).await, call(8, None).await), (200, 403));
    assert_eq!((call(8, Some("127.0.0.9")).await, call(9, Some("127.0.0.8")).await), (403, 200));
}
