//! How portals are used: counted, written, summed up and shown.

use chrono::TimeDelta;
use contracts::registry::v1::{GetPortalUsageRequest, GetPortalUsageResponse, UsageResolution};
use kit::{
    ambient::Instant,
    grpc::{Refusal, to_timestamp},
};
use prost_types::Timestamp;

use super::world::{World, everywhere, everywhere_with};
use crate::domain::{
    id::PortalId,
    usage::{Cell, KEPT, hour_of},
};

const GOOD: &str = r#"{"name":"x"}"#;

async fn usage(
    world: &World,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<GetPortalUsageResponse, Refusal> {
    let message = GetPortalUsageRequest { organization: "acme".into(), portal: "hello".into(), from, to };
    let reply = world.registry().get_portal_usage(world.request(message)).await;
    reply.map(tonic::Response::into_inner).map_err(|status| Refusal::of(&status))
}

/// What the last day's calls came to.
async fn errors(world: &World) -> (u64, Vec<(String, u64)>) {
    world.service.0.write_usage().await;
    let total = usage(world, None, None).await.unwrap().total.unwrap();
    (total.calls, total.errors.into_iter().map(|error| (error.code, error.calls)).collect())
}

fn now(world: &World) -> Instant {
    world.service.0.ambient.now()
}

async fn portal(world: &World) -> PortalId {
    let organization = crate::domain::id::OrganizationId(world.organization());
    world.service.0.store.find_portal(organization, "hello").await.unwrap().unwrap().id
}

#[tokio::test]
async fn calls_are_counted_by_what_came_of_them() {
    everywhere_with(
        |config| config.limits.requests_per_minute = 4,
        async |mut world| {
            world.create(|_| {}).await.unwrap();
            assert_eq!(errors(&world).await, (0, vec![]));
            world.call(GOOD).await.unwrap();
            world.call(GOOD).await.unwrap();
            assert_eq!(world.refused("{}").await, "validation_failed");
            assert_eq!(errors(&world).await, (3, vec![("validation_failed".to_owned(), 1)]));
            world.call(GOOD).await.unwrap();
            assert_eq!(world.refused(GOOD).await, "rate_limited");
            world.caller.client_ip = None;
            assert_eq!(world.refused(GOOD).await, "ip_not_allowed");
            // Whose token doesn't count called nobody.
            let good = world.caller.authorization.take();
            assert_eq!(world.refused(GOOD).await, "authentication_required");
            world.caller.authorization = good;
            let all = [("ip_not_allowed", 1), ("rate_limited", 1), ("validation_failed", 1)];
            let all = all.map(|(code, calls)| (code.to_owned(), calls)).to_vec();
            assert_eq!(errors(&world).await, (6, all));
            let shown = usage(&world, None, None).await.unwrap();
            assert_eq!(shown.last_called_at, Some(to_timestamp(now(&world))));
            assert_eq!((shown.resolution(), shown.periods.len()), (UsageResolution::Hour, 1));
            assert_eq!(shown.periods[0].at, Some(to_timestamp(hour_of(now(&world)))));
            let total = shown.total.unwrap();
            assert!(total.p50_ms.is_some_and(|p50| p50 > 0.0 && total.p99_ms >= Some(p50)), "{total:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn counts_of_several_processes_add_up() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let (portal, hour) = (portal(&world).await, hour_of(now(&world)));
        let cell = |outcome: &str, bucket, minute| Cell {
            portal,
            hour,
            outcome: outcome.to_owned(),
            bucket,
            calls: 3,
            last_called_at: hour + TimeDelta::minutes(minute),
        };
        let store = &world.service.0.store;
        let first = [cell("ok", 4, 9), cell("upstream_timeout", 18, 1)];
        let second = [cell("upstream_timeout", 18, 5), cell("ok", 4, 2), cell("ok", 5, 2)];
        let (one, other) = tokio::join!(store.add_usage(&first), store.add_usage(&second));
        one.and(other).unwrap();
        assert_eq!(errors(&world).await, (15, vec![("upstream_timeout".to_owned(), 6)]));
        let last = usage(&world, None, None).await.unwrap().last_called_at;
        assert_eq!(last, Some(to_timestamp(hour + TimeDelta::minutes(9))), "the later one, whoever wrote last");
    })
    .await;
}

#[tokio::test]
async fn long_spans_are_shown_by_day_and_what_is_old_is_removed() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let (portal, now) = (portal(&world).await, now(&world));
        let at = |before: TimeDelta| {
            let at = now - before;
            Cell { portal, hour: hour_of(at), outcome: "ok".to_owned(), bucket: 3, calls: 1, last_called_at: at }
        };
        let ages = [
            TimeDelta::zero(),
            TimeDelta::days(20),
            TimeDelta::days(20) - TimeDelta::hours(1),
            KEPT + TimeDelta::hours(2),
        ];
        let store = &world.service.0.store;
        store.add_usage(&ages.map(at)).await.unwrap();
        let from = Some(to_timestamp(now - TimeDelta::days(30)));
        let shown = usage(&world, from, None).await.unwrap();
        let calls: Vec<u64> = shown.periods.iter().map(|period| period.figures.as_ref().unwrap().calls).collect();
        assert_eq!((shown.resolution(), calls), (UsageResolution::Day, vec![2, 1]));
        assert_eq!(world.text("SELECT CAST(COUNT(*) AS TEXT) FROM portal_usage").await, "4");
        store.sweep_usage(now - KEPT).await.unwrap();
        assert_eq!(world.text("SELECT CAST(COUNT(*) AS TEXT) FROM portal_usage").await, "3");
    })
    .await;
}

#[tokio::test]
async fn spans_that_make_no_sense_portals_of_others_and_missing_scopes_are_refused() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        let now = now(&world);
        for (from, to) in [(now, now - TimeDelta::hours(1)), (now - TimeDelta::days(91), now)] {
            let refusal = usage(&world, Some(to_timestamp(from)), Some(to_timestamp(to))).await.unwrap_err();
            assert_eq!((refusal.reason.as_str(), refusal.violations[0].field.as_str()), ("validation_failed", "from"));
        }
        let no_time = Timestamp { seconds: i64::MAX, nanos: 0 };
        assert_eq!(usage(&world, None, Some(no_time)).await.unwrap_err().violations[0].field, "to");
        let message =
            GetPortalUsageRequest { organization: "acme".into(), portal: "no-such".into(), from: None, to: None };
        let refused = world.registry().get_portal_usage(world.request(message)).await.unwrap_err();
        assert_eq!(Refusal::of(&refused).message, "No portal found");
    })
    .await;
}

#[tokio::test]
async fn counts_that_cannot_be_written_wait() {
    everywhere(async |world| {
        world.create(|_| {}).await.unwrap();
        world.call(GOOD).await.unwrap();
        world.sql("ALTER TABLE portal_usage RENAME TO gone").await;
        world.service.0.write_usage().await;
        world.sql("ALTER TABLE gone RENAME TO portal_usage").await;
        assert_eq!(errors(&world).await, (1, vec![]));
    })
    .await;
}
