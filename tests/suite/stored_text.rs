//! An upstream sees the selected operation of the stored document, and nothing of the caller but coerced variables (S17).

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method as Verb, Uri},
};
use kit::boot::Tasks;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};
use suite::{Installation, Portal, count};
use tokio::net::TcpListener;

const SDL: &str = "
    type Query { item(id: ID!, in: In, note: String): Item }
    type Mutation { change(in: In!): Item }
    type Item { id: ID!  name(long: Boolean): String  parts: [Item!] }
    input In { id: ID!  name: String  any: Any  more: [In!] }
    scalar Any
";
const READ: &str = r##"query Read($id: ID!, $note: String = "n, \"#\" { } ", $in: In) { item(id: $id, in: $in, note: $note) { ...Both } }"##;
const CHANGE: &str = "mutation Change($in: In!) { change(in: $in) @include(if: true) { id ...Both } }";
/// What is left of an operation whose last variable isn't used.
const PLAIN: (&str, &str) = (
    "query Plain($id: ID!, $unused: [In!]) { item(id: $id) { id } }",
    "query Plain($id: ID!) { item(id: $id) { id } }",
);
const BOTH: &str = "fragment Both on Item { id name(long: true) ...Parts }";
const PARTS: &str = "fragment Parts on Item { parts { id ... on Item { name } } }";
/// What only callers write.
const CANARY: &str = "canary";
/// The headers of a call: HTTP's, GraphQL's and the upstream's own.
const OWN: [&str; 7] = ["accept", "accept-encoding", "content-length", "content-type", "host", "user-agent", "x-key"];
/// Those that our own trace may add; the caller's doesn't go on.
const OF_TRACES: [&str; 2] = ["traceparent", "tracestate"];

/// One request, as it came.
struct Seen {
    line: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A GraphQL API that keeps what it was sent.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    async fn start() -> (Self, SocketAddr) {
        let recorder = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let keep = |State(Self(seen)): State<Self>, verb: Verb, uri: Uri, headers: HeaderMap, body: Bytes| async move {
            seen.lock().unwrap().push(Seen { line: format!("{verb} {uri}"), headers, body });
            ([("content-type", "application/json")], r#"{"data":null}"#)
        };
        let routes = Router::new().fallback(keep).with_state(recorder.clone());
        Tasks::default().spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (recorder, address)
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn of<T: Clone>(&mut self, some: &[T]) -> T {
        some[self.below(some.len())].clone()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => json!("i1"),
            1 => json!(self.below(1 << 20)),
            2 => Value::Null,
            3 => json!(self.below(2) == 0),
            4 => json!("} query Evil { item(id: 1) { id } } #"),
            5 => json!({"id": "i1", "name": "x", "any": {"query": "{ evil }", "n": 1.50}}),
            6 => Value::Array((0..self.below(3)).map(|_| self.value(depth - 1)).collect()),
            7 => json!({"id": self.value(depth - 1), "more": self.value(depth - 1)}),
            _ => json!({"id": self.value(depth - 1), "any": self.value(depth - 1)}),
        }
    }

    /// A body: variables that are declared or aren't, and whatever else callers may try.
    fn body(&mut self) -> Value {
        let mut body = Map::new();
        for name in ["id", "in", "note", "unused"] {
            if self.below(4) > 0 {
                let good = match name {
                    "in" => json!({"id": "i1"}),
                    "unused" => json!([{"id": "i1"}]),
                    _ => json!("i1"),
                };
                let value = if self.below(2) == 0 { good } else { self.value(3) };
                body.insert(name.to_owned(), value);
            }
        }
        for name in ["query", "operationName", "extensions", "variables", "operation_name", "evil"] {
            if self.below(4) == 0 {
                body.insert(name.to_owned(), json!(format!("{CANARY} {{ item }} {}", self.below(1 << 20))));
            }
        }
        match self.below(40) {
            0 => json!([{"query": CANARY}, body]),
            1 => json!(CANARY),
            _ => Value::Object(body),
        }
    }
}

/// The tokens of a document (GraphQL specification, §2.1), strings whole.
fn tokens(text: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        let Some(first) = rest.chars().next() else { return tokens };
        let end = match first {
            '"' => {
                let mut escaped = false;
                let close = rest[1..].find(|letter| {
                    let ends = letter == '"' && !escaped;
                    escaped = letter == '\\' && !escaped;
                    ends
                });
                close.unwrap() + 2
            }
            '.' => 3,
            letter if letter.is_alphanumeric() || letter == '_' => {
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
            }
            letter => letter.len_utf8(),
        };
        tokens.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
}

/// What the upstream must have been sent of a call of `operation`.
fn check(seen: &Seen, operation: Option<&str>) {
    assert_eq!(seen.line, "POST /graphql?key=1");
    let text = std::str::from_utf8(&seen.body).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    let body: Map<String, Value> = serde_json::from_str(text).unwrap();
    let mut members: Vec<_> = body.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["operationName", "query", "variables"], "{text}");
    assert_eq!(body["operationName"].as_str(), operation);
    let (expected, declared): (Vec<&str>, &[&str]) = match operation.unwrap() {
        "Read" => (vec![READ, BOTH, PARTS], &["id", "in", "note"]),
        "Change" => (vec![CHANGE, BOTH, PARTS], &["in"]),
        _ => (vec![PLAIN.1], &["id"]),
    };
    let sent = tokens(body["query"].as_str().unwrap());
    let expected: Vec<Vec<_>> = expected.into_iter().map(tokens).collect();
    assert_eq!(sent.len(), expected.iter().map(Vec::len).sum::<usize>(), "{sent:?}");
    assert!(sent.starts_with(&expected[0]), "{sent:?}");
    for part in &expected[1..] {
        assert!(sent.windows(part.len()).any(|window| window == part), "{part:?} in {sent:?}");
    }
    for name in body["variables"].as_object().unwrap().keys() {
        assert!(declared.contains(&name.as_str()), "{name} in {text}");
    }
    let names = seen.headers.keys().map(HeaderName::as_str).filter(|name| !OF_TRACES.contains(name));
    let names: BTreeSet<_> = names.collect();
    assert_eq!(names, BTreeSet::from(OWN), "{:?}", seen.headers);
    let of_the_caller = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(CANARY);
    assert!(!seen.headers.values().any(of_the_caller), "{:?}", seen.headers);
    assert_eq!(seen.headers["x-key"], "the upstream's");
}

