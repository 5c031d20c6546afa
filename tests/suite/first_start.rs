//! The first start makes what is needed; later starts find it; a signal ends it cleanly.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use kit::credential::{Kind, Plain};
use serde_json::json;
use suite::{Bootstrap, Installation, Launch, PORTALS, STOP, raw, wait};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The first command in `text` that begins with `curl`, with its continuation lines.
fn printed_curl(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with("curl "));
    let mut command = lines.next().unwrap_or_else(|| panic!("no curl was printed:\n{text}")).trim().to_owned();
    while let Some(begun) = command.strip_suffix('\\') {
        command = format!("{begun}{}", lines.next().unwrap_or_default().trim());
    }
    command
}

#[test]
fn bootstrap_json_has_every_member_and_only_its_owner_reads_it() {
    let house = Installation::shared();
    assert_eq!(mode(&house.file("bootstrap.json")), 0o600);
    assert_eq!(mode(&house.file("auth.header")), 0o600);
    let expected =
        ["admin", "api_access_token", "email", "gateway", "organization", "password", "portal_grpc", "token_grpc"];
    assert_eq!(house.bootstrap().members(), expected);
    assert_eq!(house.bootstrap().text("organization"), "my-organization");
    assert!(house.bootstrap().text("email").contains('@'));
    assert!(house.bootstrap().text("password").len() >= 16);
    assert_eq!(Plain::parse(house.api_token()).unwrap().kind(), Kind::Api);
    for member in ["gateway", "admin", "token_grpc", "portal_grpc"] {
        assert!(house.bootstrap().address(member).ip().is_loopback(), "{member}");
    }
}

#[test]
fn auth_header_is_a_header_that_curl_takes() {
    let house = Installation::shared();
    let header = fs::read_to_string(house.file("auth.header")).unwrap();
    assert_eq!(header.trim_end(), format!("Authorization: Bearer {}", house.api_token()));
}

