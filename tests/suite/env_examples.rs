//! `deploy/env/*.env.example`: what is in them is accepted, and what they say of defaults is true.

use std::fs;

use suite::rules::{settings, tree};

/// The settings of an example, with files that exist in the place of those that it names.
fn given(example: &str, directory: &std::path::Path) -> Vec<(String, String)> {
    let secret = directory.join("secret");
    fs::write(&secret, "for-this-test-only-0123456789abcdef").unwrap();
    let place = |(name, value): (String, String)| {
        let value = if name.ends_with("KEY_FILE") { secret.display().to_string() } else { value };
        (name, value)
    };
    settings::values(example).into_iter().map(place).collect()
}

fn example(part: &str) -> String {
    fs::read_to_string(tree::root().join(format!("deploy/env/{part}.env.example"))).unwrap()
}

#[test]
fn every_example_is_a_configuration_that_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for part in ["token", "portal", "gateway"] {
        let checked = suite::portals(&["check-config", part], &given(&example(part), directory.path()));
        assert_eq!(checked.status.code(), Some(0), "{part}: {}", checked.stderr);
        for (name, value) in settings::values(&example(part)) {
            let shown = checked.stdout.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            let is_secret = name.ends_with("KEY_FILE") || name.ends_with("DATABASE__URL");
            assert!(is_secret || shown == Some(&value), "{name}={value} is shown as {shown:?}");
        }
        assert!(!checked.stdout.contains("for-this-test-only"), "a secret is shown:\n{}", checked.stdout);
    }
}

#[test]
fn what_is_commented_out_is_what_counts_when_it_is_not_set() {
    let directory = tempfile::tempdir().unwrap();
    for part in ["token", "portal", "gateway"] {
        let example = example(part);
        let checked = suite::portals(&["check-config", part], &given(&example, directory.path()));
        let commented = example.lines().filter_map(|line| line.strip_prefix("# ")?.split_once('='));
        // A database's URL is a secret, and is never shown.
        let commented = commented.filter(|(name, _)| name.contains("__") && !name.ends_with("DATABASE_URL"));
        for (name, value) in commented {
            let shown = checked.stdout.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            assert_eq!(shown, Some(value), "the default of {name}");
        }
    }
}

#[test]
fn no_secret_is_shown_however_it_is_given_and_whatever_else_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let (url, key) = ("postgres://portals:hush-database@postgres/portals", "hush-service-0123456789abcdefghi");
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (url_file, key_file) = (file("url", url), file("key", key));
    for part in ["token", "portal"] {
        let name = |key: &str| format!("{}_{key}", part.to_uppercase());
        for (form, database, service) in [("", url, key), ("_FILE", &*url_file, &*key_file)] {
            let mut given = given(&example(part), directory.path());
            given.retain(|(known, _)| !known.contains("DATABASE__URL") && !known.contains("SERVICE__KEY"));
            given.push((name("DATABASE__URL") + form, database.to_owned()));
            given.push((name("SERVICE__KEY") + form, service.to_owned()));
            given.push((name("LIMITS__NONE"), "1".to_owned()));
            for code in [78, 0] {
                let checked = suite::portals(&["check-config", part], &given);
                assert_eq!(checked.status.code(), Some(code), "{}", checked.stderr);
                for secret in ["hush-database", "hush-service"] {
                    assert!(!checked.stdout.contains(secret) && !checked.stderr.contains(secret), "{part}{form}");
                }
                given.pop();
            }
        }
    }
}

#[test]
fn a_name_that_no_part_knows_is_refused_by_every_part() {
    let directory = tempfile::tempdir().unwrap();
    for part in ["token", "portal", "gateway"] {
        for other in ["TOKEN", "PORTAL", "GATEWAY"] {
            let (known, unknown) = (format!("{other}_ADMIN__LISTEN"), format!("{other}_LIMITS__NO_SUCH"));
            let mut given = given(&example(part), directory.path());
            given.push((known, "127.0.0.1:0".to_owned()));
            assert_eq!(suite::portals(&["check-config", part], &given).status.code(), Some(0), "{part}, {other}");
            given.push((unknown.clone(), "1".to_owned()));
            let checked = suite::portals(&["check-config", part], &given);
            assert_eq!(checked.status.code(), Some(78), "{part}, {other}");
            assert_eq!(checked.stderr.trim(), format!("portals: {unknown} is no setting"));
        }
    }
}

#[test]
fn a_migration_needs_no_address_of_another_part() {
    let directory = tempfile::tempdir().unwrap();
    let mut given = given(&example("portal"), directory.path());
    given.retain(|(name, _)| name != "PORTAL_TOKEN__URL");
    let checked = suite::portals(&["check-config", "portal"], &given);
    assert!(checked.stderr.contains("PORTAL_TOKEN__URL is missing"), "{}", checked.stderr);
    let database = format!("sqlite:{}", directory.path().join("portal.db").display());
    given.retain(|(name, _)| name != "PORTAL_DATABASE__URL");
    given.push(("PORTAL_DATABASE__URL".to_owned(), database));
    let migrated = suite::portals(&["migrate", "portal"], &given);
    assert_eq!(migrated.status.code(), Some(0), "{}", migrated.stderr);
}

#[test]
fn every_problem_of_a_configuration_is_reported_at_once() {
    let wrong = [("TOKEN_LIMITS__REST_PER_MINUTE", "many"), ("TOKEN_NO__SUCH", "1")];
    let wrong = wrong.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let checked = suite::portals(&["check-config", "token"], &wrong);
    assert_eq!(checked.status.code(), Some(78));
    for name in ["TOKEN_DATABASE__URL", "TOKEN_KEYS__FILE", "TOKEN_LIMITS__REST_PER_MINUTE", "TOKEN_NO__SUCH"] {
        assert!(checked.stderr.contains(name), "nothing about {name}:\n{}", checked.stderr);
    }
}
