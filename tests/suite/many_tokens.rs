//! A million live tokens (R16).

use std::time::{Duration, Instant};

use serde_json::json;
use suite::{Installation, Launch, count, figures, full, python, wait};

/// Copies of the portal's own token, with others' tags: live ones, and as many that expired two days ago.
fn copies(live: u32, kind: &str, expires: &str) -> String {
    format!(
        "INSERT INTO portal_tokens (uuid, tag, key_id, last_four, description, created_at, expires_at, organization_uuid, \
         portal_uuid, kind, created_by_uuid, created_by_name, created_by_email, created_by_created_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {live}) \
         SELECT randomblob(16), randomblob(32), key_id, last_four, description, created_at, \
         strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 'now', '{expires}'), organization_uuid, portal_uuid, '{kind}', \
         created_by_uuid, created_by_name, created_by_email, created_by_created_at FROM n, (SELECT * FROM portal_tokens LIMIT 1)"
    )
}

#[tokio::test]
async fn a_start_with_many_tokens_is_ready_soon_and_old_ones_go_in_small_steps() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let mut house = Installation::launch(launch);
    let portal = house.portal_of("{ viewer { id } }").await;
    assert!(house.stop().success());
    let many = count(20_000, 1_000_000);
    let database = house.file("token.db");
    python::sql(&database, &copies(many, "ephemeral", "+1 hour"));
    python::sql(&database, &copies(many / 10, "ephemeral", "-2 days"));
    let begun = Instant::now();
    house.start_again();
    let ready = begun.elapsed();
    house.call(&portal, json!({})).await.data();
    let swept = || house.metric("portals_token_swept_rows_total");
    let mut slowest = Duration::ZERO;
    if full() {
        wait::need_async("expired rows to be swept", Duration::from_mins(10), async || {
            let asked = Instant::now();
            // Writes, and so waits for the sweep's transactions.
            let secret = house.secret(&portal).await;
            house.remove(&portal, "secrets", &secret.uuid, "").await.expect(200);
            slowest = slowest.max(asked.elapsed());
            (swept() >= f64::from(many / 10)).then_some(())
        })
        .await;
        let left = python::sql(&database, "SELECT count(*) AS n FROM portal_tokens");
        assert!(left[0]["n"].as_u64().unwrap() >= u64::from(many), "{left:?}");
    }
    figures(
        "many tokens",
        &format!("{many} live ones: ready after {ready:?}; the slowest write during the sweep took {slowest:?}"),
    );
    let most = if full() { Duration::from_secs(5) } else { Duration::from_secs(25) };
    assert!(ready < most, "{ready:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
