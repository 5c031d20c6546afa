//! TLS, and HTTP/2 over it.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::{Destination, Failure, Outbound},
    server::{ANSWER, Answers, Connection, LOOPBACK, Server, destination, outbound_with, query, run, settings},
};
use crate::{graphql::Kind, tests::until};

const TLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upstream/outbound/tests/tls");

/// What comes before the 32 bytes of an Ed25519 key (RFC 8410 §7). The server's are sevens, so that no key need be kept here;
/// the authority's was thrown away.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

fn acceptor(protocols: &[&str]) -> TlsAcceptor {
    let file = |name: &str| format!("{TLS}/{name}");
    let chain = CertificateDer::pem_file_iter(file("server.pem")).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::Pkcs8([PKCS8.as_slice(), &[7; 32]].concat().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = versions.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config).into()
}

/// One who trusts the authority of the tests.
fn trusting() -> Outbound {
    let mut settings = settings();
    settings.ca_certificates = format!("{TLS}/ca.pem").parse().unwrap();
    outbound_with(&settings, &Answers::new(&[&[LOOPBACK]])).1
}

fn at(server: &Server) -> Destination {
    destination(&format!("https://upstream.test:{}/graphql", server.port))
}

/// What an HTTP/2 server saw.
#[derive(Default)]
struct Streams {
    versions: Mutex<Vec<Version>>,
    /// Requests that are being served.
    open: AtomicUsize,
}

struct Guard(Arc<Streams>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An HTTP/2 server that answers after `delay`, and says GOAWAY after each answer if it is `leaving`.
async fn http2(delay: Duration, leaving: bool) -> (Server, Arc<Streams>) {
    let (streams, acceptor) = (Arc::<Streams>::default(), acceptor(&["h2"]));
    let sees = Arc::clone(&streams);
    let server = Server::start(move |connection| {
        let (acceptor, streams) = (acceptor.clone(), Arc::clone(&sees));
        async move { serve(acceptor, connection, streams, (delay, leaving)).await }
    });
    (server.await, streams)
}

async fn serve(acceptor: TlsAcceptor, connection: Connection, streams: Arc<Streams>, how: (Duration, bool)) {
    let Ok(tls) = acceptor.accept(connection.stream).await else { return };
    let (delay, leaving) = how;
    let answered = Arc::new(tokio::sync::Notify::new());
    let answers = Arc::clone(&answered);
    let service = service_fn(move |request: Request<Incoming>| {
        streams.versions.lock().unwrap().push(request.version());
        streams.open.fetch_add(1, Ordering::SeqCst);
        let (guard, answered) = (Guard(Arc::clone(&streams)), Arc::clone(&answers));
        async move {
            tokio::time::sleep(delay).await;
            drop(guard);
            answered.notify_one();
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(ANSWER))))
        }
    });
    let mut serving =
        std::pin::pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(tls), service));
    if leaving {
        tokio::select! {
            _ = &mut serving => return,
            () = answered.notified() => serving.as_mut().graceful_shutdown(),
        }
    }
    _ = serving.await;
}

#[tokio::test]
async fn http2_is_used_where_it_is_offered_and_its_connection_shared() {
    let (server, streams) = http2(Duration::from_millis(20), false).await;
    let (outbound, to) = (trusting(), at(&server));
    query(&outbound, &to).await.unwrap();
    let outbound = Arc::new(outbound);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (outbound, to) = (Arc::clone(&outbound), to.clone());
        calls.spawn(async move { query(&outbound, &to).await.is_ok() });
    }
    assert!(calls.join_all().await.into_iter().all(|well| well));
    assert!(streams.versions.lock().unwrap().iter().all(|version| *version == Version::HTTP_2));
    assert_eq!(server.seen.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_is_going_away_loses_nothing() {
    let (server, streams) = http2(Duration::ZERO, true).await;
    let outbound = trusting();
    for _ in 0..30 {
        run(&outbound, &at(&server), Kind::Mutation).await.unwrap();
    }
    assert_eq!(streams.versions.lock().unwrap().len(), 30, "each was sent once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_caller_leaves_and_its_neighbours_go_on() {
    let (server, streams) = http2(Duration::from_mins(1), false).await;
    let (outbound, to) = (Arc::new(trusting()), at(&server));
    let neighbour = kit::boot::Tasks::default();
    let (outbound_2, to_2) = (Arc::clone(&outbound), to.clone());
    neighbour.spawn(async move { _ = query(&outbound_2, &to_2).await });
    until("the neighbour is served", || streams.open.load(Ordering::SeqCst) == 1).await;
    let mut took = Vec::new();
    for _ in 0..9 {
        let asked = async {
            while streams.open.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            outcome = query(&outbound, &to) => panic!("{outcome:?}"),
            () = asked => {}
        }
        let left = Instant::now();
        until("the stream is reset", || streams.open.load(Ordering::SeqCst) == 1).await;
        took.push(left.elapsed());
    }
    took.sort_unstable();
    assert!(took[4] < Duration::from_millis(100), "{took:?}");
    assert_eq!(server.seen.accepted(), 1);
}

#[tokio::test]
async fn http1_is_spoken_where_nothing_else_is_offered() {
    for protocols in [&["http/1.1"] as &[&str], &[]] {
        let acceptor = acceptor(protocols);
        let server = Server::start(move |connection| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(tls) = acceptor.accept(connection.stream).await else { return };
                let service = service_fn(|request: Request<Incoming>| async move {
                    assert_eq!(request.version(), Version::HTTP_11);
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(ANSWER))))
                });
                _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
            }
        });
        assert_eq!(query(&trusting(), &at(&server.await)).await.unwrap(), ANSWER);
    }
}

#[tokio::test]
async fn certificates_are_checked() {
    let (server, streams) = http2(Duration::ZERO, false).await;
    let stranger = outbound_with(&settings(), &Answers::new(&[&[LOOPBACK]])).1;
    let misnamed = destination(&format!("https://other.test:{}/", server.port));
    let bare = destination(&format!("https://127.0.0.1:{}/", server.port));
    for (outbound, to) in [(&stranger, &at(&server)), (&trusting(), &misnamed), (&trusting(), &bare)] {
        let outcome = run(outbound, to, Kind::Mutation).await;
        let why = "The GraphQL API can't be reached. Nothing was sent to it".to_owned();
        assert_eq!(outcome, Err(Failure::Unavailable(why)));
    }
    assert!(streams.versions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_handshake_takes_no_longer_than_connecting_may() {
    let server = Server::start(async |mut connection: Connection| connection.ended().await).await;
    let mut settings = settings();
    settings.connect_timeout = Duration::from_millis(150);
    let (_, outbound) = outbound_with(&settings, &Answers::new(&[&[LOOPBACK]]));
    let began = Instant::now();
    assert!(matches!(query(&outbound, &at(&server)).await, Err(Failure::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_file_without_certificates_is_refused() {
    for file in ["encrypted.rs", "nothing.pem"] {
        let refused = format!("{TLS}/../{file}").parse::<crate::CaCertificates>().unwrap_err();
        assert!(refused.contains(file), "{refused}");
    }
}
