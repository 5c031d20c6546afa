//! Root keys: put in another's place under load, retired when nothing needs them, refused when they are wrong (S26).

use std::{fs, time::Duration};

use serde_json::json;
use suite::{Browser, Installation, Launch, Load, Portal, count, grant, path, wait, wire};

const QUERY: &str = "{ viewer { id } }";

/// Runs `rotate-key token` with these words. Gives the id of the old key, which it prints.
#[track_caller]
fn rotate(house: &Installation, words: &[&str]) -> String {
    house.admin().ok(&[&["rotate-key", "token"], words].concat(), "")
}

fn keys(house: &Installation) -> Vec<String> {
    let text = fs::read_to_string(house.file("token.key")).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// The requests that must go on whatever happens to the keys: a call, an exchange, a REST read.
fn requests(house: &Installation, portal: &Portal, secret: &str) -> [Vec<u8>; 3] {
    let [call, rest] = [&portal.token, house.api_token()].map(|token| format!("Authorization: Bearer {token}"));
    let body = grant(portal, secret).to_string();
    [
        wire::post(&path(&portal.slug), &[&call], "{}"),
        wire::post(&format!("{}/tokens", path(&portal.slug)), &[], &body),
        wire::request("GET /v2/user", &[&rest], ""),
    ]
}

#[tokio::test]
async fn a_rotation_under_load_fails_no_request() {
    let house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    house.ephemeral(&portal, &secret).await;
    let requests = requests(&house, &portal, &secret.value);
    let gateway = house.bootstrap().address("gateway");
    let load = Load::start(3, move |number| {
        let (mut wire, request) = (wire::Wire::to(gateway), requests[number].clone());
        move || wire.send(&request).map(|reply| (reply.status, reply.body))
    });
    let before = keys(&house);
    for _ in 0..count(1, 3) {
        let in_use = keys(&house)[0].clone();
        let old = rotate(&house, &[]);
        assert_eq!(old, in_use);
        let [new, kept] = keys(&house).try_into().unwrap();
        assert_ne!(new, old);
        assert_eq!(kept, old);
        // A third key has no place.
        let third = house.admin().run(&["rotate-key", "token"], "");
        assert!(!third.status.success() && third.stderr.contains("retire"), "{}", third.stderr);
        // The load uses its own credentials, which moves them; the rest still needs the old key, or nothing does.
        drop_unused(&house).await;
        let mut said = String::new();
        let retired = wait::find(Duration::from_mins(1), || {
            let ended = house.admin().run(&["rotate-key", "token", "--retire", &old], "");
            said = ended.stderr;
            ended.status.success().then_some(())
        });
        assert!(retired.is_some(), "something needs the old key for good: {said}");
    }
    let done = load.stop();
    assert!(done.len() > 100, "hardly any load: {}", done.len());
    for reply in done {
        let (status, body) = reply.expect("a connection broke");
        assert_eq!(status, 200, "{body}");
    }
    assert_ne!(keys(&house), before);
    assert_eq!(keys(&house).len(), 1);
    house.call(&portal, json!({})).await.data();
    house.ephemeral(&portal, &secret).await;
}

/// Ends the ephemeral tokens that the load makes and nobody uses: they would need the old key until they expire.
async fn drop_unused(house: &Installation) {
    for portal in house.get(&format!("{}?per_page=100", suite::PORTALS)).await.expect(200).as_array().unwrap() {
        let slug = portal["slug"].as_str().unwrap();
        let path = format!("{}/{slug}/revoke_all", suite::PORTALS);
        house.rest(reqwest::Method::POST, &path, None).await.expect(200);
    }
}

#[tokio::test]
async fn retiring_a_key_that_is_needed_is_refused_with_a_number() {
    let house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    let unused = house.secret(&portal).await;
    let old = rotate(&house, &[]);
    let refused = house.admin().run(&["rotate-key", "token", "--retire", &old], "");
    assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
    assert!(refused.stderr.chars().any(|c| c.is_ascii_digit()), "how many isn't said: {}", refused.stderr);
    assert!(refused.stderr.contains("secret"), "what kind isn't said: {}", refused.stderr);
    assert_eq!(keys(&house).len(), 2);
    house.ephemeral(&portal, &unused).await;
    house.call(&portal, json!({})).await.data();
    house.get("/v2/user").await.expect(200);
    let in_use = house.admin().run(&["rotate-key", "token", "--retire", &keys(&house)[0]], "");
    assert!(!in_use.status.success(), "the key in use was retired");
}

#[tokio::test]
async fn everything_made_before_a_rotation_still_works_after_a_restart() {
    let mut house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let token = house.ephemeral(&portal, &secret).await;
    let browser_cookies = {
        let browser = Browser::administrator(&house, house.bootstrap()).await;
        browser.cookies()
    };
    rotate(&house, &[]);
    house.restart();
    house.call_with(&portal, &token).await.data();
    house.call(&portal, json!({})).await.data();
    house.ephemeral(&portal, &secret).await;
    house.get("/v2/user").await.expect(200);
    let (name, value) = &browser_cookies[0];
    let request = house.request(reqwest::Method::GET, "/console/").header("Cookie", format!("{name}={value}"));
    assert_eq!(suite::Answer::of(request).await.status, 200);
}

#[tokio::test]
async fn the_portal_service_s_key_is_rotated_with_a_restart() {
    let mut house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    let old = house.admin().ok(&["rotate-key", "portal"], "");
    house.restart();
    house.call(&portal, json!({})).await.data();
    house.admin().ok(&["rotate-key", "portal", "--retire", &old], "");
    house.restart();
    house.call(&portal, json!({})).await.data();
}

#[test]
fn a_wrong_key_file_is_refused_at_start_for_either_service() {
    for (file, part) in [("token.key", "token"), ("portal.key", "portal")] {
        let directory = tempfile::tempdir().unwrap();
        let launch = Launch::new(&directory.path().join("data"));
        assert!(Installation::launch(launch.clone()).stop().success());
        let path = launch.data_dir().join(file);
        let right = fs::read_to_string(&path).unwrap();
        let (id, _) = right.trim().split_once(' ').unwrap();
        let other = "5a".repeat(32);
        let wrong = [format!("{id} {other}\n"), format!("k9 {other}\n"), "nonsense\n".to_owned(), String::new()];
        for wrong in wrong {
            fs::write(&path, &wrong).unwrap();
            let ended = launch.run();
            assert!(ended.status.code().is_some_and(|code| code != 0), "{part} started with {wrong:?}");
            assert!(ended.stderr.contains("key") && !ended.stderr.contains("panicked"), "{part}: {}", ended.stderr);
            assert!(!ended.stderr.contains(&other), "the key is shown: {}", ended.stderr);
        }
        fs::write(&path, right).unwrap();
        assert!(Installation::launch(launch).stop().success());
    }
}

#[tokio::test]
async fn a_key_file_that_becomes_nonsense_changes_nothing() {
    let house = Installation::start();
    let portal = house.portal_of(QUERY).await;
    let right = fs::read_to_string(house.file("token.key")).unwrap();
    let strange = format!("k9 {}\n", "5a".repeat(32));
    for wrong in ["nonsense\n", "", &strange] {
        fs::write(house.file("token.key"), wrong).unwrap();
        let said = house.process().stderr().len();
        wait::need("a word about it in the log", Duration::from_secs(10), || {
            house.process().stderr()[said..].to_lowercase().contains("key").then_some(())
        });
        house.call(&portal, json!({})).await.data();
        house.portal_of(QUERY).await;
    }
    fs::write(house.file("token.key"), right).unwrap();
}
