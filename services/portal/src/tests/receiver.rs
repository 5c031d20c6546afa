//! A receiver of webhooks.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use kit::boot::Tasks;
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::api;

/// A receiver that keeps what it is sent and answers what it is told.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    port: u16,
    _tasks: Tasks,
}

struct Shared {
    answer: Mutex<(String, String)>,
    gate: Semaphore,
    owed: AtomicUsize,
    letters: Mutex<Vec<Letter>>,
}

/// What came.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    head: String,
    pub(super) body: String,
}

impl Letter {
    /// The header of that name, in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            answer: Mutex::new(("200 OK".to_owned(), "thanks".to_owned())),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            owed: AtomicUsize::default(),
            letters: Mutex::default(),
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
        format!("http://127.0.0.1:{}/hook?q=1", self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// What it answers from now on: the status with its word, and the body.
    pub(super) fn answers(&self, status: &str, body: &str) {
        *self.shared.answer.lock().unwrap() = (status.to_owned(), body.to_owned());
    }

    /// It answers nothing any more.
    pub(super) fn hold(&self) {
        self.shared.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// It announces more than it sends from now on.
    pub(super) fn never_ends(&self) {
        self.shared.owed.store(1, Ordering::SeqCst);
    }

    pub(super) fn letters(&self) -> Vec<Letter> {
        self.shared.letters.lock().unwrap().clone()
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some((head, body)) = api::read(&mut stream, &mut bytes).await {
            self.letters.lock().unwrap().push(Letter { head, body });
            self.gate.acquire().await.unwrap().forget();
            let (status, body) = self.answer.lock().unwrap().clone();
            let length = body.len() + self.owed.load(Ordering::SeqCst);
            let reply =
                format!("HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: {length}\r\n\r\n{body}");
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
