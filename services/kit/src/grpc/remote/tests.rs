//! Connections are made, spread, ended and made again.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Mutex as Lock,
        atomic::{AtomicBool, AtomicU32},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::rt::Executor as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::Notify};
use tonic::Code;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const READ: &str = "/portals.test.v1.TestService/GetThing";
const WRITE: &str = "/portals.test.v1.TestService/ChangeThing";

/// A process: says its name, and does with requests as it is told.
#[derive(Default)]
struct Process {
    name: String,
    answered: AtomicU32,
    seen: AtomicU32,
    hangs: AtomicBool,
    deadlines: Lock<Vec<Duration>>,
    go: Notify,
    break_off: Notify,
}

impl Process {
    async fn start(name: &str) -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let process = Arc::new(Self { name: name.to_owned(), ..Self::default() });
        let server = Arc::clone(&process);
        TokioExecutor::new().execute(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                TokioExecutor::new().execute(async move { server.serve(stream).await });
            }
        });
        (process, address)
    }

    async fn serve(self: Arc<Self>, stream: tokio::net::TcpStream) {
        let server = Arc::clone(&self);
        let service = hyper::service::service_fn(move |request| Arc::clone(&server).answer(request));
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let mut talk = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut leaving = false;
        loop {
            tokio::select! {
                _ended = talk.as_mut() => return,
                () = self.go.notified(), if !leaving => {}
                () = self.break_off.notified() => return,
            }
            leaving = true;
            talk.as_mut().graceful_shutdown();
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        self.deadlines.lock().unwrap().extend(deadline(request.headers()));
        self.seen.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            let () = std::future::pending().await;
        }
        self.answered.fetch_add(1, Ordering::SeqCst);
        let said = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok(Response::new(Full::new([self.name.as_bytes(), b":", &said].concat().into())))
    }

    fn answered(&self) -> u32 {
        self.answered.load(Ordering::SeqCst)
    }
}

/// Names as a test says.
#[derive(Default)]
struct Said(Lock<HashMap<String, Vec<SocketAddr>>>);

impl Said {
    fn say(&self, host: &str, addresses: &[SocketAddr]) {
        self.0.lock().unwrap().insert(host.to_owned(), addresses.to_vec());
    }
}

