//! Connections that were refused, over real sockets.

use std::{net::Ipv4Addr, time::Duration};

use axum::body::Body;
use http::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;

use super::{CALL, TOKEN, World, bare, connections::gated, script::Script};
use crate::connection::Connection;

/// More than there are turns on any machine.
const MANY: usize = 300;

#[tokio::test]
async fn refusals_make_a_connection_suspect_and_good_answers_clear_it() {
    let connection = Connection::of(Ipv4Addr::LOCALHOST.into());
    let router = bare(&Script::default());
    let tokens = format!("{CALL}/tokens");
    for (method, path, authorization, status) in [
        ("GET", "/", "", 200),
        ("POST", CALL, "", 401),
        ("GET", "/v2/user", "", 401),
        ("POST", CALL, TOKEN, 200),
        ("GET", "/nowhere", "", 404),
        ("GET", "/", "", 200),
        ("POST", tokens.as_str(), "", 400),
    ] {
        let request = Request::builder().method(method).uri(path).header("host", "x").extension(connection.begin());
        let request = if authorization.is_empty() { request } else { request.header("authorization", authorization) };
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!((answer.status().as_u16(), connection.is_suspect()), (status, status >= 400), "{method} {path}");
    }
    connection.judge(StatusCode::SERVICE_UNAVAILABLE);
    assert!(connection.is_suspect(), "a failure of ours cleared it");
}

/// Reads one answer with a body, and says its status.
async fn status(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = async {
        while !text.ends_with('}') {
            text.push(char::from(stream.read_u8().await.unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("no answer");
    text.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn suspects_that_wait_for_a_service_hold_up_nobody() {
    let world = World::new().await;
    let (gate, plan) = gated();
    world.script.plan(plan);
    let unknown = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n";
    let call = format!("POST {CALL} HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n");
    let mut waiting = Vec::new();
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(unknown.as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, "HTTP/1.1 404 Not Found");
        stream.write_all(call.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    world.script.was_asked(MANY).await;
    let mut other = TcpStream::connect(world.address).await.unwrap();
    for _ in 0..3 {
        other.write_all(unknown.as_bytes()).await.unwrap();
        assert_eq!(status(&mut other).await, "HTTP/1.1 404 Not Found");
    }
    gate.add_permits(MANY);
    for mut stream in waiting {
        assert_eq!(status(&mut stream).await, "HTTP/1.1 200 OK");
    }
}

#[tokio::test]
async fn streams_of_a_suspect_connection_take_turns_without_locking_each_other_out() {
    let world = World::new().await;
    let (gate, plan) = gated();
    world.script.plan(plan);
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let talk = async {
        let mut ask = |path: &str| {
            let request = Request::post(format!("http://{}{path}", world.address)).header("authorization", "x");
            send.send_request(request.body(Body::empty()).unwrap())
        };
        assert_eq!(ask("/nowhere").await.unwrap().status(), 404);
        let waiting: Vec<_> = (0..20).map(|_| ask(CALL)).collect();
        let asked = async {
            world.script.was_asked(20).await;
            assert_eq!(ask("/nowhere").await.unwrap().status(), 404);
            gate.add_permits(20);
        };
        let answers = async {
            let mut statuses = Vec::new();
            for answer in waiting {
                statuses.push(answer.await.unwrap().status());
            }
            statuses
        };
        tokio::join!(answers, asked).0
    };
    let statuses = tokio::select! {
        statuses = tokio::time::timeout(Duration::from_secs(10), talk) => statuses.expect("no answers"),
        _ended = connection => panic!("the connection ended"),
    };
    assert_eq!(statuses, [StatusCode::OK; 20]);
}
