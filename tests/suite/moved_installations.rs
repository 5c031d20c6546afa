//! An installation moves to other databases, of the other engine too, with everything that is in it (`portals admin export`, `import`).

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{
    Browser, Ended, Installation, Issued, Launch, PORTALS, Part, Portal, Split, device::Code, on_postgres, portals,
    postgres,
};

const QUERY: &str = "mutation B($id: ID!) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \"main\"}) { build { number } } }";
const SERVICES: &str = "/v2/organizations/my-organization/services";

/// What callers of an installation hold.
struct Known {
    portal: Portal,
    pipeline: String,
    secret: Issued,
    ephemeral: String,
    user: String,
    pending: Code,
}

async fn fill(house: &Installation, browser: &Browser<'_>) -> Known {
    let hook = json!({"description": "ünï \"quoted\"", "settings": {"url": "https://example.com/hook", "token": "t0ken-of-the-test"}});
    house.rest(Method::POST, SERVICES, Some(hook)).await.expect(201);
    let body = json!({"name": suite::unique("moved"), "query": QUERY, "user_invokable": true, "description": "line\nbreak \u{1F600} 'x'"});
    let portal = house.portal(body).await;
    let secret = house.secret(&portal).await;
    let ephemeral = house.ephemeral(&portal, &secret).await;
    let approved = house.code(&portal).await;
    browser.approve(&approved).await;
    let user = house.user_token(&portal, &approved).await;
    let pipeline = house.pipeline_id().await;
    let known = Known { pipeline, secret, ephemeral, user, pending: house.code(&portal).await, portal };
    house.call(&known.portal, json!({"id": known.pipeline})).await.data();
    known
}

/// Everything that callers hold goes on as if nothing had happened.
async fn goes_on(known: &Known, there: &suite::Caller, browser: &Browser<'_>) {
    let Known { portal, pipeline, secret, ephemeral, user, pending } = known;
    let page = &pending.url[pending.url.find("/console/").unwrap()..];
    assert!(browser.open(page).await.text.contains("decision"), "the session is gone");
    for token in [&portal.token, ephemeral, user] {
        let request = there.request(Method::POST, &suite::path(&portal.slug)).bearer_auth(token);
        suite::Answer::of(request.json(&json!({"id": pipeline}))).await.data();
    }
    there.ephemeral(portal, secret).await;
    // Of a code that isn't known it would be told that it expired, or nothing. When it was asked for last moves with it.
    let told = there.poll(portal, pending).await.expect(400)["error"].clone();
    assert!(["authorization_pending", "slow_down"].contains(&told.as_str().unwrap()), "{told}");
    assert_eq!(
        there.get(&format!("{PORTALS}/{}", portal.slug)).await.expect(200)["description"],
        portal.body["description"]
    );
    let hooks = there.get(SERVICES).await.expect(200);
    assert_eq!(hooks["items"][0]["description"], "ünï \"quoted\"", "{hooks:#}");
    let trail = there.get("/v2/organizations/my-organization/audit_events?type=PortalCreatedEvent").await.expect(200);
    assert_eq!(trail["items"][0]["type"], "PortalCreatedEvent", "{trail:#}");
}

fn admin(words: &[&str], file: &Path, environment: &[(String, String)]) -> Ended {
    portals(&[&["admin"], words, &[file.to_str().unwrap()]].concat(), environment)
}

#[track_caller]
fn ok(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[track_caller]
fn refused(ended: &Ended, word: &str) {
    assert!(!ended.status.success() && ended.stderr.contains(word), "{}", ended.stderr);
}

/// The settings of both services on the databases and keys in `data_dir`, but for those that `others` sets.
fn environment(data_dir: &Path, others: &[(String, String)]) -> Vec<(String, String)> {
    let own = [Part::Token, Part::Portal].map(|part| Split::environment_of(data_dir, part)).concat();
    own.into_iter()
        .filter(|(name, _)| others.iter().all(|(other, _)| other != name))
        .chain(others.iter().cloned())
        .collect()
}

/// The rows of each table, whatever database they are in: the built-in API's may be the portal service's.
fn rows(file: &Path) -> BTreeMap<(bool, String), Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let (mut rows, mut place) = (BTreeMap::<_, Vec<_>>::new(), None);
    for line in text.lines().skip(1) {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Some(table) = value["table"].as_str() {
            place = Some((value["of"] == "token", table.to_owned()));
            rows.entry(place.clone().unwrap()).or_default();
        } else if value.is_array() {
            rows.get_mut(place.as_ref().unwrap()).unwrap().push(line.to_owned());
        }
    }
    for rows in rows.values_mut() {
        rows.sort();
    }
    rows
}