#[async_trait::async_trait]
impl Resolve for Said {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.lock().unwrap().get(host).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn remote(address: &str, said: &Arc<Said>) -> Remote {
    let resolver = Arc::clone(said);
    Remote::new(&address.parse().unwrap(), None, resolver, &Tasks::default())
}

fn request(path: &str) -> Request<Body> {
    Request::post(path).body(Body::new(Full::new(Bytes::from_static(b"said")))).unwrap()
}

async fn call(remote: &Remote, path: &str) -> Result<String, Status> {
    let answer = remote.clone().call(request(path)).await.map_err(Status::from_error)?;
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

async fn need(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn calls_are_spread_over_all_that_a_name_leads_to() {
    let ((one, first), (two, second)) = (Process::start("one").await, Process::start("two").await);
    let said = Arc::<Said>::default();
    said.say("part", &[first, second]);
    let remote = remote("http://part:1", &said);
    assert!(["one:said", "two:said"].contains(&call(&remote, WRITE).await.unwrap().as_str()));
    need("both to be connected", async || {
        call(&remote, WRITE).await.unwrap();
        one.answered() > 0 && two.answered() > 0
    })
    .await;
    let before = (one.answered(), two.answered());
    for _ in 0..20 {
        call(&remote, WRITE).await.unwrap();
    }
    assert_eq!((one.answered() - before.0, two.answered() - before.1), (10, 10));
}

#[tokio::test]
async fn hosts_can_be_listed_and_one_that_is_not_there_is_no_matter() {
    let (_, here) = Process::start("here").await;
    let remote = remote(&format!("http://nowhere:1,127.0.0.1:1,{here}"), &Arc::default());
    for _ in 0..10 {
        assert_eq!(call(&remote, WRITE).await.unwrap(), "here:said");
    }
}

#[tokio::test]
async fn who_is_new_is_used_and_who_is_gone_is_not() {
    let ((one, first), (two, second)) = (Process::start("one").await, Process::start("two").await);
    let said = Arc::<Said>::default();
    said.say("part", &[first]);
    let remote = remote("http://part:1", &said);
    assert_eq!(call(&remote, WRITE).await.unwrap(), "one:said");
    said.say("part", &[second]);
    remote.0.look_up_again().await;
    // What was under way on the old connection would be answered there.
    need("the new one to be used", async || call(&remote, WRITE).await.unwrap() == "two:said").await;
    let before = one.answered();
    for _ in 0..10 {
        assert_eq!(call(&remote, WRITE).await.unwrap(), "two:said");
    }
    assert_eq!(one.answered(), before);
    // A name that can't be looked up changes nothing.
    said.0.lock().unwrap().clear();
    remote.0.look_up_again().await;
    assert_eq!(call(&remote, WRITE).await.unwrap(), "two:said");
    assert!(two.answered() > 10);
}

#[tokio::test]
async fn who_replaces_a_process_is_found_as_soon_as_the_old_one_cannot_be_reached() {
    let ((one, first), (_, second)) = (Process::start("one").await, Process::start("two").await);
    let said = Arc::<Said>::default();
    said.say("part", &["127.0.0.1:1".parse().unwrap()]);
    let remote = remote("http://part:1", &said);
    assert_eq!(call(&remote, WRITE).await.unwrap_err().code(), Code::Unavailable);
    said.say("part", &[first]);
    assert_eq!(call(&remote, WRITE).await.unwrap(), "one:said");
    said.say("part", &[second]);
    one.break_off.notify_one();
    // The old one still listens: it is looked up again only when it doesn't, or in time.
    assert!(call(&remote, READ).await.is_ok());
}

#[tokio::test]
async fn no_call_is_lost_when_processes_say_that_they_go() {
    let ((one, first), (two, second)) = (Process::start("one").await, Process::start("two").await);
    let remote = remote(&format!("http://{first},{second}"), &Arc::default());
    for round in 0..100 {
        if round % 10 == 5 {
            one.go.notify_one();
        }
        if round % 10 == 8 {
            two.go.notify_one();
        }
        let calls = (0..8).map(|_| call(&remote, WRITE));
        for answer in join_all(calls).await {
            answer.unwrap();
        }
    }
    assert_eq!(one.answered() + two.answered(), 800, "each exactly once");
}

async fn join_all<T>(calls: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut answers = Vec::new();
    while !calls.is_empty() {
        let (answer, at) = std::future::poll_fn(|cx| {
            let ready = calls.iter_mut().enumerate().find_map(|(at, call)| match call.as_mut().poll(cx) {
                Poll::Ready(answer) => Some((answer, at)),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        drop(calls.swap_remove(at));
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn what_broke_off_is_sent_again_only_if_it_reads() {
    let ((one, first), (two, second)) = (Process::start("one").await, Process::start("two").await);
    for (path, seen) in [(READ, 2), (WRITE, 1)] {
        let before = one.seen.load(Ordering::SeqCst) + two.seen.load(Ordering::SeqCst);
        let remote = remote(&format!("http://{first},{second}"), &Arc::default());
        for process in [&one, &two] {
            process.hangs.store(true, Ordering::SeqCst);
        }
        let breaking = async {
            let total = || one.seen.load(Ordering::SeqCst) + two.seen.load(Ordering::SeqCst) - before;
            need("the call to arrive", async || total() == 1).await;
            for process in [&one, &two] {
                process.hangs.store(false, Ordering::SeqCst);
                process.break_off.notify_waiters();
            }
        };
        let (answer, ()) = tokio::join!(call(&remote, path), breaking);
        assert_eq!(answer.is_ok(), path == READ, "{answer:?}");
        let total = one.seen.load(Ordering::SeqCst) + two.seen.load(Ordering::SeqCst) - before;
        assert_eq!(total, seen, "{path}");
        if let Err(status) = answer {
            assert_ne!(status.code(), Code::Unavailable, "it may have run: {status:?}");
        }
    }
}

#[tokio::test]
async fn a_part_that_is_not_there_is_said_to_be_out_of_reach_at_once() {
    let remote = remote("http://127.0.0.1:1", &Arc::default());
    let status = call(&remote, READ).await.unwrap_err();
    assert_eq!(crate::grpc::Refusal::of(&status).reason, "service_unavailable", "{status:?}");
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_is_given_up() {
    let (one, first) = Process::start("one").await;
    let remote = remote(&format!("http://{first}"), &Arc::default());
    // Connecting takes time of its own.
    call(&remote, READ).await.unwrap();
    one.hangs.store(true, Ordering::SeqCst);
    let mut hanging = request(READ);
    hanging.headers_mut().insert("grpc-timeout", "1S".parse().unwrap());
    let answer = remote.clone().call(hanging).await;
    let status = Status::from_error(answer.err().unwrap());
    assert_eq!(crate::grpc::Refusal::of(&status).reason, "timeout", "{status:?}");
    let deadlines = one.deadlines.lock().unwrap().clone();
    assert!(deadlines.iter().all(|deadline| *deadline <= Duration::from_secs(1)) && deadlines.len() == 1);
}
