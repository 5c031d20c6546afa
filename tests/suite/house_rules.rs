//! The rules of the house, held against the tree as it is.

use std::fs;

use suite::rules::{
    directions, names, reasons, secrecy, settings, sizes,
    tree::{self, Source},
};

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

fn read(path: &str) -> String {
    fs::read_to_string(tree::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn sources() -> Vec<Source> {
    let sources = tree::sources();
    assert!(sources.iter().any(|source| source.path == "gateway/src/lib.rs"), "the tree wasn't found");
    sources
}

#[test]
fn crates_depend_in_the_right_direction() {
    none("wrong dependencies", &directions::between_crates(&sources()));
}

#[test]
fn rooms_know_only_what_they_may() {
    none("wrong words", &directions::inside(&sources()));
}

#[test]
fn files_and_functions_are_short() {
    none("long files", &sizes::files(&sources()));
    none("long functions", &sizes::functions(&sources()));
}

#[test]
fn module_names_say_something() {
    none("bad names", &names::banned(&sources()));
}

#[test]
fn every_error_code_is_documented() {
    none("undocumented codes", &reasons::undocumented(&sources(), &read("docs/errors.md")));
}

#[test]
fn every_row_of_the_errors_says_what_happened_and_what_to_do() {
    none("rows of docs/errors.md", &reasons::faulty_rows(&read("docs/errors.md")));
}

#[test]
fn every_reason_of_the_contracts_is_documented() {
    let packages = [
        "token/v1/token",
        "audit/v1/audit",
        "credential/v1/credential",
        "registry/v1/registry",
        "execution/v1/execution",
    ];
    let people = ["directory/v1/directory", "directory/v1/operator", "directory/v1/session"];
    let contracts = packages.iter().chain(&people).map(|name| read(&format!("proto/portals/{name}.proto")));
    let contracts: String = contracts.collect();
    assert!(contracts.contains("SLOW_HASH_BUSY"), "no reasons in the contracts");
    none("undocumented reasons", &reasons::undocumented_in(&contracts, &read("docs/errors.md")));
}

#[test]
fn no_credential_and_no_machine_path_is_in_the_tree() {
    none("leaks", &secrecy::leaks(&sources()));
}

#[test]
fn every_setting_is_in_its_example_and_the_other_way_round() {
    for (part, config) in [("token", "services/token"), ("portal", "services/portal"), ("gateway", "gateway")] {
        let (config, example) =
            (read(&format!("{config}/src/config.rs")), read(&format!("deploy/env/{part}.env.example")));
        none(part, &settings::differences(&part.to_uppercase(), &config, &example));
    }
}

#[test]
fn the_settings_of_the_specification_exist() {
    let promised = [
        "TOKEN_KEYS__FILE",
        "TOKEN_DATABASE__URL",
        "TOKEN_LIMITS__REST_PER_MINUTE",
        "TOKEN_LIMITS__REST_USER_PER_MINUTE",
        "TOKEN_LIMITS__EXCHANGES_PER_MINUTE",
        "TOKEN_LIMITS__FAILURES_PER_MINUTE",
        "TOKEN_LIMITS__CODES_PER_MINUTE",
        "PORTAL_KEYS__FILE",
        "PORTAL_LIMITS__REQUESTS_PER_MINUTE",
        "PORTAL_PUBLIC__URL",
        "PORTAL_UPSTREAM__ALLOWED_NETWORKS",
        "GATEWAY_PUBLIC__URL",
    ];
    let examples = ["token", "portal", "gateway"].map(|part| read(&format!("deploy/env/{part}.env.example")));
    let shown = settings::names(&examples.join("\n"));
    let missing: Vec<String> =
        promised.iter().filter(|name| !shown.contains(**name)).map(|&name| name.to_owned()).collect();
    none("settings that spec §4, §8, §10 and §13 name", &missing);
}