#[test]
fn the_data_directory_and_everything_in_it_are_their_owner_s_only() {
    let directory = tempfile::tempdir().unwrap();
    let made_before = directory.path().join("data");
    fs::create_dir(&made_before).unwrap();
    fs::set_permissions(&made_before, fs::Permissions::from_mode(0o755)).unwrap();
    for house in [Installation::start(), Installation::launch(Launch::new(&made_before))] {
        assert_eq!(mode(house.data_dir()), 0o700);
        let files: Vec<_> = fs::read_dir(house.data_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
        for name in ["token.key", "token.db", "token.db-wal", "portal.db", "pipelines.db", "lock", "auth.header"] {
            assert!(files.contains(&house.file(name)), "no {name} among {files:?}");
        }
        for file in files {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}

#[test]
fn the_printed_curl_works_when_pasted_and_nothing_printed_is_a_credential() {
    let house = Installation::start();
    let printed = wait::need("the printed curl", Duration::from_secs(5), || {
        let printed = house.process().stdout();
        printed.contains("curl ").then_some(printed)
    });
    assert!(printed.contains(house.gateway()), "the address isn't printed:\n{printed}");
    let pasted = Command::new("sh").args(["-c", &printed_curl(&printed)]).output().unwrap();
    let body: serde_json::Value = serde_json::from_slice(&pasted.stdout)
        .unwrap_or_else(|error| panic!("{error}: {pasted:?} of {}", printed_curl(&printed)));
    assert!(pasted.status.success());
    assert_eq!(body.get("code"), None, "it answered an error: {body:#}");
    let said = printed + &house.process().stderr();
    for secret in ["api_access_token", "password"] {
        assert!(!said.contains(house.bootstrap().text(secret)), "the {secret} was printed");
    }
    let words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    assert_eq!(words.filter(|word| Plain::parse(word).is_ok()).count(), 0, "a credential was printed");
}

#[test]
fn two_installations_share_no_credential() {
    let (one, other) = (Installation::shared(), Installation::start());
    for member in ["api_access_token", "password"] {
        assert_ne!(one.bootstrap().text(member), other.bootstrap().text(member));
    }
}

#[tokio::test]
async fn a_second_start_finds_everything_again() {
    let mut house = Installation::start();
    let portal = house.portal(json!({"name": "Here to stay", "query": "{ viewer { id } }"})).await;
    let listed = house.get(PORTALS).await.expect(200);
    let (token, password) = (house.api_token().to_owned(), house.bootstrap().text("password").to_owned());
    house.restart();
    assert_eq!((house.api_token(), house.bootstrap().text("password")), (token.as_str(), password.as_str()));
    let mut again = house.get(PORTALS).await.expect(200);
    // The address, and with it the URL, is another free port.
    again[0]["url"] = listed[0]["url"].clone();
    assert_eq!(again, listed);
    assert_eq!(house.call(&portal, json!({})).await.status, 200);
}

#[tokio::test]
async fn the_first_start_makes_an_organization_with_a_pipeline_and_an_administrator() {
    let house = Installation::shared();
    let organizations = house.get("/v2/organizations").await.expect(200);
    assert_eq!(organizations.as_array().map(Vec::len), Some(1));
    assert_eq!(organizations[0]["slug"], "my-organization");
    let user = house.get("/v2/user").await.expect(200);
    assert_eq!(user["email"], house.bootstrap().text("email"));
    let query = "{ pipeline(slug: \"my-organization/my-pipeline\") { slug } }";
    assert_eq!(house.graphql(query, json!({})).await["pipeline"]["slug"], "my-pipeline");
}

#[test]
fn a_deleted_bootstrap_json_is_not_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let address = raw::free_address();
    let launch = Launch::new(&directory.path().join("data")).listen(&address.to_string());
    let mut house = Installation::launch(launch.clone());
    let token = house.api_token().to_owned();
    assert!(house.stop().success());
    let file = house.file("bootstrap.json");
    fs::remove_file(&file).unwrap();
    let mut process = launch.start();
    let header = format!("Authorization: Bearer {token}");
    let request = raw::request("GET /v2/user", &[&header], "");
    wait::need("the gateway to know the token", Duration::from_mins(1), || {
        assert_eq!(process.ended(), None, "{}", process.stderr());
        let answer = raw::exchange(address, &request).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
    process.signal("TERM");
    assert!(process.wait(STOP).success());
    assert!(Bootstrap::read(launch.data_dir()).is_none() && !file.exists());
}

#[test]
fn ctrl_c_and_sigterm_end_it_cleanly_within_five_seconds() {
    let directory = tempfile::tempdir().unwrap();
    for signal in ["INT", "TERM"] {
        let mut house = Installation::launch(Launch::new(&directory.path().join("data")));
        house.process().signal(signal);
        assert_eq!(house.ended().code(), Some(0), "SIG{signal}: {}", house.process().stderr());
    }
}

#[test]
fn a_process_that_says_ready_can_be_stopped_cleanly() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data"));
        let mut process = launch.start();
        wait::need("the first ready", Duration::from_mins(1), || {
            assert_eq!(process.ended(), None, "{}", process.stderr());
            let admin = Bootstrap::read(launch.data_dir())?.address("admin");
            (raw::get(admin, "/readyz")? == 200).then_some(())
        });
        process.signal("TERM");
        assert_eq!(process.wait(STOP).code(), Some(0), "killed by the signal, or failed: {}", process.stderr());
    }
}

#[test]
fn the_admin_listener_says_alive_and_ready_and_shows_metrics() {
    let house = Installation::shared();
    let admin = house.bootstrap().address("admin");
    assert_eq!(raw::get(admin, "/healthz"), Some(200));
    assert_eq!(raw::get(admin, "/readyz"), Some(200));
    let metrics = raw::exchange(admin, &raw::request("GET /metrics", &[], "")).unwrap();
    assert!(metrics.contains("# TYPE "), "{metrics}");
}
