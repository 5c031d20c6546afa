//! Nobody reads the log, and calls don't care (R17). What becomes of changes while the audit can't be written: `audit_evasion`,
//! `database_faults`.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;
use suite::{Bootstrap, Caller, Launch, PORTALS, metrics, raw, wait};

/// A process whose standard error is a pipe that nobody reads. Killed when dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // All that it says: a pipe takes 64 KiB.
    let launch = Launch::new(&directory.path().join("data")).set("RUST_LOG", "trace");
    let mut command = launch.command();
    let _process = Unread(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let bootstrap = wait::need("the installation to be ready", Duration::from_mins(1), || {
        let bootstrap = Bootstrap::read(launch.data_dir())?;
        (raw::get(bootstrap.address("admin"), "/readyz")? == 200
            && raw::get(bootstrap.address("gateway"), "/").is_some())
        .then_some(bootstrap)
    });
    let house = Caller::of(bootstrap.text("gateway"), bootstrap.text("api_access_token"));
    let portal = house.portal_of("{ viewer { id } }").await;
    let dropped = || metrics::total(bootstrap.address("admin"), "portals_log_lines_dropped_total");
    wait::need_async("lines to be dropped", Duration::from_mins(2), async || {
        let calls = (0..50).map(|_| house.calling(&portal).json(&json!({})));
        for answer in suite::all_at_once(calls).await {
            answer.data();
        }
        (dropped() > 0.0).then_some(())
    })
    .await;
    for _ in 0..20 {
        house.call(&portal, json!({})).await.data();
    }
    house
        .rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(json!({"description": "changed"})))
        .await
        .expect(200);
}
