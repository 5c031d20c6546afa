//! A database that takes every `NOTIFY` and delivers none, as a connection pooler may do: what one node changes reaches the
//! other all the same, by the sequence and the change counter, and in the time that is promised.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use suite::{Fleet, PORTALS, count, figures, on_postgres, postgres, wait};

/// Found before PostgreSQL's own by connections that are made from now on.
const SILENCE: &str = "CREATE TABLE hints (channel TEXT); \
    CREATE FUNCTION public.pg_notify(TEXT, TEXT) RETURNS VOID LANGUAGE SQL AS 'INSERT INTO public.hints VALUES ($1)'; \
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$";

#[tokio::test]
async fn what_is_changed_reaches_the_other_node_though_no_notification_does() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let settings = on_postgres(&token, &portal);
    for database in [&token, &portal] {
        database.sql(SILENCE);
    }
    let one = Fleet::with(&settings, |_| {});
    let (_split, two) = one.second(&settings);
    let portal_of_both = one.portal_of("{ viewer { id } }").await;
    let path = format!("{PORTALS}/{}", portal_of_both.slug);
    let (mut edit, mut removal) = (Duration::ZERO, Duration::ZERO);
    for round in 0..count(3, 20) {
        let removed = one.issue(&portal_of_both, "service_tokens", json!({})).await;
        two.call_with(&portal_of_both, &removed.value).await.data();
        let name = format!("round{round}");
        let body = json!({"query": format!("{{ {name}: viewer {{ id }} }}")});
        one.rest(Method::PUT, &path, Some(body)).await.expect(200);
        let acknowledged = Instant::now();
        wait::need_async("the new version to run", Duration::from_secs(10), async || {
            two.call(&portal_of_both, json!({})).await.data().get(&name).map(drop)
        })
        .await;
        edit = edit.max(acknowledged.elapsed());
        one.remove(&portal_of_both, "service_tokens", &removed.uuid, "").await.expect(204);
        let acknowledged = Instant::now();
        wait::need_async("the token to be refused", Duration::from_secs(10), async || {
            (two.call_with(&portal_of_both, &removed.value).await.status == 401).then_some(())
        })
        .await;
        removal = removal.max(acknowledged.elapsed());
    }
    figures("silent notifications", &format!("an edit took {edit:?} at most, a removal {removal:?}"));
    assert!(removal < Duration::from_secs(6), "{removal:?}");
    for (database, channel) in [(&token, "token_revocations"), (&portal, "portal_changes")] {
        let lost = database.sql(&format!("SELECT COUNT(*) FROM hints WHERE channel = '{channel}'"));
        assert_ne!(lost.trim(), "0", "nothing was silenced on {channel}");
    }
}
