//! A GraphQL API of somebody else's, over HTTP.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use apollo_compiler::{
    ExecutableDocument, Schema, introspection::partial_execute, request::coerce_variable_values, response::JsonMap,
};
use kit::boot::Tasks;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// An API that tells its schema, and answers everything else with the same.
pub(super) struct Api {
    shared: Arc<Shared>,
    port: u16,
    _tasks: Tasks,
}

struct Shared {
    sdl: Mutex<String>,
    /// It answers 503.
    is_away: AtomicBool,
    /// How many more requests it answers.
    gate: Semaphore,
    /// Heads of requests, and their bodies.
    requests: Mutex<Vec<(String, String)>>,
}

impl Api {
    pub(super) async fn start(sdl: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            sdl: Mutex::new(sdl.to_owned()),
            is_away: AtomicBool::new(false),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            requests: Mutex::default(),
        });
        let (tasks, serving) = (Tasks::default(), Arc::clone(&shared));
        let spawn = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                spawn.spawn(async move { shared.serve(stream).await });
            }
        });
        Self { shared, port, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/graphql", self.port)
    }

    pub(super) fn has(&self, sdl: &str) {
        sdl.clone_into(&mut self.shared.sdl.lock().unwrap());
    }

    pub(super) fn is_away(&self, away: bool) {
        self.shared.is_away.store(away, Ordering::SeqCst);
    }

    /// It answers nothing until [`Api::release`].
    pub(super) fn hold(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn release(&self) {
        self.shared.gate.add_permits(1_000);
    }

    /// How many requests came.
    pub(super) fn asked(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    /// The head of the last request, in lower case.
    pub(super) fn last_head(&self) -> String {
        self.shared.requests.lock().unwrap().last().unwrap().0.to_lowercase()
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some((head, body)) = read(&mut stream, &mut bytes).await {
            self.requests.lock().unwrap().push((head, body.clone()));
            self.gate.acquire().await.unwrap().forget();
            let (status, answer) = if self.is_away.load(Ordering::SeqCst) {
                ("503 Service Unavailable", "away".to_owned())
            } else {
                ("200 OK", self.answer(&body))
            };
            let length = answer.len();
            let reply = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
            );
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap();
        let query = body["query"].as_str().unwrap();
        if !query.contains("__schema") && !query.contains("__type(") {
            return r#"{"data":{"hello":"world"}}"#.to_owned();
        }
        let schema = Schema::parse_and_validate(self.sdl.lock().unwrap().as_str(), "schema.graphql").unwrap();
        let document = ExecutableDocument::parse_and_validate(&schema, query, "query.graphql").unwrap();
        let operation = document.operations.get(None).unwrap();
        let variables = coerce_variable_values(&schema, operation, &JsonMap::new()).unwrap();
        let response = partial_execute(&schema, &schema.implementers_map(), &document, operation, &variables).unwrap();
        serde_json::to_string(&response).unwrap()
    }
}

/// The head of a request and its body. `None`: the connection ended.
pub(super) async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
            });
            let whole = end + 4 + length.unwrap_or_default();
            if bytes.len() >= whole {
                let body = String::from_utf8(bytes[end + 4..whole].to_vec()).unwrap();
                bytes.drain(..whole);
                return Some((head, body));
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
