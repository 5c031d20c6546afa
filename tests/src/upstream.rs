//! A GraphQL API that does with each connection what a test says, good or bad.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Caller, Portal, unique};

/// The first organization's upstreams.
pub const UPSTREAMS: &str = "/v2/organizations/my-organization/upstreams";
/// A good answer.
pub const ANSWER: &str = r#"{"data":{"hello":"world"}}"#;
/// The schema, and the document of portals: a query `Ask` and a mutation `Change`.
pub const SDL: &str = "type Query { hello(name: String): String } type Mutation { change(name: String): String }";
const DOCUMENT: &str =
    "query Ask($name: String) { hello(name: $name) } mutation Change($name: String) { change(name: $name) }";

/// The setting without which nothing on this machine is called.
pub const ALLOWED: (&str, &str) = ("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8");

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    open: AtomicUsize,
    waiting: AtomicUsize,
    left: Mutex<Vec<Instant>>,
    is_over: AtomicBool,
}

/// The API. Each connection has a thread, so that what it sees is seen in time whatever the test does.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Seen>,
}

/// A connection to it.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    seen: Arc<Seen>,
}

impl Upstream {
    /// Serves each connection as `serve` says, and closes it then.
    pub fn start(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Seen>::default());
        let (all, serve) = (Arc::clone(&seen), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if all.is_over.load(Ordering::SeqCst) {
                    return;
                }
                all.open.fetch_add(1, Ordering::SeqCst);
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&all));
                thread::spawn(move || {
                    let mut connection = Connection { stream, seen: Arc::clone(&seen) };
                    serve(&mut connection);
                    drop(connection);
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, seen }
    }

    /// Answers every request with the same bytes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |connection| while connection.request().is_some() && connection.send(&answer) {})
    }

    /// Answers every request well.
    pub fn good() -> Self {
        Self::answering(reply("200 OK", &["content-type: application/json"], ANSWER))
    }

    /// Reads a request, sends `begin`, and waits until the other end has enough.
    pub fn hanging(begin: &'static str) -> Self {
        Self::start(move |connection| {
            connection.request();
            connection.send(begin);
            connection.wait();
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A portal in front of it. `settings` are the upstream's beside its slug, URL and schema, or in their place.
    pub async fn portal(&self, house: &Caller, settings: Value) -> Portal {
        let (slug, url) = (unique("upstream"), format!("http://{}/graphql", self.address));
        let mut body = json!({"slug": slug, "url": url, "schema": {"source": "sdl", "sdl": SDL}});
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        house.rest(Method::POST, UPSTREAMS, Some(body)).await.expect(201);
        house.portal(json!({"name": unique("portal"), "query": DOCUMENT, "upstream": slug})).await
    }

    /// The requests that came, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Connections that wait for their end.
    pub fn waiting(&self) -> usize {
        self.seen.waiting.load(Ordering::SeqCst)
    }

    /// When those ended that waited for it.
    pub fn left(&self) -> Vec<Instant> {
        self.seen.left.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.seen.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Connection {
    /// Reads a request. `None`: the connection ended.
    pub fn request(&mut self) -> Option<String> {
        let (mut request, mut block) = (Vec::new(), [0; 8 << 10]);
        while !is_whole(&request) {
            let read = self.stream.read(&mut block).ok().filter(|read| *read > 0)?;
            request.extend_from_slice(&block[..read]);
        }
        let request = String::from_utf8(request).unwrap();
        self.seen.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Sends bytes. Whether they went out.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends these bytes again and again until the other end has enough.
    pub fn flood(&mut self, bytes: impl AsRef<[u8]>) {
        let block = bytes.as_ref().repeat((64 << 10) / bytes.as_ref().len() + 1);
        while self.send(&block) {}
    }

    /// Waits until the other end is gone, and keeps when that was.
    pub fn wait(&mut self) {
        self.seen.waiting.fetch_add(1, Ordering::SeqCst);
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).is_ok_and(|read| read > 0) {}
        self.seen.left.lock().unwrap().push(Instant::now());
        self.seen.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    request.len() >= head + 4 + length
}

/// A whole HTTP reply.
pub fn reply(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}
