//! A backup that is brought back opens nothing that was ended after it was made and lives for a day at most (R19).

use std::{fs, path::Path, process::Command, time::Duration};

use reqwest::Method;
use serde_json::json;
use suite::{
    Answer, Browser, Caller, Cluster, Fleet, Installation, Issued, Launch, PORTALS, Part, Portal, credentials,
    device::Code, on_postgres, portals, postgres, python, wait,
};

const QUERY: &str = "{ viewer { id } }";

/// What there is when the backup is made.
struct Before {
    portal: Portal,
    secret: Issued,
    ephemeral: String,
    user: String,
    pending: Code,
}

async fn before(house: &Caller, browser: &Browser<'_>) -> Before {
    let portal = house.invokable(QUERY).await;
    let secret = house.secret(&portal).await;
    let ephemeral = house.ephemeral(&portal, &secret).await;
    let approved = house.code(&portal).await;
    browser.approve(&approved).await;
    let user = house.user_token(&portal, &approved).await;
    let pending = house.code(&portal).await;
    Before { portal, secret, ephemeral, user, pending }
}

/// A token that is made after the backup, and the first ephemeral one is removed.
async fn after(house: &Caller, before: &Before) -> String {
    let Before { portal, secret, ephemeral, .. } = before;
    let later = house.ephemeral(portal, secret).await;
    for token in [ephemeral, &later] {
        house.call_with(portal, token).await.data();
    }
    let live = house.get(&credentials(portal, "live_tokens")).await.expect(200);
    let last_four = &ephemeral[ephemeral.len() - 4..];
    let listed = live.as_array().unwrap().iter().find(|token| token["last_four"] == last_four).unwrap();
    house.remove(portal, "live_tokens", listed["uuid"].as_str().unwrap(), "?wait=true").await.expect(204);
    house.call_with(portal, ephemeral).await.error(401);
    later
}

/// What must have ended has, and what lives on does.
async fn is_as_it_must_be(house: &Caller, before: &Before, later: &str, browser: &Browser<'_>) {
    let Before { portal, secret, ephemeral, user, pending } = before;
    // A verifier that goes on may answer from what it kept until its lease runs out.
    wait::need_async("the tokens to be refused", Duration::from_secs(10), async || {
        let answers = [house.call_with(portal, later).await, house.call_with(portal, user).await];
        answers.iter().all(|answer| answer.status == 401).then_some(())
    })
    .await;
    for token in [ephemeral.as_str(), user, later] {
        house.call_with(portal, token).await.error(401);
    }
    house.call_with(portal, &portal.token).await.data();
    let ended = house.poll(portal, pending).await.error(400);
    assert_ne!(ended["error"], "authorization_pending", "{ended:#}");
    let page = &pending.url[pending.url.find("/console/").unwrap()..];
    let page = browser.get(page).await;
    assert!(!page.text.contains("decision"), "the session lives on: {page:#?}");
    let new = house.ephemeral(portal, secret).await;
    house.call_with(portal, &new).await.data();
}

#[tokio::test]
async fn of_sqlite_files() {
    let mut house = Installation::start();
    let caller = (*house).clone();
    let browser = Browser::administrator(&caller, house.bootstrap()).await;
    let known = before(&house, &browser).await;
    let kept = tempfile::tempdir().unwrap();
    // While it runs, as docs/operations.md has it.
    for database in ["token", "portal", "pipelines"] {
        let copy = kept.path().join(format!("{database}.db"));
        python::sql(&house.file(&format!("{database}.db")), &format!("VACUUM INTO '{}'", copy.display()));
    }
    let later = after(&house, &known).await;
    assert!(house.stop().success());
    for database in ["token", "portal", "pipelines"] {
        for suffix in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(house.file(&format!("{database}.{suffix}")));
        }
        fs::copy(kept.path().join(format!("{database}.db")), house.file(&format!("{database}.db"))).unwrap();
    }
    // With the flag once; the next start is as any.
    let mut command = Launch::new(house.data_dir()).command();
    let mut first = suite::Process::start(command.arg("--restored"));
    wait::need("the restored installation", Duration::from_mins(1), || {
        assert_eq!(first.ended(), None, "{}", first.stderr());
        first.stdout().contains("is running").then_some(())
    });
    assert!(first.stderr().contains("tokens=2"), "{}", first.stderr());
    first.signal("TERM");
    assert!(first.wait(suite::STOP).success());
    house.start_again();
    is_as_it_must_be(&house, &known, &later, &browser.moved(&house)).await;
    let events = "SELECT data FROM audit_events WHERE type = 'DATABASE_RESTORED'";
    assert_eq!(python::sql(&house.file("token.db"), events).len(), 1);
}

