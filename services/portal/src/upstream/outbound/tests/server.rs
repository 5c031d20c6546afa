//! Servers that do what a test says, and the one who calls them.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use kit::boot::Tasks;
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;
use uuid::Uuid;

use super::super::{
    Call, Destination, Failure, Outbound,
    resolver::{Lookup, Names},
};
use crate::{
    CaCertificates, Upstream,
    domain::id::UpstreamId,
    graphql::Kind,
    tests::{HeldClock, held},
};

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const ANSWER: &str = r#"{"data":{"hello":"world"}}"#;

/// A name server that goes through its answers, over and over.
#[derive(Clone)]
pub(super) struct Answers(Arc<(Vec<Vec<IpAddr>>, AtomicUsize)>);

impl Answers {
    pub(super) fn new(answers: &[&[IpAddr]]) -> Self {
        Self(Arc::new((answers.iter().map(|answer| answer.to_vec()).collect(), AtomicUsize::new(0))))
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Names for Answers {
    fn look_up(&self, _: &str) -> Lookup {
        let (answers, asked) = &*self.0;
        let answer = answers[asked.fetch_add(1, Ordering::SeqCst) % answers.len()].clone();
        Box::pin(std::future::ready(Ok(answer)))
    }
}

/// Settings with which this machine may be called.
pub(super) fn settings() -> Upstream {
    Upstream {
        allowed_networks: "127.0.0.0/8".parse().unwrap(),
        connect_timeout: Duration::from_secs(2),
        timeout: Duration::from_secs(20),
        reply_bytes: 1 << 20,
        refresh: None,
        ca_certificates: CaCertificates::default(),
    }
}

/// One who calls this machine, whatever the name.
pub(super) fn outbound() -> Outbound {
    outbound_with(&settings(), &Answers::new(&[&[LOOPBACK]])).1
}

pub(super) fn outbound_with(settings: &Upstream, names: &Answers) -> (Arc<HeldClock>, Outbound) {
    let (clock, ambient) = held();
    (clock, Outbound::with_names(settings, ambient, Arc::new(names.clone())).unwrap())
}

pub(super) fn destination(url: &str) -> Destination {
    let id = UpstreamId(Uuid::from_u128(7));
    Destination { id, url: Url::parse(url).unwrap(), headers: HeaderMap::new(), timeout: None }
}

/// Runs an operation of that kind.
pub(super) async fn run(outbound: &Outbound, to: &Destination, kind: Kind) -> Result<Bytes, Failure> {
    let variables = RawValue::from_string("{}".to_owned()).unwrap();
    let call = Call { document: "{ hello }", operation_name: None, variables: &variables, kind, assertion: None };
    outbound.run(to, call).await
}

pub(super) async fn query(outbound: &Outbound, to: &Destination) -> Result<Bytes, Failure> {
    run(outbound, to, Kind::Query).await
}

/// What a server saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) accepted: AtomicUsize,
    /// Connections that are open.
    pub(super) open: AtomicUsize,
    pub(super) requests: Mutex<Vec<String>>,
}

impl Seen {
    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many requests came.
    pub(super) fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A server of one test's own.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) seen: Arc<Seen>,
}

impl Server {
    /// Serves each connection as `serve` says.
    pub(super) async fn start<F: Future<Output = ()> + Send>(
        serve: impl Fn(Connection) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::start_at((LOOPBACK, 0), serve).await
    }

    pub(super) async fn start_at<F: Future<Output = ()> + Send>(
        address: (IpAddr, u16),
        serve: impl Fn(Connection) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, tasks) = (Arc::<Seen>::default(), Tasks::default());
        let (all, runs) = (Arc::clone(&seen), tasks.clone());
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                all.accepted.fetch_add(1, Ordering::SeqCst);
                all.open.fetch_add(1, Ordering::SeqCst);
                let (serve, seen) = (serve.clone(), Arc::clone(&all));
                runs.spawn(async move {
                    serve(Connection { stream, seen: Arc::clone(&seen) }).await;
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, seen }
    }

    /// Answers every request with the same bytes.
    pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::new(answer.into());
        Self::start(move |mut connection| {
            let answer = Arc::clone(&answer);
            async move {
                while connection.request().await.is_some() {
                    connection.send(answer.as_slice()).await;
                }
            }
        })
        .await
    }

    pub(super) fn destination(&self) -> Destination {
        destination(&format!("http://127.0.0.1:{}/graphql", self.port))
    }
}

/// A connection that a server accepted.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) seen: Arc<Seen>,
}

impl Connection {
    /// Reads a request, head and body. `None`: the connection ended.
    pub(super) async fn request(&mut self) -> Option<String> {
        let mut request = Vec::new();
        while !is_whole(&request) {
            if self.stream.read_buf(&mut request).await.ok()? == 0 {
                return None;
            }
        }
        let request = String::from_utf8(request).unwrap();
        self.seen.requests.lock().unwrap().push(request.clone());
        Some(request)
    }

    /// Sends bytes. Whether they went out.
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Waits until the other end is gone.
    pub(super) async fn ended(&mut self) {
        let mut rest = [0; 1024];
        while self.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|end| end == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    request.len() >= head + 4 + length
}

/// A whole HTTP reply.
pub(super) fn reply(status: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers = headers.iter().fold(String::new(), |mut headers, (name, value)| {
        write!(headers, "{name}: {value}\r\n").unwrap();
        headers
    });
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// A reply with an answer.
pub(super) fn well() -> String {
    reply("200 OK", &[("content-type", "application/json")], ANSWER)
}
