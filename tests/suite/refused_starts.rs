//! What keeps it from starting is said in a clear sentence, with a status that isn't success.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use suite::{Ended, Installation, Launch, python};

/// `EX_CONFIG` of sysexits.h.
const BAD_CONFIGURATION: i32 = 78;

/// Fails unless the start was refused with a sentence that holds all `words` (in lower case) and no panic.
#[track_caller]
fn refused(ended: &Ended, words: &[&str]) {
    let said = ended.stderr.to_lowercase();
    assert!(ended.status.code().is_some_and(|code| code != 0), "{ended:#?}");
    assert!(!said.contains("panicked"), "{}", ended.stderr);
    assert_eq!(ended.stdout.trim(), "", "a refused start prints no welcome");
    for word in words {
        assert!(said.contains(word), "nothing about {word:?} in:\n{}", ended.stderr);
    }
}

/// A data directory after a first start that ended well.
fn used(directory: &Path) -> Launch {
    let launch = Launch::new(&directory.join("data"));
    assert!(Installation::launch(launch.clone()).stop().success());
    launch
}

#[test]
fn a_taken_port_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Launch::new(&directory.path().join("data")).listen(&address).run();
    refused(&ended, &[&address, "in use"]);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "in the way").unwrap();
    // Root may write anywhere, so that a mode wouldn't stop it: a file in the place of a directory does.
    for path in [file.join("data"), file.clone()] {
        let ended = Launch::new(&path).run();
        refused(&ended, &[&path.to_string_lossy().to_lowercase()]);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "in the way");
}

#[test]
fn data_of_another_version_is_refused_and_left_alone() {
    for (database, table) in
        [("token.db", "token_migrations"), ("portal.db", "portal_migrations"), ("pipelines.db", "pipelines_migrations")]
    {
        let directory = tempfile::tempdir().unwrap();
        let launch = used(directory.path());
        let file = launch.data_dir().join(database);
        let insert = format!("INSERT INTO {table} (version, applied_at) VALUES ('m9999_from_the_future', 0)");
        python::sql(&file, &insert);
        refused(&launch.run(), &["another version", "m9999_from_the_future"]);
        let rows = python::sql(&file, &format!("SELECT version FROM {table} WHERE version LIKE 'm9999%'"));
        assert_eq!(rows.len(), 1);
    }
}

#[test]
fn another_key_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let launch = used(directory.path());
    let file = launch.data_dir().join("token.key");
    let old = fs::read_to_string(&file).unwrap();
    let (id, _) = old.trim().split_once(' ').unwrap();
    fs::write(&file, format!("{id} {}\n", "5a".repeat(32))).unwrap();
    refused(&launch.run(), &["key"]);
    fs::write(&file, old).unwrap();
    assert!(Installation::launch(launch).stop().success());
}

#[test]
fn a_missing_key_file_is_refused_while_there_is_data() {
    let directory = tempfile::tempdir().unwrap();
    let launch = used(directory.path());
    fs::remove_file(launch.data_dir().join("token.key")).unwrap();
    refused(&launch.run(), &["key"]);
}

#[test]
fn a_missing_key_file_is_refused_while_there_is_data_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = format!("sqlite:{}", directory.path().join("elsewhere.db").display());
    let launch = Launch::new(&directory.path().join("data")).set("TOKEN_DATABASE__URL", &elsewhere);
    assert!(Installation::launch(launch.clone()).stop().success());
    let file = launch.data_dir().join("token.key");
    let old = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    // The second time, too, with the key that the first one made.
    for _ in 0..2 {
        refused(&launch.run(), &["the key file isn't the one that this database was made with"]);
    }
    fs::write(&file, old).unwrap();
    assert!(Installation::launch(launch).stop().success());
}

#[test]
fn service_keys_that_differ_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("service.key");
    fs::write(&file, format!("{}\n", "k".repeat(32))).unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let launch = launch.set("TOKEN_SERVICE__KEY_FILE", file.to_str().unwrap());
    let ended = launch.clone().set("GATEWAY_SERVICE__KEY", &"other".repeat(8)).run();
    refused(&ended, &["token_service__key and gateway_service__key differ"]);
    assert_eq!(ended.status.code(), Some(BAD_CONFIGURATION));
    let same = launch.set("GATEWAY_SERVICE__KEY", &"k".repeat(32));
    assert!(Installation::launch(same).stop().success());
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let launch = used(directory.path());
    let file = launch.data_dir().join("token.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&launch.run(), &["key", "chmod 600"]);
}

#[test]
fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let house = Installation::start();
    let ended = Launch::new(house.data_dir()).run();
    refused(&ended, &[&house.data_dir().to_string_lossy().to_lowercase()]);
    assert_eq!(suite::raw::get(house.bootstrap().address("admin"), "/readyz"), Some(200));
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_every_other_problem() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let launch = launch.set("TOKEN_LIMITS__NO_SUCH", "1").set("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "many");
    let ended = launch.run();
    refused(&ended, &["token_limits__no_such", "portal_limits__requests_per_minute"]);
    assert_eq!(ended.status.code(), Some(BAD_CONFIGURATION));
}

#[test]
fn variables_that_kubernetes_injects_are_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let launch = Launch::new(&directory.path().join("data"));
    let launch = launch.set("PORTAL_SERVICE_HOST", "10.0.0.1").set("TOKEN_PORT_8080_TCP", "tcp://10.0.0.2:8080");
    assert!(Installation::launch(launch).stop().success());
}

#[test]
fn a_database_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let launch = used(directory.path());
    let file = launch.data_dir().join("token.db");
    fs::write(&file, "this is no database, and it is long enough not to be taken for an empty one".repeat(20)).unwrap();
    let before = fs::read(&file).unwrap();
    refused(&launch.run(), &["database"]);
    assert_eq!(fs::read(&file).unwrap(), before);
}