/// As docs/operations.md has it.
fn postgres_tool(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn dump(database: &postgres::Database, file: &Path) {
    postgres_tool("pg_dump", &["--format=custom", "--file", file.to_str().unwrap(), &database.url()]);
}

fn restore(database: &postgres::Database, file: &Path) {
    database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    postgres_tool(
        "pg_restore",
        &["--no-owner", "--exit-on-error", "--dbname", &database.url(), file.to_str().unwrap()],
    );
}

#[tokio::test]
async fn of_postgresql_while_verifiers_go_on() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let settings = on_postgres(&token, &portal);
    let mut fleet = Fleet::with(&settings, |_| {});
    let caller = (*fleet).clone();
    let browser = Browser::administrator(&caller, fleet.bootstrap()).await;
    let known = before(&caller, &browser).await;
    let kept = tempfile::tempdir().unwrap();
    let files = [kept.path().join("token"), kept.path().join("portal")];
    dump(&token, &files[0]);
    let later = after(&caller, &known).await;
    assert!(fleet.split.stop(Part::Token).success());
    restore(&token, &files[0]);
    let mut environment = suite::Split::environment_of(&fleet.data_dir(), Part::Token);
    environment.retain(|(name, _)| name != "TOKEN_DATABASE__URL");
    environment.extend(settings.iter().filter(|(name, _)| name == "TOKEN_DATABASE__URL").cloned());
    let migrated = portals(&["migrate", "token", "--restored"], &environment);
    assert!(migrated.status.success(), "{}", migrated.stderr);
    // The portal service has known all these tokens, and never stopped.
    fleet.split.start_part(Part::Token);
    wait::need_async("calls to pass again", Duration::from_secs(30), async || {
        let request = caller.request(Method::POST, &suite::path(&known.portal.slug)).bearer_auth(&known.portal.token);
        (Answer::of(request.json(&json!({}))).await.status == 200).then_some(())
    })
    .await;
    is_as_it_must_be(&caller, &known, &later, &browser).await;
    let head: u64 = token.sql("SELECT head FROM revocation_head").trim().parse().unwrap();
    assert!(head > 1_000_000_000_000_000, "the sequence goes on where no verifier has been: {head}");
}

#[tokio::test]
async fn of_postgresql_from_a_base_backup_and_its_archived_log() {
    let Some(cluster) = Cluster::archiving() else { return };
    cluster.create("token");
    cluster.create("portal");
    let settings = Cluster::settings(cluster.address());
    let mut fleet = Fleet::with(&settings, |_| {});
    let caller = (*fleet).clone();
    let browser = Browser::administrator(&caller, fleet.bootstrap()).await;
    // Everything that follows is in the log alone.
    cluster.back_up();
    let known = before(&caller, &browser).await;
    let kept = caller.issue(&known.portal, "service_tokens", json!({})).await;
    let instant = cluster.now();
    let later = after(&caller, &known).await;
    let portal = caller.portal_of(QUERY).await;
    let token = caller.issue(&known.portal, "service_tokens", json!({})).await;
    caller.remove(&known.portal, "service_tokens", &kept.uuid, "?wait=true").await.expect(204);
    cluster.archive();
    for part in [Part::Gateway, Part::Portal, Part::Token] {
        assert!(fleet.split.stop(part).success());
    }
    cluster.recover(&instant);
    for part in [Part::Token, Part::Portal] {
        let name = if part == Part::Token { "token" } else { "portal" };
        let mut environment = suite::Split::environment_of(&fleet.data_dir(), part);
        environment.retain(|(name, _)| !settings.iter().any(|(given, _)| given == name));
        environment.extend(settings.iter().filter(|(given, _)| given.starts_with(&name.to_uppercase())).cloned());
        let migrated = portals(&["migrate", name, "--restored"], &environment);
        assert!(migrated.status.success(), "{}", migrated.stderr);
    }
    fleet.split.start_all();
    is_as_it_must_be(&caller, &known, &later, &browser).await;
    // As it was at that instant: what lives longer than a day is back, what came later isn't there.
    caller.call_with(&known.portal, &kept.value).await.data();
    caller.call_with(&known.portal, &token.value).await.error(401);
    caller.call(&portal, json!({})).await.error(401);
    assert_eq!(caller.get(&format!("{PORTALS}/{}", portal.slug)).await.status, 404);
}
