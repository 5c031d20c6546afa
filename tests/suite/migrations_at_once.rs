//! Migrations that several processes run at once, as a rolling deployment may.

use std::thread;

use suite::{Part, Split, portals, postgres};

#[test]
fn two_migrations_at_once_both_succeed_and_the_schema_is_made_once() {
    let (Some(token), Some(portal)) = (postgres::Database::new(), postgres::Database::new()) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut settings = Split::environment_of(directory.path(), Part::Token);
    settings.extend(Split::environment_of(directory.path(), Part::Portal));
    settings.extend(suite::on_postgres(&token, &portal));
    let migrate = || portals(&["migrate", "token", "portal"], &settings);
    let ended = thread::scope(|scope| {
        let running = [(); 4].map(|()| scope.spawn(migrate));
        running.map(|running| running.join().unwrap())
    });
    assert!(ended.iter().all(|ended| ended.status.success()), "{ended:#?}");
    let names = |database: &postgres::Database, table: &str| {
        database.sql(&format!("SELECT count(*) - count(DISTINCT version) FROM {table}"))
    };
    assert_eq!(names(&token, "token_migrations").trim(), "0");
    assert_eq!(names(&portal, "portal_migrations").trim(), "0");
    assert!(portals(&["migrate", "token", "portal"], &settings).status.success(), "nothing is left to be done");
}
