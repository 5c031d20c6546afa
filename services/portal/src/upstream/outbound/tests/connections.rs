//! How often an upstream is called, and when it is left alone: retries, the breaker, callers who leave (R9).

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use kit::config::environment;
use tokio::runtime::Handle;

use super::{
    super::{Failure, Outbound, breaker},
    server::{Answers, Connection, LOOPBACK, Server, destination, outbound, outbound_with, query, run, settings, well},
};
use crate::{domain::id::UpstreamId, graphql::Kind, tests::until};

/// A port of this machine at which nobody listens.
async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_query_tries_twice_to_connect_and_a_mutation_once() {
    let to = destination(&format!("http://upstream.test:{}/", closed_port().await));
    for (kind, tries) in [(Kind::Query, 2), (Kind::Mutation, 1)] {
        let names = Answers::new(&[&[LOOPBACK]]);
        let (_, outbound) = outbound_with(&settings(), &names);
        let outcome = run(&outbound, &to, kind).await;
        let why = "The GraphQL API can't be reached. Nothing was sent to it".to_owned();
        assert_eq!((outcome, names.asked()), (Err(Failure::Unavailable(why)), tries));
    }
}

#[tokio::test]
async fn a_connection_that_fails_once_costs_a_query_nothing() {
    let server = Server::answering(well()).await;
    let nobody = "127.0.0.3".parse().unwrap();
    let names = Answers::new(&[&[nobody], &[LOOPBACK]]);
    let (_, outbound) = outbound_with(&settings(), &names);
    let to = destination(&format!("http://upstream.test:{}/", server.port));
    assert!(query(&outbound, &to).await.is_ok());
    assert_eq!(names.asked(), 2);
}

/// Answers `well` so often on a connection, and then reads one request more and closes.
async fn closing_after(well_answered: usize) -> Server {
    Server::start(move |mut connection| async move {
        for _ in 0..well_answered {
            connection.request().await;
            connection.send(well()).await;
        }
        connection.request().await;
    })
    .await
}

#[tokio::test]
async fn a_mutation_whose_bytes_went_out_is_never_sent_again() {
    for answered in [0, 1, 3] {
        let (server, outbound) = (closing_after(answered).await, outbound());
        for _ in 0..answered {
            run(&outbound, &server.destination(), Kind::Mutation).await.unwrap();
        }
        let outcome = run(&outbound, &server.destination(), Kind::Mutation).await;
        assert!(matches!(outcome, Err(Failure::Unavailable(_))), "{outcome:?}");
        assert_eq!(server.seen.asked(), answered + 1);
    }
}

#[tokio::test]
async fn a_query_is_sent_twice_at_most() {
    let (server, outbound) = (closing_after(0).await, outbound());
    assert!(query(&outbound, &server.destination()).await.is_err());
    assert_eq!(server.seen.asked(), 2);
    // The second time on a connection of its own.
    let server = closing_after(1).await;
    for _ in 0..4 {
        query(&outbound, &server.destination()).await.unwrap();
    }
    assert_eq!(server.seen.asked(), 4 + 3);
}

#[tokio::test]
async fn connections_are_used_again() {
    let (server, outbound) = (Server::answering(well()).await, outbound());
    for _ in 0..20 {
        query(&outbound, &server.destination()).await.unwrap();
    }
    assert_eq!(server.seen.accepted(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_harms_no_mutation() {
    let server = Server::start(async |mut connection: Connection| {
        connection.request().await;
        connection.send(well()).await;
    })
    .await;
    let outbound = outbound();
    for answered in 1..20 {
        run(&outbound, &server.destination(), Kind::Mutation).await.unwrap();
        until("the server has closed", || server.seen.open() == 0).await;
        assert_eq!(server.seen.asked(), answered);
        // Let the pool see it: what comes within that instant may fail, and isn't sent again.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_upstream_that_fails_ten_times_is_left_alone_for_five_seconds() {
    let server = Server::start(async |mut connection: Connection| _ = connection.request().await).await;
    let names = Answers::new(&[&[LOOPBACK]]);
    let (clock, outbound) = outbound_with(&settings(), &names);
    let mutate = async || run(&outbound, &server.destination(), Kind::Mutation).await.unwrap_err().to_string();
    for _ in 0..breaker::MOST_FAILURES {
        assert!(mutate().await.contains("broke the connection off"));
    }
    for _ in 0..20 {
        assert!(mutate().await.ends_with("Nothing was sent to it"));
    }
    assert_eq!(server.seen.asked(), 10);
    let mut other = server.destination();
    other.id = UpstreamId(uuid::Uuid::from_u128(9));
    assert!(run(&outbound, &other, Kind::Mutation).await.unwrap_err().to_string().contains("broke"));
    clock.advance(breaker::PAUSE);
    assert!(mutate().await.contains("broke the connection off"));
    assert!(mutate().await.ends_with("Nothing was sent to it"));
    assert_eq!(server.seen.asked(), 12);
}

#[tokio::test]
async fn answers_that_are_none_open_no_breaker() {
    let server = Server::answering(super::server::reply("401 Unauthorized", &[], "{}")).await;
    let outbound = outbound();
    for _ in 0..30 {
        assert_eq!(query(&outbound, &server.destination()).await, Err(Failure::AuthFailed));
    }
}

/// A server that never answers, or never to the end.
async fn endless(begin: &'static str) -> Server {
    Server::start(move |mut connection| async move {
        connection.request().await;
        connection.send(begin).await;
        connection.ended().await;
    })
    .await
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\":";

/// Calls and leaves once `server` has the request.
async fn leave(outbound: &Outbound, server: &Server, kind: Kind) {
    let there = server.seen.asked();
    let asked = async {
        while server.seen.asked() == there {
            tokio::task::yield_now().await;
        }
    };
    let to = server.destination();
    tokio::select! {
        outcome = run(outbound, &to, kind) => panic!("{outcome:?}"),
        () = asked => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_when_its_caller_leaves() {
    let outbound = outbound();
    for begin in ["", HALF] {
        for kind in [Kind::Query, Kind::Mutation] {
            let server = endless(begin).await;
            let mut took = Vec::new();
            for _ in 0..9 {
                leave(&outbound, &server, kind).await;
                let left = Instant::now();
                until("the connection is closed", || server.seen.open() == 0).await;
                took.push(left.elapsed());
            }
            took.sort_unstable();
            assert!(took[4] < Duration::from_millis(100), "{took:?}");
        }
    }
}

#[tokio::test]
async fn callers_who_leave_leave_nothing_behind() {
    let many = if environment().get("PORTALS_TEST_FULL").is_some_and(|full| full == "1") { 10_000 } else { 300 };
    let (outbound, servers) = (outbound(), [endless("").await, endless(HALF).await]);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for n in 0..many {
        let kind = if n % 3 == 0 { Kind::Mutation } else { Kind::Query };
        leave(&outbound, &servers[n % 2], kind).await;
    }
    for server in &servers {
        until("all connections are closed", || server.seen.open() == 0).await;
    }
    until("all tasks have ended", || tasks() <= before + 1).await;
    let requests: usize = servers.iter().map(|server| server.seen.asked()).sum();
    assert_eq!(requests, many, "nothing is sent again for somebody who left");
    assert!(Arc::strong_count(&servers[0].seen) <= 3 && servers[0].seen.accepted.load(Ordering::SeqCst) > 0);
}
