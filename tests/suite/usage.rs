//! How portals are used, as administrators see it.

use std::time::Duration;

use serde_json::{Value, json};
use suite::{Installation, PORTALS, Part, Portal, Split, Upstream, upstream, wait};

const NO_LIMITS: [(&str, &str); 2] =
    [("TOKEN_LIMITS__REST_PER_MINUTE", "0"), ("TOKEN_LIMITS__REST_USER_PER_MINUTE", "0")];

async fn usage(caller: &suite::Caller, portal: &Portal) -> Value {
    caller.get(&format!("{PORTALS}/{}/usage", portal.slug)).await.expect(200)
}

/// Its usage, once so many calls are written down.
async fn counted(caller: &suite::Caller, portal: &Portal, calls: u64) -> Value {
    let look = async || Some(usage(caller, portal).await).filter(|shown| shown["calls"] == calls);
    wait::need_async("calls to be counted", Duration::from_mins(1), look).await
}

#[tokio::test]
async fn what_calls_came_to_is_shown_and_outlives_the_process() {
    let mut house = Installation::start_with(&[upstream::ALLOWED]);
    let upstream = Upstream::answering(upstream::reply(
        "200 OK",
        &["content-type: application/json"],
        r#"{"data":null,"errors":[{"message":"no"}]}"#,
    ));
    let portal = upstream.portal(&house, json!({})).await;
    let never = usage(&house, &portal).await;
    assert_eq!((&never["calls"], &never["last_called_at"], &never["periods"]), (&json!(0), &Value::Null, &json!([])));
    assert_eq!((&never["p50_ms"], &never["errors"], &never["resolution"]), (&Value::Null, &json!({}), &json!("hour")));
    for _ in 0..3 {
        assert_eq!(house.calling_named(&portal, "Ask").send().await.unwrap().status(), 200);
    }
    assert_eq!(house.calling_named(&portal, "Nope").send().await.unwrap().status(), 422);
    // What wasn't written yet is at the stop.
    assert!(house.stop().success());
    let split = Split::start(house.data_dir(), &NO_LIMITS);
    let shown = counted(&split.caller(house.api_token()), &portal, 4).await;
    assert_eq!(shown["errors"], json!({"graphql_errors": 3, "validation_failed": 1}));
    assert_eq!(shown["periods"][0]["errors"], shown["errors"]);
    assert!(shown["p50_ms"].as_f64().unwrap() > 0.0 && shown["last_called_at"].is_string(), "{shown:#}");
    assert_eq!(split.admin(Part::Portal, "/readyz"), Some(200));
}

#[tokio::test]
async fn usage_is_written_while_the_process_runs() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    house.call(&portal, json!({})).await.data();
    counted(&house, &portal, 1).await;
    let refused = house.get(&format!("{PORTALS}/{}/usage?from=2020-01-01T00:00:00Z", portal.slug)).await.error(422);
    assert_eq!(refused["errors"][0]["field"], "from", "{refused}");
    house.get(&format!("{PORTALS}/{}/usage?to=soon", portal.slug)).await.error(400);
    house.get(&format!("{PORTALS}/no-such/usage")).await.error(404);
}