/// What callers may send along, and proxies on the way, each with the canary in it: nothing of it is the upstream's business.
fn headers_of_callers() -> HeaderMap {
    [
        "accept",
        "accept-language",
        "cookie",
        "dnt",
        "forwarded",
        "from",
        "graphql-require-preflight",
        "grpc-timeout",
        "origin",
        "portal-user-assertion",
        "proxy-authorization",
        "referer",
        "te",
        "traceparent",
        "tracestate",
        "user-agent",
        "via",
        "x-apollo-operation-name",
        "x-evil",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-key",
        "x-real-ip",
        "x-request-id",
    ]
    .into_iter()
    .map(|name| (HeaderName::from_static(name), HeaderValue::from_static(CANARY)))
    .collect()
}

async fn portal(house: &Installation, address: SocketAddr) -> Portal {
    let upstream = json!({
        "slug": "recorder", "url": format!("http://{address}/graphql?key=1"), "headers": {"x-key": "the upstream's"},
        "schema": {"source": "sdl", "sdl": SDL},
    });
    let made = house.rest(Method::POST, "/v2/organizations/my-organization/upstreams", Some(upstream)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let document = format!("# stored\n{PARTS}\n{CHANGE}\n{}, {BOTH}\n{READ} # end", PLAIN.0);
    house.portal(json!({"name": "Recorded", "query": document, "upstream": "recorder"})).await
}

#[tokio::test]
async fn the_upstream_sees_the_stored_operation_and_no_text_of_the_caller() {
    // Who asks the environment for a proxy reaches no upstream here (S18): nobody listens at the port of `discard`.
    let proxies = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let mut environment: Vec<_> = proxies.map(|name| (name, "http://127.0.0.1:9")).into();
    environment.push(("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8"));
    let house = Installation::start_with(&environment);
    let (recorder, address) = Recorder::start().await;
    let portal = portal(&house, address).await;
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut ran = [0; 3];
    let names = ["Read", "Change", "Plain"];
    for _ in 0..count(600, 10_000) {
        let name = dice.of(&["Read", "Change", "Plain", "Plain", "Evil", ""]);
        // The name ends in further parameters of the query.
        let request = house.calling_named(&portal, &format!("{name}&query={CANARY}&extensions={CANARY}"));
        let request = request.headers(headers_of_callers()).json(&dice.body());
        // A busy machine may cost a lease, and then nothing runs.
        let mut tries = 1;
        let (status, seen) = loop {
            let answer = request.try_clone().unwrap().send().await.unwrap();
            let (status, seen) = (answer.status().as_u16(), recorder.take());
            if status != 503 || !seen.is_empty() || tries == 20 {
                break (status, seen);
            }
            tries += 1;
        };
        if status == 200 {
            assert_eq!(seen.len(), 1, "{name}");
            check(&seen[0], Some(name));
            ran[names.iter().position(|known| *known == name).unwrap()] += 1;
        } else {
            assert!(matches!(status, 400 | 422), "{status}");
            assert!(seen.is_empty(), "{status} although it ran");
        }
    }
    assert!(ran.iter().all(|times| *times > 20), "{ran:?}");
}
