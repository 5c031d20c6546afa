//! Disks that are full, files that can't be written, damaged or lost (R7).

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    process::Command,
};

use reqwest::Method;
use serde_json::json;
use suite::{Ended, Installation, Launch, PORTALS, Process, credentials, python, wait};

const QUERY: &str = "{ viewer { id } }";
const DATABASES: [&str; 3] = ["token.db", "portal.db", "pipelines.db"];

/// Lets the process write no file beyond that many bytes; `unlimited`: as it was.
fn limit(process: &Process, bytes: &str) {
    let arguments = [format!("--pid={}", process.id()), format!("--fsize={bytes}:unlimited")];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    assert!(!ended.status.success(), "{ended:#?}");
    for word in words {
        assert!(ended.stderr.contains(word) && !ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

/// A data directory after a first start that ended well, with a portal.
async fn used(directory: &Path) -> (Launch, suite::Portal) {
    let launch = Launch::new(&directory.join("data"));
    let mut house = Installation::launch(launch.clone());
    let portal = house.portal_of(QUERY).await;
    assert!(house.stop().success());
    (launch, portal)
}

#[tokio::test]
async fn a_full_disk_refuses_changes_whole_and_reads_go_on() {
    // The signal that comes with the limit kills, unless it is ignored: then it is an error as any full disk's.
    let directory = tempfile::tempdir().unwrap();
    let house = Installation::launch(Launch::new(&directory.path().join("data")).ignoring("XFSZ"));
    let portal = house.portal_of(QUERY).await;
    let before = house.get(PORTALS).await.expect(200);
    limit(house.process(), "0");
    for _ in 0..3 {
        for answer in [
            house.create(json!({"name": suite::unique("never"), "query": QUERY})).await,
            house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(json!({"description": "never"}))).await,
            house.rest(Method::POST, &credentials(&portal, "secrets"), Some(json!({}))).await,
        ] {
            // 504 where it was the commit that failed.
            assert!([503, 504].contains(&answer.status), "{answer:#?}");
        }
    }
    house.call(&portal, json!({})).await.data();
    assert_eq!(house.get(PORTALS).await.expect(200), before);
    limit(house.process(), "unlimited");
    wait::need_async("changes to be taken again", std::time::Duration::from_secs(30), async || {
        let answer = house.create(json!({"name": suite::unique("again"), "query": QUERY})).await;
        (answer.status == 201).then_some(())
    })
    .await;
    for database in DATABASES {
        assert_eq!(python::sql(&house.file(database), "PRAGMA integrity_check")[0]["integrity_check"], "ok");
    }
    assert_eq!(house.get(PORTALS).await.expect(200).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_refused_at_the_start_or_serves_reads() {
    let directory = tempfile::tempdir().unwrap();
    let (launch, portal) = used(directory.path()).await;
    // Root may write what has no mode for it; this says that the file is to be read only, as a mount can.
    let read_only = |database: &str| format!("sqlite:{}?mode=ro", launch.data_dir().join(database).display());
    // Each start of the token service writes that it has begun.
    refused(&launch.clone().set("TOKEN_DATABASE__URL", &read_only("token.db")).run(), &["database"]);
    let pipelines = format!("sqlite:{}", launch.data_dir().join("pipelines.db").display());
    let others = launch.clone().set("PORTAL_PIPELINES__DATABASE_URL", &pipelines);
    let mut house = Installation::launch(others.set("PORTAL_DATABASE__URL", &read_only("portal.db")));
    house.call(&portal, json!({})).await.data();
    let path = format!("{PORTALS}/{}", portal.slug);
    let before = house.get(&path).await.expect(200);
    let change = json!({"description": "never"});
    house.rest(Method::PUT, &path, Some(change)).await.error_code(503, "database_unavailable");
    assert_eq!(house.get(&path).await.expect(200), before);
    assert!(house.stop().success());
    assert!(Installation::launch(launch).stop().success());
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_alone() {
    for database in DATABASES {
        let directory = tempfile::tempdir().unwrap();
        let (launch, _) = used(directory.path()).await;
        let path = launch.data_dir().join(database);
        let pages = fs::metadata(&path).unwrap().len() / 4096;
        assert!(pages > 8, "{database} has {pages} pages");
        // The head is whole, and the list of tables: what is damaged is the rows.
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for page in pages / 2..pages {
            file.write_all_at(&[0x5a; 4096], page * 4096).unwrap();
        }
        let before = fs::read(&path).unwrap();
        refused(&launch.run(), &["database"]);
        assert!(fs::read(&path).unwrap() == before, "{database} was changed");
    }
}

#[tokio::test]
async fn a_lost_database_is_not_made_anew_while_the_others_are_there() {
    for lost in ["token.db", "portal.db"] {
        let directory = tempfile::tempdir().unwrap();
        let (launch, portal) = used(directory.path()).await;
        let (path, aside) = (launch.data_dir().join(lost), directory.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        refused(&launch.run(), &[lost, "is missing"]);
        assert!(!path.exists(), "{lost} was made anew");
        fs::rename(&aside, &path).unwrap();
        let house = Installation::launch(launch);
        house.call(&portal, json!({})).await.data();
    }
}
