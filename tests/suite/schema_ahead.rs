//! A migration of the next version comes while this one runs: it adds, and this version goes on until it is replaced (R12).

use reqwest::Method;
use serde_json::json;
use suite::{Fleet, PORTALS, Part, Split, on_postgres, portals, postgres, wait};
use tokio::task::JoinSet;

const QUERY: &str = "{ viewer { id } }";

/// What an expand migration may do to tables that the running version reads and writes.
const EXPAND: [(&str, &str); 2] = [
    (
        "token_migrations",
        "ALTER TABLE users ADD COLUMN nickname text; ALTER TABLE portal_tokens ADD COLUMN color text DEFAULT 'blue'; \
         ALTER TABLE audit_events ADD COLUMN weight integer NOT NULL DEFAULT 1; CREATE TABLE next_things (uuid uuid PRIMARY KEY)",
    ),
    (
        "portal_migrations",
        "ALTER TABLE portals ADD COLUMN color text; ALTER TABLE portal_versions ADD COLUMN color text NOT NULL DEFAULT ''; \
         ALTER TABLE pipelines ADD COLUMN stars integer NOT NULL DEFAULT 0; ALTER TABLE builds ADD COLUMN color text; \
         CREATE INDEX portals_color ON portals (color); CREATE TABLE next_portals (uuid uuid PRIMARY KEY)",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_goes_on_over_an_added_column_and_is_not_started_anew() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let settings = on_postgres(&token, &portal);
    let mut fleet = Fleet::with(&settings, |_| {});
    let old = fleet.invokable(QUERY).await;
    let secret = fleet.secret(&old).await;
    let load = {
        let (caller, portal) = (suite::Caller::clone(&fleet), old.clone());
        let mut calling = JoinSet::new();
        calling.spawn(async move {
            for _ in 0..200 {
                caller.call(&portal, json!({})).await.data();
            }
        });
        calling
    };
    for ((books, statements), database) in EXPAND.iter().zip([&token, &portal]) {
        // As a migration does it: in one transaction with its line in the books.
        let line = format!("INSERT INTO {books} (version, applied_at) VALUES ('m9999_next', 0)");
        database.sql(&format!("BEGIN; {statements}; {line}; COMMIT"));
    }
    load.join_all().await;
    // Statements that were prepared before, and those that weren't; reads and writes of every table that has changed.
    let ephemeral = fleet.ephemeral(&old, &secret).await;
    fleet.call_with(&old, &ephemeral).await.data();
    let new = fleet.portal_of(QUERY).await;
    fleet.call(&new, json!({})).await.data();
    let path = format!("{PORTALS}/{}", new.slug);
    fleet.rest(Method::PUT, &path, Some(json!({"query": "{ viewer { user { name } } }"}))).await.expect(200);
    wait::need_async("the new version", std::time::Duration::from_secs(30), async || {
        fleet.call(&new, json!({})).await.data()["viewer"].get("user").map(drop)
    })
    .await;
    fleet.pipeline_id().await;
    let builds = "/v2/organizations/my-organization/pipelines/my-pipeline/builds";
    fleet.rest(Method::POST, builds, Some(json!({"commit": "HEAD", "branch": "main"}))).await.expect(201);
    fleet.get("/v2/organizations/my-organization/audit_events").await.expect(200);
    fleet.rest(Method::DELETE, &path, None).await.expect(204);
    // A process of this version that starts now would not know what it starts on.
    assert!(fleet.split.stop(Part::Token).success());
    let mut environment = Split::environment_of(&fleet.data_dir(), Part::Token);
    environment.retain(|(name, _)| name != "TOKEN_DATABASE__URL");
    environment.extend(settings.iter().filter(|(name, _)| name == "TOKEN_DATABASE__URL").cloned());
    for arguments in [["run", "token"], ["migrate", "token"]] {
        let refused = portals(&arguments, &environment);
        assert!(!refused.status.success() && refused.stderr.contains("m9999_next"), "{}", refused.stderr);
    }
}