/// What isn't in the file.
fn bring_keys(from: &Path, to: &Path) {
    for key in ["token.key", "portal.key"] {
        fs::copy(from.join(key), to.join(key)).unwrap();
    }
}

/// `None` where there is no PostgreSQL server.
fn databases() -> Option<[postgres::Database; 2]> {
    Some([postgres::Database::new()?, postgres::Database::new()?])
}

#[tokio::test]
async fn everything_moves_from_sqlite_to_postgresql_and_back() {
    let Some([token, portal]) = databases() else { return };
    let mut house = Installation::start();
    let caller = (*house).clone();
    let browser = Browser::administrator(&caller, house.bootstrap()).await;
    let known = fill(&house, &browser).await;
    let files = tempfile::tempdir().unwrap();
    let [there, again, back] = ["there", "again", "back"].map(|name| files.path().join(name));
    let data_dir = house.data_dir().to_owned();
    let at = |data_dir: &Path| ["--data-dir".to_owned(), data_dir.display().to_string()];
    let here = at(&data_dir);
    let export = ["export", &here[0], &here[1], "--to"];
    refused(&admin(&export, &there, &[]), "is running");
    ok(&admin(&["export", "--live", &here[0], &here[1], "--to"], &again, &[]));
    fs::remove_file(&again).unwrap();
    assert!(house.stop().success());
    ok(&admin(&export, &there, &[]));
    assert_eq!(fs::metadata(&there).unwrap().permissions().mode() & 0o777, 0o600);
    refused(&admin(&export, &there, &[]), "can't be written");

    let settings = on_postgres(&token, &portal);
    let onto = environment(&data_dir, &settings);
    let cut = files.path().join("cut");
    let whole = fs::read(&there).unwrap();
    fs::write(&cut, &whole[..whole.len() - 40]).unwrap();
    refused(&admin(&["import", "--from"], &cut, &onto), "ends too early");
    ok(&admin(&["import", "--from"], &there, &onto));
    refused(&admin(&["import", "--from"], &there, &onto), "isn't empty");
    ok(&admin(&["export", "--to"], &again, &onto));
    assert_eq!(rows(&again), rows(&there));

    let variables: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut split = Split::start(&data_dir, &variables);
    let moved = split.caller(house.api_token());
    goes_on(&known, &moved, &browser.moved(&moved)).await;
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        assert!(split.stop(part).success());
    }

    let home = tempfile::tempdir().unwrap();
    let home = home.path().join("data");
    let there_again = at(&home);
    let import = ["import", &there_again[0], &there_again[1], "--from"];
    fs::create_dir(&home).unwrap();
    refused(&admin(&import, &again, &[]), "bring the key files first");
    bring_keys(&data_dir, &home);
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    ok(&admin(&["export", "--to"], &back, &onto));
    ok(&admin(&import, &back, &[]));
    for database in ["token.db", "portal.db", "pipelines.db"] {
        assert_eq!(fs::metadata(home.join(database)).unwrap().permissions().mode() & 0o777, 0o600, "{database}");
    }
    fs::remove_file(&again).unwrap();
    ok(&admin(&["export", &there_again[0], &there_again[1], "--to"], &again, &[]));
    assert_eq!(rows(&again), rows(&back));
    fs::copy(data_dir.join("bootstrap.json"), home.join("bootstrap.json")).unwrap();
    let house = Installation::launch(Launch::new(&home));
    goes_on(&known, &house, &browser.moved(&house)).await;
}

#[tokio::test]
async fn a_file_of_another_version_or_for_other_keys_is_refused() {
    let mut house = Installation::start();
    assert!(house.stop().success());
    let files = tempfile::tempdir().unwrap();
    let (file, other) = (files.path().join("file"), files.path().join("other"));
    let data_dir = house.data_dir().display().to_string();
    ok(&admin(&["export", "--data-dir", &data_dir, "--to"], &file, &[]));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&other, text.replacen("m0001_credentials", "m0000_credentials", 1)).unwrap();
    let home = files.path().join("home");
    let mut empty = Installation::launch(Launch::new(&files.path().join("empty")));
    assert!(empty.stop().success());
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    for key in ["token.key", "portal.key"] {
        fs::copy(empty.file(key), home.join(key)).unwrap();
    }
    let home = home.display().to_string();
    let import = ["import", "--data-dir", &home, "--from"];
    refused(&admin(&import, &other, &[]), "another version");
    refused(
        &admin(&["import", "--data-dir", &empty.data_dir().display().to_string(), "--from"], &file, &[]),
        "isn't empty",
    );
    // One that made its keys before: what was imported isn't theirs.
    refused(&admin(&import, &file, &[]), "the key file isn't the one");
}
