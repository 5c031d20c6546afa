//! A scanner reports leaked credentials (S28): they are over, their owners are told, and nobody else can do that.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use kit::credential::{Kind, Plain};
use reqwest::Method;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, Portal, clients, leaks, python, wait};
use tempfile::TempDir;

const ROUTE: &str = "/secret_scanning";
const ID: &str = "bcb53661";

/// Who signs reports.
struct Scanner {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    directory: TempDir,
}

impl Scanner {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).unwrap();
        Self { pair, random, directory: tempfile::tempdir().unwrap() }
    }

    /// What it publishes.
    fn keys(&self) -> String {
        let head = hex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
        let text = BASE64_STANDARD.encode([head.as_slice(), self.pair.public_key().as_ref()].concat());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..]);
        json!({"public_keys": [{"key_identifier": ID, "key": pem, "is_current": true}]}).to_string()
    }

    fn house(&self) -> Installation {
        let file = self.directory.path().join("keys.json");
        fs::write(&file, self.keys()).unwrap();
        let file = file.display().to_string();
        Installation::start_with(&[("GATEWAY_SECRET_SCANNING__KEYS_FILE", file.as_str()), ("RUST_LOG", "trace")])
    }

    fn sign(&self, body: &str) -> String {
        BASE64_STANDARD.encode(self.pair.sign(&self.random, body.as_bytes()).unwrap())
    }

    async fn report(&self, house: &Installation, body: &str) -> Answer {
        send(house, body, Some(ID), Some(&self.sign(body))).await
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

async fn send(house: &Installation, body: &str, id: Option<&str>, signature: Option<&str>) -> Answer {
    let request = house.request(Method::POST, ROUTE).header("content-type", "application/json");
    let headers = [("GITHUB-PUBLIC-KEY-IDENTIFIER", id), ("GITHUB-PUBLIC-KEY-SIGNATURE", signature)];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    Answer::of(request.body(body.to_owned())).await
}

fn finding(token: &str) -> Value {
    json!({"token": token, "type": "portals", "url": format!("https://example.com/{token}#L1"), "source": "content"})
}

fn report_of(tokens: &[&str]) -> String {
    json!(tokens.iter().map(|token| finding(token)).collect::<Vec<_>>()).to_string()
}

fn labels(answer: &Answer) -> Vec<String> {
    let labels = answer.expect(200);
    labels.as_array().unwrap().iter().map(|label| label["label"].as_str().unwrap().to_owned()).collect()
}

fn told(house: &Installation) -> Vec<Value> {
    let rows = "SELECT type, organization_uuid, actor_uuid, subject_uuid, data FROM audit_events \
                WHERE type LIKE '%LEAK_REPORTED' ORDER BY uuid";
    python::sql(&house.file("token.db"), rows)
}

/// Waits as long as the specification allows.
async fn is_over(house: &Installation, portal: &Portal, token: &str) {
    wait::need_async("the token to be refused", Duration::from_secs(6), async || {
        (house.call_with(portal, token).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_credential_that_is_found_is_over_and_its_owner_is_told() {
    let scanner = Scanner::new();
    let house = scanner.house();
    let portal = house.portal_of("{ viewer { id } }").await;
    let kept = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    let ephemeral = house.ephemeral(&portal, &secret).await;
    let user = house.admin().user("leaky");
    let api = house.admin().api_token(&user);
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let session = browser.cookies().remove(0).1;
    let unknown = Plain::token("bk", Kind::Portal, &[9; 32]);
    let tokens = [&portal.token, &secret.value, &api, &session, unknown.expose(), "ghp_xxx", &portal.token];
    let answer = scanner.report(&house, &report_of(&tokens)).await;
    let found = ["true_positive"; 4].into_iter().chain(["false_positive", "false_positive", "true_positive"]);
    assert_eq!(labels(&answer), found.collect::<Vec<_>>());
    assert_eq!(
        (answer.header("cache-control"), answer.json()[0]["token_type"].as_str()),
        (Some("no-store"), Some("portals"))
    );
    assert_eq!(leaks::find(answer.text.as_bytes(), &[("a token", &portal.token)], "the answer"), Vec::<String>::new());
    for token in [&portal.token, &ephemeral] {
        is_over(&house, &portal, token).await;
    }
    house.exchange(&portal, suite::grant(&portal, &secret.value)).await.error_code(401, "invalid_client");
    Answer::of(house.request(Method::GET, "/v2/user").bearer_auth(&api)).await.error(401);
    assert_eq!(browser.get("/console/").await.status, 303, "the session goes on");
    house.call(&kept, json!({})).await.data();
    let told = told(&house);
    let kinds: Vec<_> = told.iter().map(|row| row["type"].as_str().unwrap()).collect();
    let expected = [
        "PORTAL_TOKEN_LEAK_REPORTED",
        "PORTAL_SECRET_LEAK_REPORTED",
        "API_ACCESS_TOKEN_LEAK_REPORTED",
        "USER_SESSION_LEAK_REPORTED",
    ];
    assert_eq!(kinds, expected);
    let data: Value = serde_json::from_str(told[0]["data"].as_str().unwrap()).unwrap();
    let said = json!({"portal_uuid": portal.uuid(), "kind": "service", "source": "content", "url": "https://example.com/(redacted)#L1"});
    assert_eq!((&data, &told[0]["actor_uuid"]), (&said, &Value::Null));
    // Reported once more, nothing more happens: what still has a row is known.
    let again = labels(&scanner.report(&house, &report_of(&tokens[..3])).await);
    assert_eq!(again, ["true_positive", "false_positive", "true_positive"]);
    assert_eq!(self::told(&house), told);
    let secrets = [
        ("the token", portal.token.as_str()),
        ("the secret", &secret.value),
        ("the API token", &api),
        ("noise", unknown.expose()),
    ];
    let log = house.process().stderr();
    assert!(log.contains("leak reported"), "nothing is logged");
    assert_eq!(leaks::find(log.as_bytes(), &secrets, "the log"), Vec::<String>::new());
    assert_eq!(leaks::search(house.data_dir(), &secrets).1, Vec::<String>::new());
}

#[tokio::test]
async fn what_nobody_known_has_signed_does_nothing() {
    let (scanner, other) = (Scanner::new(), Scanner::new());
    let house = scanner.house();
    let portal = house.portal_of("{ viewer { id } }").await;
    let body = report_of(&[&portal.token]);
    let good = scanner.sign(&body);
    let altered = report_of(&["x", &portal.token]);
    let elsewhere = scanner.sign(&altered);
    for (body, id, signature) in [
        (&body, None, None),
        (&body, Some(ID), None),
        (&body, None, Some(good.as_str())),
        (&body, Some("other"), Some(&good)),
        (&altered, Some(ID), Some(&good)),
        (&body, Some(ID), Some(&elsewhere)),
        (&body, Some(ID), Some(&other.sign(&body))),
        (&body, Some(ID), Some("")),
        (&body, Some(ID), Some("AAAA")),
        (&body, Some(ID), Some("not base64")),
    ] {
        send(&house, body, id, signature).await.error_code(403, "unsigned_report");
    }
    house.call(&portal, json!({})).await.data();
    assert_eq!(told(&house), Vec::<Value>::new());
    // The same report as it was signed.
    assert_eq!(labels(&send(&house, &body, Some(ID), Some(&good)).await), ["true_positive"]);
    is_over(&house, &portal, &portal.token).await;
}

#[tokio::test]
async fn reports_are_bounded() {
    let scanner = Scanner::new();
    let house = scanner.house();
    let portal = house.portal_of("{ viewer { id } }").await;
    for body in ["{}", "[1]", "[{}]", "[{\"token\":1}]", "{", &format!("{{\"token\":\"{}\"}}", portal.token)] {
        let error = scanner.report(&house, body).await.error_code(400, "invalid_body");
        assert!(!error.to_string().contains(&portal.token), "{error}");
    }
    let many = vec![json!({"token": "x"}); 1_001];
    scanner.report(&house, &json!(many).to_string()).await.error_code(422, "validation_failed");
    let all = scanner.report(&house, &json!(many[1..]).to_string()).await;
    assert_eq!(labels(&all).len(), 1_000);
    let large = json!([{"token": portal.token, "url": "x".repeat(256 << 10)}]).to_string();
    scanner.report(&house, &large).await.error_code(413, "body_too_large");
    assert_eq!(labels(&scanner.report(&house, "[]").await), Vec::<String>::new());
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn keys_that_are_published_are_fetched_once() {
    let scanner = Scanner::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/meta/public_keys/secret_scanning", listener.local_addr().unwrap());
    let (keys, asked) = (scanner.keys(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 4096]);
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).to_lowercase();
            assert!(
                request.starts_with("get /meta/public_keys/secret_scanning ")
                    && request.contains("user-agent: portals")
            );
            counted.fetch_add(1, Ordering::SeqCst);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", keys.len());
            let _gone = stream.write_all(format!("{head}{keys}").as_bytes());
        }
    });
    let house = Installation::start_with(&[("GATEWAY_SECRET_SCANNING__KEYS_URL", url.as_str())]);
    let portal = house.portal_of("{ viewer { id } }").await;
    assert_eq!(labels(&scanner.report(&house, &report_of(&[&portal.token])).await), ["true_positive"]);
    for _ in 0..5 {
        send(&house, "[]", Some("unknown"), Some("AAAA")).await.error_code(403, "unsigned_report");
        assert_eq!(labels(&scanner.report(&house, "[]").await), Vec::<String>::new());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let closed = suite::raw::free_address();
    let url = format!("http://{closed}/keys");
    let house = Installation::start_with(&[("GATEWAY_SECRET_SCANNING__KEYS_URL", url.as_str())]);
    let answer = scanner.report(&house, "[]").await;
    answer.error_code(503, "scanner_keys_unavailable");
    assert_eq!(answer.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn who_trusts_no_scanner_has_no_such_route() {
    let house = Installation::shared();
    send(&house, "[]", Some(ID), Some("AAAA")).await.error_code(404, "not_found");
    house.request(Method::GET, ROUTE).send().await.map(|answer| assert_eq!(answer.status(), 405)).unwrap();
}

#[tokio::test]
async fn the_published_patterns_find_every_kind_and_no_noise() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    let invokable = house.invokable("{ viewer { id } }").await;
    let code = house.code(&invokable).await.secret;
    let session = Browser::administrator(&house, house.bootstrap()).await.cookies().remove(0).1;
    let own = Plain::token("acme", Kind::Portal, &[3; 32]);
    let api = house.api_token().to_owned();
    let all = [portal.token.as_str(), &secret.value, &code, &session, &api, own.expose()];
    let noise = |token: &str| token.replace('_', "_A");
    let mut lines: Vec<_> = all.iter().map(|token| format!("export TOKEN=\"{token}\"; # {}", noise(token))).collect();
    lines.extend(all.iter().map(|token| format!("{}0", &token[..token.len() - 1]).replace("00", "0")));
    let found = clients::documented("secret-scanning.md", "python", &[], &lines);
    assert_eq!(found[..all.len()], all);
    // One in 62 ends with a zero by right.
    assert!(found.len() <= all.len() + 1, "noise was found");
}
