//! Slow, silent, greedy and parting clients.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use http::Request;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use super::{CALL, World, code, header, rest_of, script::Plan};

const SHORT: Duration = Duration::from_millis(300);

pub(super) fn gated() -> (Arc<Semaphore>, Plan) {
    let gate = Arc::new(Semaphore::new(0));
    (Arc::clone(&gate), Plan { gate: Some(gate), result: "{}", ..Plan::default() })
}

#[tokio::test]
async fn slow_headers_and_silence_end_a_connection() {
    let world = World::with(|config| config.limits.header_timeout = SHORT).await;
    for begun in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let answer = world.raw(begun).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{begun:?} {answer}");
    }
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(preface.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "an http/2 connection without a request stays open");
}

#[tokio::test]
async fn a_kept_connection_ends_when_it_is_silent() {
    let world = World::with(|config| config.limits.header_timeout = SHORT).await;
    let answer = world.raw("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let world = World::with(|config| config.limits.body_timeout = SHORT).await;
    let answer = world
        .raw(&format!(
            "POST {CALL} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{{"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"code\":\"body_timeout\""), "{answer}");
}

#[tokio::test]
async fn headers_are_bounded() {
    let world = World::new().await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(16 << 10));
    assert!(world.raw(&large).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(101));
    assert!(world.raw(&many).await.starts_with("HTTP/1.1 431"));
    let fine = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(15 << 10));
    assert!(world.raw(&fine).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_request_too_many_is_a_503() {
    let world = World::with(|config| config.limits.in_flight = 1).await;
    let (gate, plan) = gated();
    world.script.plan(plan);
    let (first, ()) = tokio::join!(world.send("POST", CALL, ""), async {
        world.script.was_asked(1).await;
        let second = world.send("POST", CALL, "").await;
        assert_eq!(header(&second, "retry-after"), Some("1"));
        assert_eq!(code(second).await, (503, "overloaded".into()));
        gate.add_permits(2);
    });
    assert_eq!(first.status(), 200);
    assert_eq!(world.send("POST", CALL, "").await.status(), 200);
}

#[tokio::test]
async fn slow_bodies_take_nobodys_place() {
    let world = World::with(|config| config.limits.in_flight = 1).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let head = format!(
            "POST {CALL} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\ncontent-type: application/json\r\n\
             content-length: 2\r\nconnection: close\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(world.send("POST", CALL, "{}").await.status(), 200);
    for stream in &mut slow {
        stream.write_all(b"}").await.unwrap();
        assert!(rest_of(stream).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn connections_over_the_cap_wait_their_turn() {
    let world = World::with(|config| config.limits.connections = 1).await;
    let get = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let (gate, plan) = gated();
    world.script.plan(plan);
    let held = format!("POST {CALL} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\nconnection: close\r\n\r\n");
    let waiting = async {
        world.script.was_asked(1).await;
        let mut second = TcpStream::connect(world.address).await.unwrap();
        second.write_all(get.as_bytes()).await.unwrap();
        let early = tokio::time::timeout(SHORT, second.read_u8()).await;
        assert!(early.is_err(), "the second connection is answered while the first is held");
        gate.add_permits(1);
        rest_of(&mut second).await
    };
    let (first, second) = tokio::join!(world.raw(&held), waiting);
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    assert!(second.starts_with("TTP/1.1 200") || second.starts_with("HTTP/1.1 200"), "{second}");
}

#[tokio::test]
async fn a_stop_finishes_what_has_begun() {
    let world = World::new().await;
    let (gate, plan) = gated();
    world.script.plan(plan);
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    let (answer, ended, ()) = tokio::join!(
        world.send("POST", CALL, ""),
        async {
            world.script.was_asked(1).await;
            world.tasks.stop(Duration::from_secs(10)).await
        },
        async {
            world.tasks.stopping().cancelled().await;
            // The idle connection is closed although the busy one isn't done.
            assert!(rest_of(&mut idle).await.starts_with("TTP/1.1 200"));
            gate.add_permits(1);
        }
    );
    assert_eq!((answer.status().as_u16(), ended), (200, true));
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_rpc_along() {
    let world = World::with(|config| config.limits.in_flight = 1).await;
    let (_gate, plan) = gated();
    world.script.plan(plan);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!("POST {CALL} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    world.script.was_asked(1).await;
    drop(stream);
    world.script.plan(Plan::default());
    let freed = async { while world.send("POST", CALL, "").await.status() == 503 {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.expect("the place is never free again");
}

#[tokio::test]
async fn http_2_is_spoken_and_stops_as_gracefully() {
    let world = World::new().await;
    let (gate, plan) = gated();
    world.script.plan(plan);
    let stream = TcpStream::connect(world.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    let request = |path: &str| {
        let request = Request::post(format!("http://{}{path}", world.address)).header("authorization", "x");
        request.body(Body::empty()).unwrap()
    };
    let (call, unknown) = (send.send_request(request(CALL)), send.send_request(request("/x")));
    let (call, ended, closed) = tokio::join!(
        call,
        async {
            assert_eq!(unknown.await.unwrap().status(), 404);
            world.script.was_asked(1).await;
            let release = async {
                world.tasks.stopping().cancelled().await;
                gate.add_permits(1);
            };
            tokio::join!(world.tasks.stop(Duration::from_secs(10)), release).0
        },
        connection
    );
    assert_eq!((call.unwrap().status().as_u16(), ended), (200, true));
    drop(closed);
}

#[tokio::test]
async fn http_2_headers_are_bounded() {
    let world = World::new().await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut send, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    let request = Request::get(format!("http://{}/", world.address)).header("x", "y".repeat(20 << 10));
    let answer = send.send_request(request.body(Body::empty()).unwrap());
    let answer = async {
        let answer = answer.await;
        drop(send);
        answer
    };
    let (answer, _) = tokio::join!(answer, connection);
    assert!(answer.map_or(true, |answer| answer.status() == 431));
}
