//! Whoever calls says until when: after that nothing goes on.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use bytes::Bytes;
use contracts::execution::v1::{ExecutePortalRequest, execution_service_client::ExecutionServiceClient};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kit::{
    boot::Tasks,
    grpc::{Listen, Refusal, Served},
};
use tonic::{Code, Status};

use super::{
    recorder::Recorder,
    tokens::{Mood, TOKEN},
    world::{World, everywhere_with, until},
};
use crate::{Config, Service};

const GOOD: &str = r#"{"name":"x"}"#;
const SOON: Duration = Duration::from_millis(200);

fn one_at_a_time(config: &mut Config) {
    config.limits.in_flight_per_portal = 1;
    config.upstream.allowed_networks = "127.0.0.0/8".parse().unwrap();
}

/// Calls the portal with that deadline.
async fn call_until(world: &World, deadline: Duration) -> Status {
    let message = ExecutePortalRequest {
        organization: "acme".into(),
        portal: "hello".into(),
        operation_name: None,
        variables_json: GOOD.into(),
    };
    let mut request = world.request(message);
    request.set_timeout(deadline);
    ExecutionServiceClient::new(world.peer()).execute_portal(request).await.unwrap_err()
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), Refusal::of(status).reason)
}

#[tokio::test]
async fn an_operation_that_takes_longer_than_its_caller_waits_is_given_up() {
    everywhere_with(one_at_a_time, async |world| {
        world.create(|_| {}).await.unwrap();
        world.echo.silent.store(true, Ordering::SeqCst);
        let begun = Instant::now();
        assert_eq!(reason(&call_until(&world, SOON).await), (Code::DeadlineExceeded, "timeout".to_owned()));
        assert!(begun.elapsed() < Duration::from_secs(20), "the upstream had 30 s");
        assert_eq!(world.echo.unanswered.load(Ordering::SeqCst), 1);
        world.echo.silent.store(false, Ordering::SeqCst);
        world.call(GOOD).await.expect("the one place is free again");
    })
    .await;
}

#[tokio::test]
async fn an_upstream_sees_its_callers_leave() {
    everywhere_with(one_at_a_time, async |world| {
        let far = Recorder::upstream_of(&world).await;
        world.create(|portal| portal.upstream = Some("far".into())).await.unwrap();
        far.silent.store(true, Ordering::SeqCst);
        assert_eq!(reason(&call_until(&world, SOON).await), (Code::DeadlineExceeded, "timeout".to_owned()));
        assert_eq!(far.requests().len(), 1);
        until("the connection to end", || far.left.load(Ordering::SeqCst) == 1).await;
        far.silent.store(false, Ordering::SeqCst);
        world.call(GOOD).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn who_has_more_time_than_the_upstream_hears_that_the_upstream_is_late() {
    let settings = |config: &mut Config| {
        one_at_a_time(config);
        config.upstream.timeout = SOON;
    };
    everywhere_with(settings, async |world| {
        let far = Recorder::upstream_of(&world).await;
        far.silent.store(true, Ordering::SeqCst);
        for upstream in [None, Some("far")] {
            let portal = world.create(|portal| {
                portal.upstream = upstream.map(String::from);
                portal.slug = Some(upstream.unwrap_or("near").into());
            });
            portal.await.unwrap();
            // The token is the new portal's now.
            world.leased().await;
            world.tokens.sequence.revoke(TOKEN).await;
            world.echo.silent.store(true, Ordering::SeqCst);
            let status = world.call_at("acme", upstream.unwrap_or("near"), GOOD).await.unwrap_err();
            assert_eq!(reason(&status), (Code::DeadlineExceeded, "upstream_timeout".to_owned()), "{upstream:?}");
        }
    })
    .await;
}

/// A client that doesn't watch the time itself: tonic's own would.
async fn status_over_a_socket(http: &Client<HttpConnector, Full<Bytes>>, url: &str, world: &World) -> String {
    let request = http::Request::post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "50m")
        .header("authorization", world.caller.authorization.as_ref().unwrap().as_bytes())
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .unwrap();
    let response = http.request(request).await.unwrap();
    response.headers().get("grpc-status").map_or_else(String::new, |code| code.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn over_a_socket_too_the_answer_is_that_the_deadline_passed() {
    everywhere_with(one_at_a_time, async |world| {
        world.create(|_| {}).await.unwrap();
        world.tokens.set_mood(Mood::Hangs);
        let tasks = Tasks::default();
        let routes = world.service.routes();
        let listen = Listen { at: "127.0.0.1:0".to_owned(), tls: None };
        let served = Served::start(&tasks, listen, routes, &Service::NAMES, contracts::DESCRIPTORS).await;
        let url = format!("http://{}/portals.execution.v1.ExecutionService/ExecutePortal", served.unwrap().address);
        let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        for _ in 0..20 {
            assert_eq!(status_over_a_socket(&http, &url, &world).await, "4", "DEADLINE_EXCEEDED");
        }
    })
    .await;
}
