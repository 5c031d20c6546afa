//! Whoever takes the databases has no credential in any spelling (S1), and whoever writes to them can't make one (S2).

use std::{fs, process::Command};

use serde_json::json;
use suite::{
    Installation, canaries,
    leaks::{find, search},
    on_postgres, postgres, python,
};

const DATABASES: [&str; 3] = ["token.db", "portal.db", "pipelines.db"];

#[tokio::test]
async fn no_credential_is_in_databases_logs_of_them_and_backups() {
    let mut house = Installation::start_with(&canaries::SETTINGS);
    let canaries = house.canaries().await;
    let canaries: Vec<(&str, &str)> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    assert!(canaries.len() >= 30, "not every kind was made");
    // While it runs the write-ahead logs are there.
    let (files, found) = search(house.data_dir(), &canaries);
    assert!(files >= 6, "only {files} files");
    assert_eq!(found, Vec::<String>::new());
    let backups = tempfile::tempdir().unwrap();
    for database in DATABASES {
        let copy = backups.path().join(database);
        python::sql(&house.file(database), &format!("VACUUM INTO '{}'", copy.display()));
        assert!(fs::metadata(copy).unwrap().len() > 0);
    }
    assert_eq!(search(backups.path(), &canaries).1, Vec::<String>::new());
    assert!(house.stop().success());
    assert_eq!(search(house.data_dir(), &canaries).1, Vec::<String>::new());
}

#[tokio::test]
async fn no_credential_is_in_a_dump_of_postgresql() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let settings = on_postgres(&token, &portal);
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let settings: Vec<_> = settings.chain(canaries::SETTINGS).collect();
    let house = Installation::start_with(&settings);
    let canaries = house.canaries().await;
    let canaries: Vec<(&str, &str)> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    for database in [&token, &portal] {
        let dump = Command::new("pg_dump").arg(database.url()).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        assert!(dump.stdout.len() > 1_000);
        assert_eq!(find(&dump.stdout, &canaries, "the dump"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_row_of_another_class_that_somebody_copied_mints_nothing() {
    let mut house = Installation::start();
    let portal = house.invokable("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    let ephemeral = house.ephemeral(&portal, &secret).await;
    let other = house.portal_of("{ viewer { id } }").await;
    assert!(house.stop().success());
    // An API token's tag as a portal token's, and a portal token's as an API token's.
    let file = house.file("token.db");
    let of_api = "UPDATE portal_tokens SET tag = (SELECT tag FROM api_tokens LIMIT 1) WHERE portal_uuid = \
                  (SELECT portal_uuid FROM portal_tokens WHERE last_four = '{}' LIMIT 1)";
    python::sql(&file, &of_api.replace("{}", &other.token[other.token.len() - 4..]));
    house.start_again();
    house.call_with(&other, house.api_token()).await.error(401);
    house.call_with(&other, &other.token).await.error(401);
    house.call_with(&portal, &ephemeral).await.data();
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn a_tampered_hash_burns_no_processor_and_lets_nobody_in() {
    let mut house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = house.secret(&portal).await;
    assert!(house.stop().success());
    let file = house.file("token.db");
    let column = python::sql(
        &file,
        "SELECT name FROM pragma_table_info('portal_secrets') WHERE name LIKE '%phc%' OR name LIKE '%hash%'",
    );
    let column = column.first().unwrap_or_else(|| panic!("no column of the hash"))["name"].as_str().unwrap().to_owned();
    python::sql(&file, &format!("UPDATE portal_secrets SET {column} = replace({column}, 'i=600000', 'i=4000000000')"));
    house.start_again();
    let begun = std::time::Instant::now();
    let answer = house.exchange(&portal, suite::grant(&portal, &secret.value)).await;
    assert!(answer.status >= 400, "{answer:#?}");
    assert!(begun.elapsed().as_secs() < 10, "it took {:?}", begun.elapsed());
}
