//! An upstream that keeps what it was sent, and answers unless it is silent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use contracts::registry::v1::{CreateUpstreamRequest, SchemaSource};
use kit::boot::Tasks;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::world::{SDL, World};

const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\r\n\
                      {\"data\":{\"hello\":\"from far\"}}";

#[derive(Clone, Default)]
pub(super) struct Recorder {
    pub(super) silent: Arc<AtomicBool>,
    /// Connections that were closed before they were answered.
    pub(super) left: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    port: u16,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        let (serving, tasks) = (recorder.clone(), Tasks::default());
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                connections.spawn(async move { serving.serve(stream).await });
            }
        });
        recorder
    }

    /// One that is the upstream `far` of that world.
    pub(super) async fn upstream_of(world: &World) -> Self {
        let recorder = Self::start().await;
        let message = CreateUpstreamRequest {
            organization: "acme".into(),
            slug: "far".into(),
            url: recorder.url(),
            schema_source: SchemaSource::Sdl.into(),
            sdl: SDL.into(),
            ..CreateUpstreamRequest::default()
        };
        *world.tokens.scopes.lock().unwrap() = vec!["read_portals", "write_portals", "write_organization_settings"];
        world.registry().create_upstream(world.request(message)).await.unwrap();
        recorder
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn url(&self) -> String {
        format!("{}/graphql?a=b", self.origin())
    }

    /// What it was sent so far, heads and bodies.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut text = Vec::new();
        while stream.read_buf(&mut text).await.is_ok_and(|read| read > 0) {
            let Some(request) = whole(&text) else { continue };
            self.requests.lock().unwrap().push(request);
            text.clear();
            if !self.silent.load(Ordering::SeqCst) && stream.write_all(ANSWER.as_bytes()).await.is_err() {
                return;
            }
        }
        self.left.fetch_add(usize::from(self.silent.load(Ordering::SeqCst)), Ordering::SeqCst);
    }
}

/// A request, once all of it is there.
fn whole(text: &[u8]) -> Option<String> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    (body.len() >= length.unwrap_or(0)).then_some(text)
}
