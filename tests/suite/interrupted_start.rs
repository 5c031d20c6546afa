//! A first start that was cut off is finished by the next one.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::json;
use suite::{Bootstrap, Installation, Launch};

/// What a finished first start must have made, whatever came before.
async fn is_whole(house: &Installation) {
    assert_eq!(house.get("/v2/user").await.expect(200)["email"], house.bootstrap().text("email"));
    let organizations = house.get("/v2/organizations").await.expect(200);
    assert_eq!(organizations.as_array().map(Vec::len), Some(1), "{organizations:#}");
    let query = "{ organization(slug: \"my-organization\") { pipelines(first: 5) { edges { node { slug } } } } }";
    let pipelines = &house.graphql(query, json!({})).await["organization"]["pipelines"]["edges"];
    assert_eq!(*pipelines, json!([{"node": {"slug": "my-pipeline"}}]));
    let portal = house.portal_of("{ viewer { id } }").await;
    house.call(&portal, json!({})).await.expect(200);
}

/// When the power is cut.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after the start.
    After(Duration),
    /// As soon as this file of the data directory holds so many bytes: in the middle of what is written there.
    Once(&'static str, u64),
}

/// Starts it for the first time, kills it at `moment`, and expects of the next start that everything is there.
async fn interrupted(moment: Moment) {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let mut process = launch.start();
    match moment {
        // Not a wait for something: the moment is what these tests vary.
        Moment::After(delay) => thread::sleep(delay),
        Moment::Once(file, bytes) => {
            let (file, begun) = (launch.data_dir().join(file), Instant::now());
            // Without a pause: what begins with the file is over in milliseconds.
            while fs::metadata(&file).map_or(0, |data| data.len()) < bytes {
                assert!(begun.elapsed() < Duration::from_mins(1), "{} never came", file.display());
                thread::yield_now();
            }
        }
    }
    process.kill();
    let promised = Bootstrap::read(launch.data_dir());
    let house = Installation::launch(launch);
    is_whole(&house).await;
    if let Some(promised) = promised {
        assert_eq!(house.api_token(), promised.text("api_access_token"), "killed at {moment:?}");
    }
}

#[tokio::test]
async fn a_first_start_that_was_killed_in_the_middle_of_a_step_is_finished_by_the_next() {
    for file in ["token.key", "token.db", "portal.db", "pipelines.db", "bootstrap.json", "auth.header"] {
        interrupted(Moment::Once(file, 1)).await;
    }
    // A table costs a few pages of 4 KiB in the write-ahead log; a schema holds more than 40 000 bytes.
    for log in ["token.db-wal", "portal.db-wal", "pipelines.db-wal"] {
        for bytes in [1, 20_000, 40_000] {
            interrupted(Moment::Once(log, bytes)).await;
        }
    }
}

#[tokio::test]
async fn a_first_start_that_was_killed_at_any_moment_is_finished_by_the_next() {
    let full = std::env::var_os("PORTALS_TEST_FULL").is_some();
    let (rounds, step) = if full { (100, Duration::from_millis(10)) } else { (8, Duration::from_millis(90)) };
    for round in 0..rounds {
        interrupted(Moment::After(step * round)).await;
    }
}

#[tokio::test]
async fn credentials_that_were_written_before_the_rows_are_the_ones_that_count() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let mut house = Installation::launch(launch.clone());
    let before = house.bootstrap().clone();
    assert!(house.stop().success());
    for entry in fs::read_dir(launch.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().contains(".db") {
            fs::remove_file(path).unwrap();
        }
    }
    let house = Installation::launch(launch);
    for member in ["organization", "email", "password", "api_access_token"] {
        assert_eq!(house.bootstrap().text(member), before.text(member));
    }
    is_whole(&house).await;
}
